"""Brings the database's schema to this release's: run by the deployment, before traffic moves."""

from collections.abc import Sequence
from dataclasses import dataclass

from tollgate.domain.migration import Migration, pending
from tollgate.ports import Schema


@dataclass(frozen=True, slots=True, kw_only=True)
class Migrated:
    """`applied`: names of those that this run applied; `version`: the highest number that is applied."""

    applied: tuple[str, ...]
    version: int


def migrate_database(migrations: Sequence[Migration], schema: Schema) -> Migrated:
    """Each in its own transaction; one that another run applied meanwhile is passed over.

    Rights are given anew each time: they are of the tables that there are then. Raises MigrationsDiffer, SpansUnavailable.
    """
    applied = tuple(migration.name for migration in pending(migrations, schema.applied()) if schema.apply(migration))
    schema.give_rights()
    return Migrated(applied=applied, version=max(schema.applied(), default=0))
