"""Spans summed by whole UTC hours: which hours to sum again, and in what portions."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from tollgate.domain.posting import Deed
from tollgate.domain.span import Outcome

# What counts as a call: each hold that was used or may have been, and each record. Never a hold that was given back.
CALLS = frozenset({Outcome.OK, Outcome.REJECTED, Outcome.FAILED, Outcome.UNKNOWN, Outcome.LAPSED, Outcome.RECORDED})
# A late settlement has the call's true outcome, but the call was counted when it lapsed.
NEVER_A_CALL = Deed.LATE

# A span is stamped when its transaction begins and seen when that ends. No writer lives this long.
OVERLAP = timedelta(minutes=15)
# A backlog is worked off by so much of arrivals at a time, so that a run that is cut short has got somewhere.
SLICE = timedelta(hours=6)
HOURS_AT_ONCE = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantHour:
    """`hour`: its first instant, UTC."""

    tenant_id: str
    hour: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Touched:
    """The hours of the next slice of arrivals; once summed, the watermark may move to `until` (the store's clock).

    `is_last`: there is no further slice.
    """

    until: datetime
    is_last: bool
    hours: tuple[TenantHour, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """From `start` to `end`, the end excluded; aware instants."""

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        if self.start.tzinfo is None or self.end.tzinfo is None:
            raise ValueError("from and to must be instants with a time zone")
        if self.end <= self.start:
            raise ValueError("to must be later than from")


def stretch_of(start: str, end: str) -> Stretch:
    """From RFC 3339 instants or dates (UTC; `to` included when a date). Raises ValueError."""
    return Stretch(start=_instant(start), end=_instant(end) + timedelta(days=1 if len(end) == len("2026-11-01") else 0))


def portions(hours: Sequence[TenantHour]) -> Iterator[Sequence[TenantHour]]:
    """At most as many hours as one transaction sums within the statement's time limit."""
    for begin in range(0, len(hours), HOURS_AT_ONCE):
        yield hours[begin : begin + HOURS_AT_ONCE]


def pages_around(start: datetime, end: datetime) -> tuple[date, date]:
    """The first and last month whose pages can hold a span posted in this time.

    A page's month is the tenant's own, so it can begin before the month in UTC or end after it; and a hold settles, and
    a record counts, in the page that it was made in, at most days after that has ended.
    """
    first = start.astimezone(UTC).date().replace(day=1)
    last = (end.astimezone(UTC) + timedelta(days=1)).date().replace(day=1)
    return (first - timedelta(days=1)).replace(day=1), last


def _instant(text: str) -> datetime:
    instant = datetime.fromisoformat(text)
    return instant.replace(tzinfo=UTC) if len(text) == len("2026-11-01") else instant
