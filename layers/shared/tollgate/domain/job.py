"""What we keep of a field-service business: its jobs and what led to them, without anybody's name, address or phone number.

The fields are the allow-list: what is not here is dropped where it comes in, and never stored.
Times are UTC; ServiceTitan's ids pass 2**53, so they are never floats; money is US dollars, as they say it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Self

OLDEST = datetime.min.replace(tzinfo=UTC)


class Feed(StrEnum):
    """In the order in which a run reads them: what an owner looks at first."""

    JOBS = "jobs"
    BOOKINGS = "bookings"
    CALLS = "calls"
    CANCELLATIONS = "cancellations"
    INVOICES = "invoices"
    ASSIGNMENTS = "assignments"
    LEADS = "leads"
    APPOINTMENTS = "appointments"
    BUSINESS_UNITS = "business_units"
    TECHNICIANS = "technicians"
    TAGS = "tags"
    CAMPAIGNS = "campaigns"


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
    NOT_STORED = "not_stored"
    """It was read, and the store did not take it."""


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
    tag_ids: tuple[int, ...]
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancellation:
    """That a job was cancelled: the job itself says so too, but not why."""

    id: int
    job_id: int | None
    reason_id: int | None
    created_on: datetime | None
    modified_on: datetime | None
    is_active: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Invoice:
    """`subtotal` is without tax; `adjustment_to_id`: the invoice that this one corrects, with what it takes away below zero.

    `invoiced_on` is a day of the business's calendar, which ServiceTitan writes as a midnight in UTC.
    """

    id: int
    job_id: int | None
    business_unit_id: int | None
    adjustment_to_id: int | None
    kind: str | None
    subtotal: Decimal | None
    sales_tax: Decimal | None
    total: Decimal | None
    balance: Decimal | None
    invoiced_on: date | None
    created_on: datetime | None
    modified_on: datetime | None
    is_active: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """`assigned_by_id`: the user, or the application's, who sent the technician."""

    id: int
    job_id: int | None
    appointment_id: int | None
    technician_id: int | None
    assigned_by_id: int | None
    status: str | None
    assigned_on: datetime | None
    modified_on: datetime | None
    is_active: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Lead:
    id: int
    status: str
    call_id: int | None
    manual_call_id: int | None
    booking_id: int | None
    campaign_id: int | None
    created_by_id: int | None
    created_on: datetime | None
    modified_on: datetime | None
    is_active: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Appointment:
    """Jobs carry no time of their own."""

    id: int
    job_id: int | None
    status: str
    starts_on: datetime | None
    ends_on: datetime | None
    created_by_id: int | None
    created_on: datetime | None
    modified_on: datetime | None
    is_active: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class BusinessUnit:
    id: int
    name: str | None
    trade: str | None
    created_on: datetime | None
    modified_on: datetime | None
    is_active: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Technician:
    """Without a name: `user_id` is who a job's or an assignment's maker can be."""

    id: int
    user_id: int | None
    business_unit_id: int | None
    is_managed: bool
    created_on: datetime | None
    modified_on: datetime | None
    is_active: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Tag:
    id: int
    name: str | None
    code: str | None
    created_on: datetime | None
    modified_on: datetime | None
    is_active: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Campaign:
    id: int
    name: str | None
    created_on: datetime | None
    modified_on: datetime | None
    is_active: bool


Row = (
    Job
    | Booking
    | Call
    | Cancellation
    | Invoice
    | Assignment
    | Lead
    | Appointment
    | BusinessUnit
    | Technician
    | Tag
    | Campaign
)
KINDS: Mapping[Feed, type[Row]] = {
    Feed.JOBS: Job,
    Feed.BOOKINGS: Booking,
    Feed.CALLS: Call,
    Feed.CANCELLATIONS: Cancellation,
    Feed.INVOICES: Invoice,
    Feed.ASSIGNMENTS: Assignment,
    Feed.LEADS: Lead,
    Feed.APPOINTMENTS: Appointment,
    Feed.BUSINESS_UNITS: BusinessUnit,
    Feed.TECHNICIANS: Technician,
    Feed.TAGS: Tag,
    Feed.CAMPAIGNS: Campaign,
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


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class FeedPass:
    """A feed, read as it goes on; or (`is_overlap`) read once more a week from 35 days ago on, for what came too late to be seen."""

    feed: Feed
    is_overlap: bool = False

    @property
    def name(self) -> str:
        return f"{self.feed}/overlap" if self.is_overlap else self.feed.value

    @classmethod
    def named(cls, name: str) -> Self:
        """The inverse of `name`. Raises ValueError for anything else."""
        feed, slash, rest = name.partition("/")
        if (slash, rest) not in (("", ""), ("/", "overlap")):
            raise ValueError(f"{name[:64]!r} is no pass over a feed")
        return cls(feed=Feed(feed), is_overlap=bool(slash))


# Rows of these can change long after they were made, and money hangs on them.
OVERLAPPED = (Feed.JOBS, Feed.INVOICES)
PASSES = (*(FeedPass(feed=feed) for feed in Feed), *(FeedPass(feed=feed, is_overlap=True) for feed in OVERLAPPED))


@dataclass(frozen=True, slots=True, kw_only=True)
class Cursor:
    """How far a pass has come. `has_more`: the last page said so, or none was read; `caught_up_at`: when it last had nothing more;
    `fault`, `error`, `failed_at`: why it failed, in words, and when, until a page is stored again."""

    continue_from: str | None = None
    has_more: bool = True
    caught_up_at: datetime | None = None
    fault: SourceFault | None = None
    error: str | None = None
    failed_at: datetime | None = None


def newest_of(rows: Iterable[Row]) -> list[Row]:
    """Each id once, by its last change; of two with the same, or with none, the later in the page."""
    newest: dict[int, Row] = {}
    for row in rows:
        known = newest.get(row.id)
        if known is None or row.modified_on is None or row.modified_on >= (known.modified_on or OLDEST):
            newest[row.id] = row
    return list(newest.values())
