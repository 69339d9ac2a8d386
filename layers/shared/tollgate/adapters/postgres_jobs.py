"""Rows of ServiceTitan's feeds in Postgres, and how far each pass over a feed has come."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from psycopg import Connection
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from tollgate.adapters.postgres import Postgres, query
from tollgate.adapters.servicetitan_upsert import upsert_of
from tollgate.domain.connection import Connection as ServiceTitanConnection
from tollgate.domain.job import Cursor, FeedPage, FeedPass, SourceFault, newest_of
from tollgate.domain.job_text import row_record

SEE_CONNECTION = query("servicetitan_see_connection")
READ_CURSORS = query("servicetitan_read_cursors")
MOVE_CURSOR = query("servicetitan_move_cursor")
COUNT_CAUGHT = query("servicetitan_count_caught")
NOTE_FAILURE = query("servicetitan_note_failure")
MESSAGE_LENGTH_MAX = 500


class PostgresJobs:
    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres

    def begin(self, connection: ServiceTitanConnection, *, at: datetime) -> Mapping[FeedPass, Cursor]:
        facts = {"connection_id": connection.id, "tenant_id": connection.tenant_id, "timezone": connection.timezone}

        def work(session: Connection[Any]) -> list[dict[str, Any]]:
            session.execute(SEE_CONNECTION, facts | {"at": at})
            return session.cursor(row_factory=dict_row).execute(READ_CURSORS, facts).fetchall()

        return {FeedPass.named(row["feed"]): _cursor(row) for row in self._postgres.run(work)}

    def store_page(
        self, connection_id: str, feed_pass: FeedPass, page: FeedPage, *, previous: str | None, at: datetime
    ) -> int | None:
        move = {
            "connection_id": connection_id,
            "feed": feed_pass.name,
            "continue_from": page.continue_from,
            "has_more": page.has_more,
            "previous": previous,
            "caught_up_at": None if page.has_more else at,
            "at": at,
            "unreadable": page.unreadable,
        }
        # One statement cannot write a row twice, and a page may hold it twice.
        rows = [row_record(row) for row in newest_of(page.rows)]

        def work(session: Connection[Any]) -> int | None:
            # First the cursor: its row is the lock that keeps two pages of a pass apart.
            if session.execute(MOVE_CURSOR, move).rowcount == 0:
                return None
            if not rows:
                return 0
            upsert = {"connection_id": connection_id, "rows": Jsonb(rows)}
            changed = session.execute(upsert_of(page.feed), upsert).rowcount
            if feed_pass.is_overlap and changed:
                session.execute(COUNT_CAUGHT, move | {"caught": changed})
            return changed

        return self._postgres.run(work)

    def note_failure(
        self, connection_id: str, feed_pass: FeedPass, *, fault: SourceFault, message: str, at: datetime
    ) -> None:
        facts = {
            "connection_id": connection_id,
            "feed": feed_pass.name,
            "fault": fault.value,
            "message": message.replace("\0", "")[:MESSAGE_LENGTH_MAX],
            "at": at,
        }
        self._postgres.run(lambda session: session.execute(NOTE_FAILURE, facts))


def _cursor(row: Mapping[str, Any]) -> Cursor:
    """A failure that an older release noted says not why."""
    fault = SourceFault(row["fault"] or SourceFault.UNAVAILABLE) if row["failed_at"] else None
    return Cursor(**{name: row[name] for name in row if name != "feed"} | {"fault": fault})
