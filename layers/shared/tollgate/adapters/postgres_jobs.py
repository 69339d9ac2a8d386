"""Jobs, bookings and calls in Postgres, and how far each feed is read."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from psycopg import Connection
from psycopg.types.json import Jsonb

from tollgate.adapters.postgres import Postgres, query
from tollgate.domain.job import Cursor, Feed, FeedPage, newest_of
from tollgate.domain.job_text import row_record

READ_CURSORS = query("servicetitan_read_cursors")
MOVE_CURSOR = query("servicetitan_move_cursor")
NOTE_FAILURE = query("servicetitan_note_failure")
UPSERTS = {feed: query(f"servicetitan_upsert_{feed}") for feed in Feed}
MESSAGE_LENGTH_MAX = 500


class PostgresJobs:
    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres

    def read_cursors(self, connection_id: str) -> Mapping[Feed, Cursor]:
        def work(connection: Connection[Any]) -> list[tuple[str, str | None, datetime | None]]:
            return connection.execute(READ_CURSORS, {"connection_id": connection_id}).fetchall()

        return {
            Feed(feed): Cursor(continue_from=continue_from, caught_up_at=caught_up_at)
            for feed, continue_from, caught_up_at in self._postgres.run(work)
        }

    def store_page(self, connection_id: str, page: FeedPage, *, previous: str | None, at: datetime) -> bool:
        move = {
            "connection_id": connection_id,
            "feed": page.feed.value,
            "continue_from": page.continue_from,
            "previous": previous,
            "caught_up_at": None if page.has_more else at,
            "at": at,
            "unreadable": page.unreadable,
        }
        # One statement cannot write a row twice, and a page may hold it twice.
        rows = [row_record(row) for row in newest_of(page.rows)]

        def work(connection: Connection[Any]) -> bool:
            # First the cursor: its row is the lock that keeps two pages of a feed apart.
            if connection.execute(MOVE_CURSOR, move).rowcount == 0:
                return False
            connection.execute(UPSERTS[page.feed], {"connection_id": connection_id, "rows": Jsonb(rows)})
            return True

        return self._postgres.run(work)

    def note_failure(self, connection_id: str, feed: Feed, *, message: str, at: datetime) -> None:
        facts = {
            "connection_id": connection_id,
            "feed": feed.value,
            "message": message.replace("\0", "")[:MESSAGE_LENGTH_MAX],
            "at": at,
        }
        self._postgres.run(lambda connection: connection.execute(NOTE_FAILURE, facts))
