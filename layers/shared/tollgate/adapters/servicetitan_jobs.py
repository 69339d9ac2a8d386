"""ServiceTitan's export feeds as pages of jobs, bookings and calls.

Every field that we keep is named here; the rest (names, addresses, phone numbers, recordings) goes no further.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from tollgate.adapters.servicetitan_client import ServiceTitanClient
from tollgate.domain.errors import JobSourceFailed
from tollgate.domain.job import Booking, Call, Feed, FeedPage, Job, Row, SourceFault
from tollgate.observability import logger

TEXT_LENGTH_MAX = 200
ID_MAX = 2**63 - 1
DOLLARS_MAX = 10**12
ISO_DURATION = re.compile(r"PT(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)(?:\.\d+)?S)?")
CLOCK_DURATION = re.compile(r"(?:(\d+)\.)?(\d+):(\d+):(\d+)(?:\.\d+)?")


class ServiceTitanJobs:
    def __init__(self, client: ServiceTitanClient) -> None:
        self._client = client

    def read_page(self, feed: Feed, start: str | date, *, time_left: timedelta) -> FeedPage:
        # Without `includeRecentChanges` a row comes 15 minutes after its change, and comes once.
        query = {"from": start.isoformat() if isinstance(start, date) else start}
        module, path, parse = FEEDS[feed]
        answer = self._client.get(module, path, query, time_left=time_left)
        rows, continue_from, has_more = answer.get("data"), answer.get("continueFrom"), answer.get("hasMore")
        if not (
            isinstance(rows, list) and isinstance(continue_from, str) and continue_from and isinstance(has_more, bool)
        ):
            raise JobSourceFailed(f"The export feed of {feed} has changed its form", fault=SourceFault.UNAVAILABLE)
        readable, unreadable = _parsed(feed, rows, parse)
        return FeedPage(
            feed=feed, rows=tuple(readable), continue_from=continue_from, has_more=has_more, unreadable=unreadable
        )


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


FEEDS: Mapping[Feed, tuple[str, str, Callable[[_Fields], Row]]] = {
    Feed.CALLS: ("telecom/v2", "export/calls", _call),
    Feed.BOOKINGS: ("crm/v2", "export/bookings", _booking),
    Feed.JOBS: ("jpm/v2", "export/jobs", _job),
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
