"""Jobs to test with, a source that says what it is told to, and the store in memory."""

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from tollgate.domain.errors import JobSourceFailed
from tollgate.domain.job import OLDEST, Booking, Call, Cursor, Feed, FeedPage, Job, Row, newest_of

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def a_job(id_: int, **fields: Any) -> Job:
    usual: dict[str, Any] = dict.fromkeys(Job.__dataclass_fields__)
    usual |= {"status": "Scheduled", "created_on": NOON, "modified_on": NOON, "total": Decimal("99.50")}
    return Job(**{**usual, "is_free": False, "is_active": True, **fields, "id": id_})


def a_booking(id_: int, **fields: Any) -> Booking:
    usual: dict[str, Any] = dict.fromkeys(Booking.__dataclass_fields__)
    return Booking(**{**usual, "status": "New", "modified_on": NOON, "is_active": True, **fields, "id": id_})


def a_call(id_: int, **fields: Any) -> Call:
    usual: dict[str, Any] = dict.fromkeys(Call.__dataclass_fields__)
    return Call(**{**usual, "type": "Booked", "modified_on": NOON, "is_active": True, **fields, "id": id_})


def a_page(*rows: Row, ends: str, feed: Feed = Feed.JOBS, has_more: bool = False, unreadable: int = 0) -> FeedPage:
    return FeedPage(feed=feed, rows=rows, continue_from=ends, has_more=has_more, unreadable=unreadable)


class ScriptedSource:
    """Gives what stands in `script` for a feed and a start; a feed that is not in it has nothing new."""

    def __init__(self, script: Mapping[tuple[Feed, str], FeedPage | JobSourceFailed]) -> None:
        self.script = dict(script)
        self.asked: list[tuple[Feed, str]] = []
        self.before: Callable[[Feed], None] = lambda _: None

    def read_page(self, feed: Feed, start: str | date, *, time_left: timedelta) -> FeedPage:
        self.before(feed)
        key = (feed, start if isinstance(start, str) else "day")
        self.asked.append((feed, str(start)))
        found = self.script.get(key) or a_page(feed=feed, ends=f"{feed}-end")
        if isinstance(found, JobSourceFailed):
            raise found
        return found


class MemoryJobs:
    """JobStore in memory: one dictionary for each connection and feed."""

    def __init__(self) -> None:
        self.cursors: dict[tuple[str, Feed], Cursor] = {}
        self.kept: dict[tuple[str, Feed], dict[int, Row]] = {}
        self.failures: dict[tuple[str, Feed], str] = {}

    def read_cursors(self, connection_id: str) -> Mapping[Feed, Cursor]:
        return {feed: cursor for (owner, feed), cursor in self.cursors.items() if owner == connection_id}

    def store_page(self, connection_id: str, page: FeedPage, *, previous: str | None, at: datetime) -> bool:
        key = (connection_id, page.feed)
        known = self.cursors.get(key)
        if known is None and previous is not None:
            return False
        if known and known.continue_from not in (previous, page.continue_from):
            return False
        rows = self.kept.setdefault(key, {})
        for row in newest_of(page.rows):
            old = rows.get(row.id)
            if old is None or row.modified_on is None or row.modified_on >= (old.modified_on or OLDEST):
                rows[row.id] = row
        before = known.caught_up_at if known else None
        caught_up_at = before if page.has_more else at
        self.cursors[key] = Cursor(continue_from=page.continue_from, caught_up_at=caught_up_at)
        self.failures.pop(key, None)
        return True

    def note_failure(self, connection_id: str, feed: Feed, *, message: str, at: datetime) -> None:
        self.cursors.setdefault((connection_id, feed), Cursor())
        self.failures[connection_id, feed] = message

    def rows(self, connection_id: str, feed: Feed) -> list[Row]:
        rows = self.kept.get((connection_id, feed), {})
        return [rows[id_] for id_ in sorted(rows)]
