"""The months of spans in Postgres, each a partition."""

from collections.abc import Sequence

from psycopg import Connection
from psycopg.errors import LockNotAvailable
from psycopg.rows import TupleRow

from tollgate.adapters.postgres import Postgres, query


class PostgresMonths:
    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres

    def months_before(self, month: str) -> Sequence[str]:
        rows = self._postgres.run(
            lambda connection: connection.execute(query("span_months"), {"month": month}).fetchall()
        )
        return tuple(row[0] for row in rows)

    def drop_month(self, month: str) -> bool:
        def work(connection: Connection[TupleRow]) -> bool:
            # It reads the whole month. That pins the proxy's connection, which is no harm once a day.
            connection.execute("SET LOCAL statement_timeout = 0")
            found = connection.execute("SELECT drop_span_partition(%s)", [f"{month}-01"]).fetchone()
            return found is not None and bool(found[0])

        try:
            return self._postgres.run(work)
        except LockNotAvailable:
            return False
