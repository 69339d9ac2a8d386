"""A visit: the appointment of a job, and the technicians who are assigned to it, sometimes after another one was."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from infra.local.servicetitan_server.customers import Customer
from infra.local.servicetitan_server.day import Day
from infra.local.servicetitan_server.history import Change, Row, stamp
from infra.local.servicetitan_server.staff import APP_USER, DISPATCHER_USER, OFFICE_USER, Technician

BEFORE_START = timedelta(minutes=25)
SCHEDULED: Row = {"status": "Scheduled", "unused": False, "active": True}
DISPATCHED: Row = {"status": "Dispatched"}
# In no specification: enumerations grow.
ON_THE_WAY: Row = {"status": "OnTheWay"}
WORKING: Row = {"status": "Working"}
DONE: Row = {"status": "Done"}
CANCELED: Row = {"status": "Canceled", "unused": True}
ASSIGNED: Row = {"status": "Scheduled", "isPaused": False, "active": True}
GONE: Row = {"active": False}


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """From `start` to `end`, unless it is called off before; a visit of a job that was entered twice is deleted."""

    job_id: int
    number: str
    unit: str
    customer: Customer
    booked_at: datetime
    start: datetime
    end: datetime
    called_off_at: datetime | None = None
    is_deleted: bool = False
    by_agent: bool = False


def tell_visit(day: Day, visit: Visit) -> int:
    """Gives the appointment's id."""
    draws = day.draws
    appointment_id = draws.id()
    base: Row = {
        "jobId": visit.job_id,
        "appointmentNumber": visit.number,
        "specialInstructions": f"Gate code {draws.whole(1000, 9999)}, ask for {visit.customer.name}",
        "createdOn": stamp(visit.booked_at, tick=appointment_id),
        "createdById": APP_USER if visit.by_agent else OFFICE_USER,
        "customerId": visit.customer.id,
        "isConfirmed": False,
    }
    planned = _planned(visit.start, visit.end)
    changes: list[Change] = [(visit.booked_at, {**SCHEDULED, **planned})]
    if draws.chance(0.08):
        later = _planned(visit.start + timedelta(days=1), visit.end + timedelta(days=1))
        changes = [(visit.booked_at, {**SCHEDULED, **later}), (visit.booked_at + timedelta(minutes=20), planned)]
    if visit.called_off_at:
        changes.append((visit.called_off_at, GONE if visit.is_deleted else CANCELED))
    else:
        changes.append((visit.start - BEFORE_START, DISPATCHED))
        if draws.chance(0.03):
            changes.append((visit.start - timedelta(minutes=9), ON_THE_WAY))
        # Now and then a technician never touches the app again.
        if draws.chance(0.99):
            changes += [(visit.start, WORKING), (visit.end, DONE)]
    day.archive.tell("appointments", appointment_id, base, *changes)
    _assign(day, visit, appointment_id)
    return appointment_id


def _assign(day: Day, visit: Visit, appointment_id: int) -> None:
    draws, technicians = day.draws, day.settings.technicians(visit.unit, day.date)
    at = visit.booked_at + draws.minutes(1, 8)
    chosen = draws.one_of(technicians)
    if len(technicians) > 1 and draws.chance(0.12):
        moved_at = at + draws.minutes(1, 25)
        _assignment(day, visit, appointment_id, chosen, [(at, ASSIGNED), (moved_at, GONE)])
        at, chosen = moved_at, draws.one_of([technician for technician in technicians if technician != chosen])
    if visit.called_off_at:
        life: list[Change] = [(at, ASSIGNED), (max(at, visit.called_off_at), GONE)]
    else:
        dispatched = (max(at, visit.start - BEFORE_START), DISPATCHED)
        life = [(at, ASSIGNED), dispatched, (visit.start, WORKING), (visit.end, DONE)]
    _assignment(day, visit, appointment_id, chosen, life)


def _assignment(day: Day, visit: Visit, appointment_id: int, technician: Technician, life: list[Change]) -> None:
    assignment_id = day.draws.id()
    assigned_on = stamp(life[0][0], tick=assignment_id)
    base: Row = {
        "technicianId": technician.id,
        "technicianName": technician.name,
        "assignedById": APP_USER if day.draws.chance(0.4) else DISPATCHER_USER,
        "assignedOn": assigned_on,
        "jobId": visit.job_id,
        "appointmentId": appointment_id,
        "createdOn": assigned_on,
    }
    day.archive.tell("appointment-assignments", assignment_id, base, *life)


def _planned(start: datetime, end: datetime) -> Row:
    window = start.replace(minute=0, second=0, microsecond=0)
    return {
        "start": stamp(start),
        "end": stamp(end),
        "arrivalWindowStart": stamp(window),
        "arrivalWindowEnd": stamp(window + timedelta(hours=2)),
    }
