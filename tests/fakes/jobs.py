"""Jobs to test with, a source that says what it is told to, and the store in memory."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, get_type_hints

from tollgate.domain.connection import Connection, Environment
from tollgate.domain.errors import JobSourceFailed
from tollgate.domain.job import (
    KINDS,
    OLDEST,
    Booking,
    Call,
    Cursor,
    Feed,
    FeedPage,
    FeedPass,
    Job,
    Row,
    SourceFault,
    newest_of,
)
from tollgate.domain.job_text import value_type

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


SHOP = Connection(
    tenant_id="bluebird",
    environment=Environment.PRODUCTION,
    servicetitan_tenant_id="1001",
    timezone="America/Chicago",
)


def a_job(id_: int, **fields: Any) -> Job:
    usual: dict[str, Any] = dict.fromkeys(Job.__dataclass_fields__)
    usual |= {"status": "Scheduled", "created_on": NOON, "modified_on": NOON, "total": Decimal("99.50")}
    return Job(**{**usual, "tag_ids": (), "is_free": False, "is_active": True, **fields, "id": id_})


def a_booking(id_: int, **fields: Any) -> Booking:
    usual: dict[str, Any] = dict.fromkeys(Booking.__dataclass_fields__)
    return Booking(**{**usual, "status": "New", "modified_on": NOON, "is_active": True, **fields, "id": id_})


def a_call(id_: int, **fields: Any) -> Call:
    usual: dict[str, Any] = dict.fromkeys(Call.__dataclass_fields__)
    return Call(**{**usual, "type": "Booked", "modified_on": NOON, "is_active": True, **fields, "id": id_})


def a_row(feed: Feed, id_: int, **fields: Any) -> Row:
    """Of any feed, every field with a value of its own."""
    values = {
        str: "Wörd",
        int: 2**53 + 1,
        bool: True,
        datetime: NOON + timedelta(microseconds=7),
        date: date(2026, 11, 23),
        Decimal: Decimal("-12.34"),
        tuple: (1, 2**53 + 1),
    }
    kind = KINDS[feed]
    usual: dict[str, Any] = {name: values[value_type(hint)] for name, hint in get_type_hints(kind).items()}
    return kind(**{**usual, **fields, "id": id_})


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
        self.seen: dict[str, Connection] = {}
        self.cursors: dict[tuple[str, FeedPass], Cursor] = {}
        self.kept: dict[tuple[str, Feed], dict[int, Row]] = {}

    def begin(self, connection: Connection, *, at: datetime) -> Mapping[FeedPass, Cursor]:
        self.seen[connection.id] = connection
        return {each: cursor for (owner, each), cursor in self.cursors.items() if owner == connection.id}

    def store_page(
        self, connection_id: str, feed_pass: FeedPass, page: FeedPage, *, previous: str | None, at: datetime
    ) -> int | None:
        key = (connection_id, feed_pass)
        known = self.cursors.get(key)
        if known is None and previous is not None:
            return None
        if known and known.continue_from not in (previous, page.continue_from):
            return None
        rows = self.kept.setdefault((connection_id, page.feed), {})
        changed = 0
        for row in newest_of(page.rows):
            old = rows.get(row.id)
            if old is None or row.modified_on is None or row.modified_on >= (old.modified_on or OLDEST):
                changed += row != old
                rows[row.id] = row
        before = known.caught_up_at if known else None
        self.cursors[key] = Cursor(
            continue_from=page.continue_from,
            has_more=page.has_more,
            caught_up_at=before if page.has_more else at,
        )
        return changed

    def note_failure(
        self, connection_id: str, feed_pass: FeedPass, *, fault: SourceFault, message: str, at: datetime
    ) -> None:
        key = (connection_id, feed_pass)
        known = self.cursors.get(key, Cursor())
        self.cursors[key] = replace(known, fault=fault, error=message.replace("\0", ""), failed_at=at)

    @property
    def failures(self) -> dict[tuple[str, str], str]:
        return {(owner, each.name): cursor.error for (owner, each), cursor in self.cursors.items() if cursor.error}

    def rows(self, connection_id: str, feed: Feed) -> list[Row]:
        rows = self.kept.get((connection_id, feed), {})
        return [rows[id_] for id_ in sorted(rows)]
