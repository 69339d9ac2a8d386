"""Bookings: asked for by an agent or on the website, and made into a job by the office, or not."""

from datetime import datetime, timedelta
from typing import NamedTuple

from infra.local.servicetitan_server.customers import Customer
from infra.local.servicetitan_server.day import Day
from infra.local.servicetitan_server.history import Change, Row, stamp

AGENT_PROVIDER, WEB_PROVIDER = 21, 22
NEW: Row = {"status": "New", "jobId": None, "dismissingReasonId": None, "active": True}
DISMISSED: Row = {"status": "Dismissed", "dismissingReasonId": 71}
DISMISSED_AND_GONE: Row = {**DISMISSED, "active": False}


class Source(NamedTuple):
    """An agent, and the run that books."""

    agent: str
    run_id: str


def converted(at: datetime, job_id: int) -> Change:
    return at, {"status": "Converted", "jobId": job_id}


def dismissed(day: Day, at: datetime) -> Change:
    return at, DISMISSED_AND_GONE if day.draws.chance(0.2) else DISMISSED


def agent_booking(day: Day, at: datetime, customer: Customer, end: Change, source: Source) -> int:
    """Gives the booking's id. Now and then it was sent twice, and the office throws the second one out."""
    booking_id = _booking(day, at, customer, end, source)
    if day.draws.chance(0.02):
        again = at + timedelta(seconds=40)
        _booking(day, again, customer, (again + timedelta(minutes=3), DISMISSED), source)
    return booking_id


def web_booking(day: Day, at: datetime, customer: Customer, end: Change) -> int:
    """Gives the booking's id."""
    return _booking(day, at, customer, end, None)


def _booking(day: Day, at: datetime, customer: Customer, end: Change, source: Source | None) -> int:
    booking_id, work = day.draws.id(), day.draws.one_of(day.settings.shop.works)
    base: Row = {
        "source": source.agent if source else "Website",
        "externalId": source.run_id if source else f"web-{booking_id}",
        "bookingProviderId": AGENT_PROVIDER if source else WEB_PROVIDER,
        "createdOn": stamp(at, tick=booking_id),
        "start": stamp(at + timedelta(days=1)),
        "name": customer.name,
        "address": customer.address,
        "customerType": "Residential",
        "summary": f"{work.name}, call back {customer.phone}",
        "campaignId": day.campaign(by_agent=source is not None),
        "businessUnitId": day.settings.unit_id(work.unit),
        "jobTypeId": day.settings.work_id(work),
        "isFirstTimeClient": day.draws.chance(0.4),
        "priority": "Normal",
        "uploadedImages": [],
    }
    day.archive.tell("bookings", booking_id, base, (at, NEW), end)
    return booking_id
