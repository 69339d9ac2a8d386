"""What we keep of a field-service business: jobs, bookings and calls, without anybody's name, address or phone number.

The fields are the allow-list: what is not here is dropped where it comes in, and never stored.
Times are UTC; ServiceTitan's ids pass 2**53, so they are never floats.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import StrEnum

OLDEST = datetime.min.replace(tzinfo=UTC)
# How far behind the last complete pass we start again when the place to go on from is lost.
OVERLAP = timedelta(days=2)


class Feed(StrEnum):
    CALLS = "calls"
    BOOKINGS = "bookings"
    JOBS = "jobs"


class SourceFault(StrEnum):
    """Why a page could not be read, as far as the sync has to act on it."""

    CREDENTIALS = "credentials"
    """The client or its key is refused: no other call can succeed."""
    FORBIDDEN = "forbidden"
    """This feed is not granted."""
    INVALID = "invalid"
    """What we asked for is refused; with a stored place to go on from, that place is dead."""
    UNAVAILABLE = "unavailable"
    """No good answer within the tries, or one that makes no sense."""
    OUT_OF_TIME = "out_of_time"
    """The time that is left does not suffice for another try."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    id: int
    number: str | None
    status: str
    created_on: datetime | None
    modified_on: datetime | None
    completed_on: datetime | None
    created_by_id: int | None
    business_unit_id: int | None
    job_type_id: int | None
    campaign_id: int | None
    lead_call_id: int | None
    partner_lead_call_id: int | None
    booking_id: int | None
    invoice_id: int | None
    recall_for_id: int | None
    total: Decimal | None
    is_free: bool
    is_active: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Booking:
    """`external_id` is whatever the agent that made it wrote there: its run, if it is one of ours."""

    id: int
    status: str
    source: str | None
    external_id: str | None
    booking_provider_id: int | None
    job_id: int | None
    campaign_id: int | None
    business_unit_id: int | None
    job_type_id: int | None
    starts_on: datetime | None
    created_on: datetime | None
    modified_on: datetime | None
    is_active: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """`type`: Booked, Unbooked, Excused, Abandoned, NotLead, or whatever they add; none before it is classified."""

    id: int
    direction: str | None
    status: str | None
    type: str | None
    duration_s: int | None
    created_on: datetime | None
    modified_on: datetime | None
    agent_id: int | None
    campaign_id: int | None
    job_id: int | None
    lead_id: int | None
    reason_id: int | None
    is_active: bool


Row = Job | Booking | Call
KINDS: dict[Feed, type[Job] | type[Booking] | type[Call]] = {
    Feed.CALLS: Call,
    Feed.BOOKINGS: Booking,
    Feed.JOBS: Job,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedPage:
    """`continue_from`: where the next page starts, opaque. `unreadable`: rows of it that made no sense to us."""

    feed: Feed
    rows: tuple[Row, ...]
    continue_from: str
    has_more: bool
    unreadable: int = 0

    def __post_init__(self) -> None:
        if not self.continue_from:
            raise ValueError("a page says where the next one starts")
        if not all(isinstance(row, KINDS[self.feed]) for row in self.rows):
            raise ValueError(f"a page of {self.feed} holds nothing else")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cursor:
    """How far a feed is read. `caught_up_at`: when it last had nothing more."""

    continue_from: str | None = None
    caught_up_at: datetime | None = None

    def restart(self, now: datetime, backfill: timedelta) -> datetime:
        """Where to start without `continue_from`: nothing that changed since we last had everything may be missed."""
        return (self.caught_up_at - OVERLAP) if self.caught_up_at else now - backfill


def newest_of(rows: Iterable[Row]) -> list[Row]:
    """Each id once, by its last change; of two with the same, or with none, the later in the page."""
    newest: dict[int, Row] = {}
    for row in rows:
        known = newest.get(row.id)
        if known is None or row.modified_on is None or row.modified_on >= (known.modified_on or OLDEST):
            newest[row.id] = row
    return list(newest.values())
