"""A job: its visits, its invoice, and how it ends: completed, cancelled, cancelled and taken up again, or deleted as a double."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from infra.local.servicetitan_server.customers import Customer
from infra.local.servicetitan_server.day import Day
from infra.local.servicetitan_server.history import Change, Row, next_month, stamp
from infra.local.servicetitan_server.invoice import tell_invoice
from infra.local.servicetitan_server.settings import MEMBER_TAG, MONTH_CLOSED_TAG, VOICE_AGENT_TAG, WARRANTY_TAG
from infra.local.servicetitan_server.shops import Work
from infra.local.servicetitan_server.staff import APP_USER, OFFICE_USER
from infra.local.servicetitan_server.visit import BEFORE_START, Visit, tell_visit

SCHEDULED: Row = {"jobStatus": "Scheduled", "completedOn": None, "total": 0, "active": True}
AGAIN: Row = {"jobStatus": "Scheduled"}
DISPATCHED: Row = {"jobStatus": "Dispatched"}
IN_PROGRESS: Row = {"jobStatus": "InProgress"}
ON_HOLD: Row = {"jobStatus": "Hold"}
CANCELED: Row = {"jobStatus": "Canceled"}
DELETED: Row = {"active": False}


class Ending(StrEnum):
    COMPLETED = "completed"
    CANCELED = "canceled"
    TAKEN_UP_AGAIN = "taken up again"
    DELETED = "deleted"


# Out of a thousand.
ENDINGS = {Ending.COMPLETED: 866, Ending.CANCELED: 120, Ending.TAKEN_UP_AGAIN: 8, Ending.DELETED: 6}


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where a job comes from: what ServiceTitan links it to."""

    lead_call_id: int | None = None
    partner_lead_call_id: int | None = None
    booking_id: int | None = None


class JobLife:
    """One job with all that hangs on it, told in one go."""

    def __init__(self, day: Day, job_id: int, at: datetime, customer: Customer, *, by_agent: bool) -> None:
        self._day = day
        self._draws = day.draws
        self._id = job_id
        self._at = at
        self._customer = customer
        self._by_agent = by_agent
        self._work: Work = self._draws.one_of(day.settings.shop.works)

    def tell(self, origin: Origin) -> None:
        draws, at = self._draws, self._at
        start = at + timedelta(days=draws.one_of((0, 0, 1, 1, 2, 4)), seconds=draws.whole(3600, 4 * 3600))
        end = start + timedelta(minutes=draws.whole(40, 260), microseconds=draws.whole(1, 10**6))
        match draws.weighted(tuple(ENDINGS), tuple(ENDINGS.values())):
            case Ending.CANCELED:
                off_at = at + draws.minutes(10, (start - at).total_seconds() / 60)
                self._canceled_log(off_at)
                self._ends(origin, (off_at, CANCELED), [self._visit("1", at, start, end, off_at=off_at)])
            case Ending.DELETED:
                off_at = at + timedelta(minutes=15)
                visit = self._visit("1", at, start, end, off_at=off_at, is_deleted=True)
                self._ends(origin, (off_at, DELETED), [visit])
            case Ending.TAKEN_UP_AGAIN:
                off_at = at + timedelta(minutes=10)
                self._canceled_log(off_at)
                self._completes(origin, start, end, [(off_at, CANCELED), (off_at + timedelta(minutes=20), AGAIN)])
            case Ending.COMPLETED:
                self._completes(origin, start, end, [])

    def _ends(self, origin: Origin, end: Change, appointments: list[int]) -> None:
        job = self._base(origin, appointments)
        self._day.archive.tell("jobs", self._id, job, (self._at, SCHEDULED), end)
        deleted_at = end[0] if end[1] is DELETED else None
        tell_invoice(self._day, job["invoiceId"], job, self._customer, at=self._at, billed=None, deleted_at=deleted_at)

    def _completes(self, origin: Origin, start: datetime, end: datetime, before: list[Change]) -> None:
        draws, at = self._draws, self._at
        appointments = [self._visit("1", at, start, end)]
        changes = [(at, SCHEDULED), *before, (start - BEFORE_START, DISPATCHED), (start, IN_PROGRESS)]
        if draws.chance(0.1):
            # A part has to be ordered: the job is held, and somebody comes again.
            changes.append((end, ON_HOLD))
            start, end, held_at = start + timedelta(days=3), end + timedelta(days=3), end
            appointments.append(self._visit("2", held_at, start, end))
            changes += [(start - BEFORE_START, DISPATCHED), (start, IN_PROGRESS)]
        cents = draws.whole(self._work.dollars_from * 100, self._work.dollars_to * 100)
        job = self._base(origin, appointments)
        done = {"jobStatus": "Completed", "completedOn": stamp(end, tick=self._id), "total": cents / 100}
        changes.append((end, done))
        if draws.chance(0.25):
            # The office closes the month for many jobs at once: they all get one and the same modifiedOn.
            changes.append((next_month(end), {"tagTypeIds": [*job["tagTypeIds"], MONTH_CLOSED_TAG]}))
        if self._customer.merged_into:
            changes.append((end + timedelta(days=20), {"customerId": self._customer.merged_into}))
        self._day.archive.tell("jobs", self._id, job, *changes)
        tell_invoice(self._day, job["invoiceId"], job, self._customer, at=at, billed=(end, cents))

    def _base(self, origin: Origin, appointments: list[int]) -> Row:
        work, day = self._work, self._day
        return {
            "id": self._id,
            "jobNumber": str(self._id % 10**9),
            "createdOn": stamp(self._at, tick=self._id),
            "createdById": APP_USER if self._by_agent else OFFICE_USER,
            "businessUnitId": day.settings.unit_id(work.unit),
            "jobTypeId": day.settings.work_id(work),
            "campaignId": day.campaign(by_agent=self._by_agent),
            "customerId": self._customer.id,
            "locationId": self._customer.location_id,
            "summary": f"{work.name} at {self._customer.address['street']}, ask for {self._customer.name}",
            "priority": "Normal",
            "appointmentCount": len(appointments),
            "firstAppointmentId": appointments[0],
            "lastAppointmentId": appointments[-1],
            "tagTypeIds": self._tags(origin),
            "leadCallId": origin.lead_call_id,
            "partnerLeadCallId": origin.partner_lead_call_id,
            "bookingId": origin.booking_id,
            "invoiceId": self._draws.id(),
            "noCharge": False,
            "recallForId": None,
            "warrantyId": None,
            "createdFromEstimateId": None,
            "externalData": None,
        }

    def _tags(self, origin: Origin) -> list[int]:
        tags = [VOICE_AGENT_TAG] if origin.partner_lead_call_id else []
        if self._draws.chance(0.1):
            tags.append(self._draws.one_of((WARRANTY_TAG, MEMBER_TAG)))
        return tags

    def _visit(
        self,
        number: str,
        booked_at: datetime,
        start: datetime,
        end: datetime,
        *,
        off_at: datetime | None = None,
        is_deleted: bool = False,
    ) -> int:
        visit = Visit(
            job_id=self._id,
            number=f"{self._id % 10**9}-{number}",
            unit=self._work.unit,
            customer=self._customer,
            booked_at=booked_at,
            start=start,
            end=end,
            called_off_at=off_at,
            is_deleted=is_deleted,
            by_agent=self._by_agent,
        )
        return tell_visit(self._day, visit)

    def _canceled_log(self, at: datetime) -> None:
        """A log is written once: it has no modifiedOn, and stays when the job is taken up again."""
        log_id = self._draws.id()
        log: Row = {
            "jobId": self._id,
            "reasonId": self._draws.one_of((801, 802, 803)),
            "memo": f"{self._customer.name} called it off",
            "createdOn": stamp(at, tick=log_id),
            "createdById": OFFICE_USER,
            "active": True,
        }
        self._day.archive.tell("job-canceled-logs", log_id, log, (at, {}))
