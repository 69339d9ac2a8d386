"""ServiceTitan's feeds as pages of rows: jobs, bookings, calls, and what belongs to them.

Every field that we keep is named here; the rest (names, addresses, phone numbers, recordings) goes no further.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from tollgate.adapters.servicetitan_client import ServiceTitanClient
from tollgate.domain.errors import JobSourceFailed
from tollgate.domain.job import (
    Appointment,
    Assignment,
    Booking,
    BusinessUnit,
    Call,
    Campaign,
    Cancellation,
    Feed,
    FeedPage,
    Invoice,
    Job,
    Lead,
    Row,
    SourceFault,
    Tag,
    Technician,
    newest_of,
)
from tollgate.observability import logger

TEXT_LENGTH_MAX = 200
ID_MAX = 2**63 - 1
DOLLARS_MAX = 10**12
ISO_DURATION = re.compile(r"PT(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)(?:\.\d+)?S)?")
CLOCK_DURATION = re.compile(r"(?:(\d+)\.)?(\d+):(\d+):(\d+)(?:\.\d+)?")


# How many rows a list gives at once: the most that all of them take.
LIST_PAGE_ROWS = 500
# Of the few things that have lists only, nobody has ten thousand.
LIST_PAGES_MAX = 20
# Where nothing of a list changed hands between two of its pages, the second reading agrees with itself.
LIST_READINGS_MAX = 3
# A list is read whole each time: there is no place to go on from.
LISTED = "listed"


class ServiceTitanJobs:
    def __init__(self, client: ServiceTitanClient) -> None:
        self._client = client

    def read_page(self, feed: Feed, start: str | date, *, time_left: timedelta) -> FeedPage:
        place = PLACES[feed]
        if place.is_list:
            return self._read_list(feed, place, time_left=time_left)
        # Without `includeRecentChanges` a row comes 15 minutes after its change, and comes once.
        query = {"from": start.isoformat() if isinstance(start, date) else start, **place.query}
        answer = self._client.get(place.module, place.path, query, time_left=time_left)
        rows, continue_from, has_more = answer.get("data"), answer.get("continueFrom"), answer.get("hasMore")
        if not (
            isinstance(rows, list) and isinstance(continue_from, str) and continue_from and isinstance(has_more, bool)
        ):
            raise _changed(feed)
        readable, unreadable = _parsed(feed, rows, place.parse)
        return FeedPage(
            feed=feed, rows=tuple(readable), continue_from=continue_from, has_more=has_more, unreadable=unreadable
        )

    def _read_list(self, feed: Feed, place: "Place", *, time_left: timedelta) -> FeedPage:
        """A row that leaves a list while it is read moves all that follow it up, one of them onto a page that was read already. So it
        is read again where its own count differs from what came."""
        for _ in range(LIST_READINGS_MAX):
            rows, unreadable, total = self._read_list_once(feed, place, time_left=time_left)
            if len(rows) + unreadable == total:
                return FeedPage(
                    feed=feed, rows=tuple(rows), continue_from=LISTED, has_more=False, unreadable=unreadable
                )
        raise JobSourceFailed(f"The list of {feed} changes while it is read.", fault=SourceFault.UNAVAILABLE)

    def _read_list_once(self, feed: Feed, place: "Place", *, time_left: timedelta) -> tuple[list[Row], int, int]:
        """Each row once, how many made no sense, and how many there are by its own count."""
        found: list[Row] = []
        unreadable = 0
        for number in range(1, LIST_PAGES_MAX + 1):
            query = {"page": str(number), "pageSize": str(LIST_PAGE_ROWS), "includeTotal": "true", **place.query}
            answer = self._client.get(place.module, place.path, query, time_left=time_left)
            rows, total, has_more = answer.get("data"), answer.get("totalCount"), answer.get("hasMore")
            if not (isinstance(rows, list) and isinstance(total, int) and isinstance(has_more, bool)):
                raise _changed(feed)
            readable, odd = _parsed(feed, rows, place.parse)
            found += readable
            unreadable += odd
            if not has_more:
                return newest_of(found), unreadable, total
        raise JobSourceFailed(f"The list of {feed} has no end.", fault=SourceFault.UNAVAILABLE)


def _changed(feed: Feed) -> JobSourceFailed:
    return JobSourceFailed(f"The feed of {feed} has changed its form", fault=SourceFault.UNAVAILABLE)


@dataclass(frozen=True, slots=True)
class _Fields:
    """One row as it came. Readers give None for null or a missing field; nonsense raises ValueError or TypeError."""

    values: Mapping[str, Any]

    def id(self, name: str) -> int | None:
        value = self.values.get(name)
        if value is None:
            return None
        if not isinstance(value, int) or isinstance(value, bool) or abs(value) > ID_MAX:
            raise ValueError(f"{name} is not an id")
        return value

    def own_id(self) -> int:
        value = self.id("id")
        if value is None:
            raise ValueError("id is missing")
        return value

    def id_within(self, name: str) -> int | None:
        """The id of an object that the row refers to."""
        value = self.values.get(name)
        if value is None:
            return None
        if not isinstance(value, Mapping):
            raise TypeError(f"{name} is not an object")
        return _Fields(value).id("id")

    def text(self, name: str) -> str | None:
        """Postgres knows no NUL; and nothing that we keep as text is long."""
        value = self.values.get(name)
        if value is not None and not isinstance(value, str):
            raise TypeError(f"{name} is not text")
        # A lone half of a surrogate pair, which JSON allows, could not be sent or stored.
        return value and value.encode("utf-8", "replace").decode().replace("\0", "")[:TEXT_LENGTH_MAX]

    def label(self, name: str) -> str:
        return self.text(name) or "Unknown"

    def ids(self, name: str) -> tuple[int, ...]:
        value = self.values.get(name)
        if value is None:
            return ()
        if not isinstance(value, list):
            raise TypeError(f"{name} is not a list")
        return tuple(id_ for each in value if (id_ := _Fields({"id": each}).id("id")) is not None)

    def text_within(self, name: str, inner: str) -> str | None:
        value = self.values.get(name)
        if value is None:
            return None
        if not isinstance(value, Mapping):
            raise TypeError(f"{name} is not an object")
        return _Fields(value).text(inner)

    def day(self, name: str) -> date | None:
        """A day of their calendar, written as a midnight in UTC: converted to another zone it would be the day before."""
        value = self.text(name)
        return date.fromisoformat(value[:10]) if value else None

    def time(self, name: str) -> datetime | None:
        """Seven digits of a second come in; six are kept. A time without a zone is UTC."""
        value = self.text(name)
        if not value:
            return None
        at = datetime.fromisoformat(value)
        return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)

    def money(self, name: str) -> Decimal | None:
        """A number or a text, as the module pleases."""
        value = self.values.get(name)
        if value is None:
            return None
        try:
            amount = Decimal(str(value))
        except InvalidOperation as error:
            raise ValueError(f"{name} is not money") from error
        if not amount.is_finite() or abs(amount) >= DOLLARS_MAX:
            raise ValueError(f"{name} is not money")
        return amount

    def seconds(self, name: str) -> int | None:
        """Seen or documented: ISO 8601, hours:minutes:seconds, plain seconds. Anything else says nothing."""
        value = str(self.values.get(name) or "")
        if value.isascii() and value.isdigit():
            return int(value)
        if found := ISO_DURATION.fullmatch(value):
            days, (hours, minutes, seconds) = "0", found.groups("0")
        elif found := CLOCK_DURATION.fullmatch(value):
            days, hours, minutes, seconds = found.groups("0")
        else:
            return None
        return ((int(days) * 24 + int(hours)) * 60 + int(minutes)) * 60 + int(seconds)

    def flag(self, name: str, *, default: bool) -> bool:
        value = self.values.get(name)
        return value if isinstance(value, bool) else default


def _job(row: _Fields) -> Job:
    return Job(
        id=row.own_id(),
        number=row.text("jobNumber"),
        status=row.label("jobStatus"),
        created_on=row.time("createdOn"),
        modified_on=row.time("modifiedOn"),
        completed_on=row.time("completedOn"),
        created_by_id=row.id("createdById"),
        business_unit_id=row.id("businessUnitId"),
        job_type_id=row.id("jobTypeId"),
        campaign_id=row.id("campaignId"),
        lead_call_id=row.id("leadCallId"),
        partner_lead_call_id=row.id("partnerLeadCallId"),
        booking_id=row.id("bookingId"),
        invoice_id=row.id("invoiceId"),
        recall_for_id=row.id("recallForId"),
        total=row.money("total"),
        tag_ids=row.ids("tagTypeIds"),
        is_free=row.flag("noCharge", default=False),
        is_active=row.flag("active", default=True),
    )


def _booking(row: _Fields) -> Booking:
    return Booking(
        id=row.own_id(),
        status=row.label("status"),
        source=row.text("source"),
        external_id=row.text("externalId"),
        booking_provider_id=row.id("bookingProviderId"),
        job_id=row.id("jobId"),
        campaign_id=row.id("campaignId"),
        business_unit_id=row.id("businessUnitId"),
        job_type_id=row.id("jobTypeId"),
        starts_on=row.time("start"),
        created_on=row.time("createdOn"),
        modified_on=row.time("modifiedOn"),
        is_active=row.flag("active", default=True),
    )


def _call(row: _Fields) -> Call:
    return Call(
        id=row.own_id(),
        direction=row.text("direction"),
        status=row.text("status"),
        type=row.text("type"),
        duration_s=row.seconds("duration"),
        created_on=row.time("createdOn"),
        modified_on=row.time("modifiedOn"),
        agent_id=row.id_within("agent"),
        campaign_id=row.id_within("campaign"),
        job_id=row.id_within("job"),
        lead_id=row.id_within("lead"),
        reason_id=row.id_within("reason"),
        is_active=row.flag("active", default=True),
    )


def _cancellation(row: _Fields) -> Cancellation:
    return Cancellation(
        id=row.own_id(),
        job_id=row.id("jobId"),
        reason_id=row.id("reasonId"),
        created_on=row.time("createdOn"),
        modified_on=row.time("modifiedOn"),
        is_active=row.flag("active", default=True),
    )


def _invoice(row: _Fields) -> Invoice:
    return Invoice(
        id=row.own_id(),
        job_id=row.id_within("job"),
        business_unit_id=row.id_within("businessUnit"),
        adjustment_to_id=row.id("adjustmentToId"),
        kind=row.text("invoiceConfiguration"),
        subtotal=row.money("subTotal"),
        sales_tax=row.money("salesTax"),
        total=row.money("total"),
        balance=row.money("balance"),
        invoiced_on=row.day("invoiceDate"),
        created_on=row.time("createdOn"),
        modified_on=row.time("modifiedOn"),
        is_active=row.flag("active", default=True),
    )


def _assignment(row: _Fields) -> Assignment:
    return Assignment(
        id=row.own_id(),
        job_id=row.id("jobId"),
        appointment_id=row.id("appointmentId"),
        technician_id=row.id("technicianId"),
        assigned_by_id=row.id("assignedById"),
        status=row.text("status"),
        assigned_on=row.time("assignedOn"),
        modified_on=row.time("modifiedOn"),
        is_active=row.flag("active", default=True),
    )


def _lead(row: _Fields) -> Lead:
    return Lead(
        id=row.own_id(),
        status=row.label("status"),
        call_id=row.id("callId"),
        manual_call_id=row.id("manualCallId"),
        booking_id=row.id("bookingId"),
        campaign_id=row.id("campaignId"),
        created_by_id=row.id("createdById"),
        created_on=row.time("createdOn"),
        modified_on=row.time("modifiedOn"),
        is_active=row.flag("active", default=True),
    )


def _appointment(row: _Fields) -> Appointment:
    return Appointment(
        id=row.own_id(),
        job_id=row.id("jobId"),
        status=row.label("status"),
        starts_on=row.time("start"),
        ends_on=row.time("end"),
        created_by_id=row.id("createdById"),
        created_on=row.time("createdOn"),
        modified_on=row.time("modifiedOn"),
        is_active=row.flag("active", default=True),
    )


def _business_unit(row: _Fields) -> BusinessUnit:
    return BusinessUnit(
        id=row.own_id(),
        name=row.text("name"),
        trade=row.text_within("trade", "name"),
        created_on=row.time("createdOn"),
        modified_on=row.time("modifiedOn"),
        is_active=row.flag("active", default=True),
    )


def _technician(row: _Fields) -> Technician:
    return Technician(
        id=row.own_id(),
        user_id=row.id("userId"),
        business_unit_id=row.id("businessUnitId"),
        is_managed=row.flag("isManagedTech", default=False),
        created_on=row.time("createdOn"),
        modified_on=row.time("modifiedOn"),
        is_active=row.flag("active", default=True),
    )


def _tag(row: _Fields) -> Tag:
    return Tag(
        id=row.own_id(),
        name=row.text("name"),
        code=row.text("code"),
        created_on=row.time("createdOn"),
        modified_on=row.time("modifiedOn"),
        is_active=row.flag("active", default=True),
    )


def _campaign(row: _Fields) -> Campaign:
    return Campaign(
        id=row.own_id(),
        name=row.text("name"),
        created_on=row.time("createdOn"),
        modified_on=row.time("modifiedOn"),
        is_active=row.flag("active", default=True),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a feed is. `query`: what it must be asked beside, since some show only what is active unless they are told otherwise."""

    module: str
    path: str
    parse: Callable[[_Fields], Row]
    query: Mapping[str, str] = field(default_factory=dict)
    is_list: bool = False


ANY: Mapping[str, str] = {"active": "Any"}
PLACES: Mapping[Feed, Place] = {
    Feed.JOBS: Place(module="jpm/v2", path="export/jobs", parse=_job),
    Feed.BOOKINGS: Place(module="crm/v2", path="export/bookings", parse=_booking),
    Feed.CALLS: Place(module="telecom/v2", path="export/calls", parse=_call),
    Feed.CANCELLATIONS: Place(module="jpm/v2", path="export/job-canceled-logs", parse=_cancellation),
    Feed.INVOICES: Place(module="accounting/v2", path="export/invoices", parse=_invoice),
    Feed.ASSIGNMENTS: Place(module="dispatch/v2", path="export/appointment-assignments", parse=_assignment, query=ANY),
    Feed.LEADS: Place(module="crm/v2", path="export/leads", parse=_lead),
    Feed.APPOINTMENTS: Place(module="jpm/v2", path="export/appointments", parse=_appointment, query=ANY),
    Feed.BUSINESS_UNITS: Place(module="settings/v2", path="export/business-units", parse=_business_unit),
    Feed.TECHNICIANS: Place(module="settings/v2", path="export/technicians", parse=_technician),
    Feed.TAGS: Place(module="settings/v2", path="export/tag-types", parse=_tag),
    Feed.CAMPAIGNS: Place(module="marketing/v2", path="campaigns", parse=_campaign, query=ANY, is_list=True),
}


def _parsed(feed: Feed, rows: list[Any], parse: Callable[[_Fields], Row]) -> tuple[list[Row], int]:
    """The rows that make sense, and how many do not: one odd row must not hold up all that follow it."""
    readable: list[Row] = []
    for row in rows:
        try:
            readable.append(parse(_Fields(row)))
        except (ValueError, TypeError, AttributeError) as error:
            logger.warning("a row of ServiceTitan's %s cannot be read: %s", feed, error)
    return readable, len(rows) - len(readable)
