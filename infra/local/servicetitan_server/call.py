"""Calls, and the leads that come of them."""

from datetime import datetime, timedelta

from infra.local.servicetitan_server.customers import Customer
from infra.local.servicetitan_server.day import Day
from infra.local.servicetitan_server.history import Change, Row, stamp
from infra.local.servicetitan_server.staff import APP_USER, OFFICE_USER, VOICE_AGENT_USER

VOICE_AGENT = {"id": VOICE_AGENT_USER, "name": "Voice Agent"}
OFFICE = {"id": OFFICE_USER, "name": "Office"}
# `SpamBlocked` is in no specification: enumerations grow.
UNBOOKED = {"Unbooked": 45, "Excused": 20, "Abandoned": 15, "NotLead": 12, "SpamBlocked": 1, None: 7}
LEADING = {"Unbooked": 0.6, "Booked": 0.1}
FRESH = {"type": None, "job": None, "lead": None, "active": True}
REMOVED: Row = {"active": False}
OPEN: Row = {"status": "Open", "active": True, "dismissingReasonId": None}
# As little in any specification.
NURTURED: Row = {"status": "Nurture"}
DISMISSED: Row = {"status": "Dismissed", "dismissingReasonId": 71}
CONVERTED: Row = {"status": "Converted"}


def booking_call(
    day: Day, at: datetime, customer: Customer, job_id: int, *, job_at: datetime, by_agent: bool = False
) -> int:
    """A call that brings a job, which is there at `job_at`. Gives the call's id."""
    job = {"id": job_id, "number": str(job_id % 10**9)}
    return _call(day, at, customer, {"type": "Booked", "job": job}, by_agent=by_agent, settled_from=job_at)


def idle_call(day: Day, at: datetime, customer: Customer, *, by_agent: bool) -> int:
    """A call without a job; some are never classified. Gives its id."""
    if not by_agent and day.draws.chance(0.08):
        return _call(day, at, customer, {"type": None}, by_agent=False, direction="Outbound")
    type_ = day.draws.weighted(tuple(UNBOOKED), tuple(UNBOOKED.values()))
    return _call(day, at, customer, {"type": type_}, by_agent=by_agent)


def _call(
    day: Day,
    at: datetime,
    customer: Customer,
    settled: Row,
    *,
    by_agent: bool,
    direction: str = "Inbound",
    settled_from: datetime | None = None,
) -> int:
    draws = day.draws
    call_id, campaign_id, seconds = draws.id(), day.campaign(by_agent=by_agent), draws.whole(20, 720)
    created = stamp(at, tick=call_id)
    base: Row = {
        "createdOn": created,
        "receivedOn": created,
        "direction": direction,
        "status": "Completed",
        "duration": f"00:{seconds // 60:02}:{seconds % 60:02}",
        "agent": VOICE_AGENT if by_agent else OFFICE,
        "campaign": {"id": campaign_id},
        "from": customer.phone,
        "to": "+15550001000",
        "recordingUrl": f"https://recordings.example/{call_id}.mp3",
        "customer": customer.summary,
        "reason": None,
        "tag": None,
    }
    ended = at + timedelta(seconds=seconds)
    changes: list[Change] = [(ended, FRESH)]
    if draws.chance(LEADING.get(settled["type"], 0)):
        lead_id = _lead(day, ended + timedelta(minutes=2), call_id, customer, campaign_id, by_agent=by_agent)
        settled = {**settled, "lead": {"id": lead_id}}
    changes.append((max(ended, settled_from or ended) + timedelta(minutes=7), settled))
    if settled["type"] in (None, "SpamBlocked") and draws.chance(0.2):
        changes.append((ended + timedelta(days=1), REMOVED))
    day.archive.tell("calls", call_id, base, *changes)
    return call_id


def _lead(day: Day, at: datetime, call_id: int, customer: Customer, campaign_id: int, *, by_agent: bool) -> int:
    draws = day.draws
    lead_id, work, is_manual = draws.id(), draws.one_of(day.settings.shop.works), draws.chance(0.1)
    base: Row = {
        "createdOn": stamp(at, tick=lead_id),
        "createdById": APP_USER if by_agent else OFFICE_USER,
        "callId": None if is_manual else call_id,
        "manualCallId": call_id if is_manual else None,
        "bookingId": None,
        "callReasonId": None,
        "customerId": customer.id,
        "locationId": customer.location_id,
        "businessUnitId": day.settings.unit_id(work.unit),
        "jobTypeId": day.settings.work_id(work),
        "campaignId": campaign_id,
        "priority": "Normal",
        "tagTypeIds": [],
        "summary": f"{work.name}, call back {customer.phone}",
        "leadCustomerName": customer.name,
        "leadPhone": customer.phone,
        "leadEmail": customer.email,
        "leadStreet": customer.address["street"],
        "followUpDate": stamp(at + timedelta(days=2)),
    }
    changes: list[Change] = [(at, OPEN)]
    ending = draws.weighted((None, NURTURED, DISMISSED, CONVERTED), (35, 1, 50, 14))
    if ending:
        changes.append((at + draws.minutes(60, 5 * 1440), ending))
    day.archive.tell("leads", lead_id, base, *changes)
    return lead_id
