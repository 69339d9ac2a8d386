"""Changes of the database's schema, numbered, each applied once and never edited afterwards."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

NAME = re.compile(r"(\d{4})_[a-z0-9_]+")


class MigrationsDiffer(Exception):
    """The files and the database tell two histories: a person has to look."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Migration:
    """`name`: `NNNN_what`, the file's name without `.sql`."""

    name: str
    sql: str

    def __post_init__(self) -> None:
        if not NAME.fullmatch(self.name):
            raise ValueError(f"a migration is named like 0001_spans, not {self.name!r}")

    @property
    def number(self) -> int:
        return int(self.name[:4])

    @property
    def checksum(self) -> str:
        return hashlib.sha256(self.sql.encode()).hexdigest()


def pending(migrations: Sequence[Migration], applied: Mapping[int, str]) -> tuple[Migration, ...]:
    """Those not applied yet, by number, also where a higher number was applied before.

    `applied`: number -> checksum; numbers that no file has are those of a newer release, and left alone. Raises
    MigrationsDiffer for an applied file that was changed, and for two files of one number.
    """
    ordered = sorted(migrations, key=lambda migration: migration.number)
    for earlier, later in pairwise(ordered):
        if earlier.number == later.number:
            raise MigrationsDiffer(f"{earlier.name} and {later.name} have the same number")
    for migration in ordered:
        check_unchanged(migration, applied.get(migration.number))
    return tuple(migration for migration in ordered if migration.number not in applied)


def check_unchanged(migration: Migration, checksum: str | None) -> None:
    """Raises MigrationsDiffer where another content was applied; `checksum` is None where none was."""
    if checksum is not None and checksum != migration.checksum:
        raise MigrationsDiffer(f"{migration.name} was changed after it had been applied: add a new migration instead")
