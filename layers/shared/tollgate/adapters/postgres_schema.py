"""The schema's history in Postgres, and the migrations that this release ships with."""

from collections.abc import Mapping
from pathlib import Path

from psycopg import Connection
from psycopg.rows import TupleRow

from tollgate.adapters.postgres import Postgres, query
from tollgate.domain.migration import Migration, check_unchanged

MIGRATIONS = Path(__file__).parent.parent / "migrations"
HISTORY = "SELECT number, checksum FROM schema_migrations"


def migrations(folder: Path = MIGRATIONS) -> tuple[Migration, ...]:
    paths = sorted(folder.glob("*.sql"))
    return tuple(Migration(name=path.stem, sql=path.read_text(encoding="utf-8")) for path in paths)


class PostgresSchema:
    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres

    def applied(self) -> Mapping[int, str]:
        def work(connection: Connection[TupleRow]) -> dict[int, str]:
            _begin(connection)
            return dict(connection.execute(HISTORY).fetchall())

        return self._postgres.run(work)

    def apply(self, migration: Migration) -> bool:
        def work(connection: Connection[TupleRow]) -> bool:
            _begin(connection)
            checksums: dict[int, str] = dict(connection.execute(HISTORY).fetchall())
            if migration.number in checksums:
                check_unchanged(migration, checksums[migration.number])
                return False
            connection.execute(migration.sql.encode())
            connection.execute(
                "INSERT INTO schema_migrations (number, name, checksum) VALUES (%s, %s, %s)",
                [migration.number, migration.name, migration.checksum],
            )
            return True

        return self._postgres.run(work)

    def give_rights(self) -> None:
        def work(connection: Connection[TupleRow]) -> None:
            _begin(connection)
            connection.execute(query("give_rights"))

        self._postgres.run(work)


def _begin(connection: Connection[TupleRow]) -> None:
    """Waits for its turn, without the session's time limit. That pins the proxy's connection, which is no harm here."""
    connection.execute("SET LOCAL statement_timeout = 0")
    connection.execute("SELECT pg_advisory_xact_lock(hashtextextended('tollgate.schema_migrations', 0))")
    connection.execute(
        "CREATE TABLE IF NOT EXISTS schema_migrations ("
        "number integer PRIMARY KEY, name text NOT NULL, checksum text NOT NULL,"
        " applied_at timestamptz NOT NULL DEFAULT now())"
    )
