"""Rows of ServiceTitan's feeds to test with, stored as the sync stores them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb

from tests.fakes.spans import NOON
from tollgate.adapters.postgres import Postgres
from tollgate.adapters.servicetitan_upsert import upsert_of
from tollgate.domain.job import KINDS, Booking, Call, Feed, Invoice, Job, Lead, Row
from tollgate.domain.job_text import row_record

FEEDS: Mapping[type[Row], Feed] = {kind: feed for feed, kind in KINDS.items()}
USUAL: Mapping[Feed, Mapping[str, Any]] = {
    Feed.JOBS: {"status": "Scheduled", "created_on": NOON, "tag_ids": (), "is_free": False},
    Feed.BOOKINGS: {"status": "New"},
    Feed.CALLS: {"type": "Booked", "created_on": NOON},
    Feed.LEADS: {"status": "Open"},
}


def _row(feed: Feed, id_: int, fields: Mapping[str, Any]) -> Any:
    kind = KINDS[feed]
    nothing: dict[str, Any] = dict.fromkeys(kind.__dataclass_fields__)
    return kind(**{**nothing, "is_active": True, **USUAL.get(feed, {}), **fields, "id": id_})


def job(id_: int, **fields: Any) -> Job:
    return _row(Feed.JOBS, id_, fields)  # type: ignore[no-any-return]


def booking(id_: int, **fields: Any) -> Booking:
    return _row(Feed.BOOKINGS, id_, fields)  # type: ignore[no-any-return]


def call(id_: int, **fields: Any) -> Call:
    return _row(Feed.CALLS, id_, fields)  # type: ignore[no-any-return]


def lead(id_: int, **fields: Any) -> Lead:
    return _row(Feed.LEADS, id_, fields)  # type: ignore[no-any-return]


def invoice(id_: int, **fields: Any) -> Invoice:
    return _row(Feed.INVOICES, id_, fields)  # type: ignore[no-any-return]


@dataclass
class FieldService:
    """The businesses behind connections. `tenants`: connection -> whose it is; `rows`: (connection, feed) -> id -> row."""

    postgres: Postgres
    tenants: dict[str, str] = field(default_factory=dict)
    rows: dict[tuple[str, Feed], dict[int, Row]] = field(default_factory=dict)

    def connect(self, connection_id: str, tenant_id: str = "acme-hvac") -> None:
        self.tenants[connection_id] = tenant_id
        self._run(
            "INSERT INTO servicetitan_connections VALUES (%s, %s, 'America/Chicago', now()) "
            "ON CONFLICT (connection_id) DO UPDATE SET tenant_id = excluded.tenant_id",
            [connection_id, tenant_id],
        )

    def put(self, *rows: Row, connection_id: str = "shop") -> None:
        for row in rows:
            self.rows.setdefault((connection_id, FEEDS[type(row)]), {})[row.id] = row
        for feed in {FEEDS[type(row)] for row in rows}:
            # Of one that comes twice the last is there: one statement cannot write a row twice.
            records = list({row.id: row_record(row) for row in rows if FEEDS[type(row)] is feed}.values())
            self._run(upsert_of(feed), {"connection_id": connection_id, "rows": Jsonb(records)})

    def catch_up(self, connection_id: str, feeds: Iterable[Feed], at: datetime) -> None:
        """As if all of these feeds had been read to their end."""
        for feed in feeds:
            self._run(
                "INSERT INTO servicetitan_cursors (connection_id, feed, caught_up_at, has_more) VALUES (%s, %s, %s, false) "
                "ON CONFLICT (connection_id, feed) DO UPDATE SET caught_up_at = excluded.caught_up_at",
                [connection_id, feed.value, at],
            )

    def all_of(self, feed: Feed, tenant_id: str) -> dict[tuple[str, int], Any]:
        return {
            (connection_id, row.id): row
            for (connection_id, of), rows in self.rows.items()
            if of is feed and self.tenants.get(connection_id) == tenant_id
            for row in rows.values()
        }

    def _run(self, statement: str | bytes, parameters: Any) -> None:
        text = statement if isinstance(statement, bytes) else statement.encode()
        self.postgres.run(lambda connection: connection.execute(text, parameters))
