"""What happens on one day: calls come in, agents work, some of it becomes jobs."""

from datetime import datetime, timedelta

from infra.local.servicetitan_server.booking import Source, agent_booking, converted, dismissed, web_booking
from infra.local.servicetitan_server.call import booking_call, idle_call
from infra.local.servicetitan_server.customers import Customer
from infra.local.servicetitan_server.day import Day
from infra.local.servicetitan_server.job import JobLife, Origin
from infra.local.servicetitan_server.run import BOOKING_AGENT, VOICE_AGENT

# How jobs come about, out of a hundred; the agents have a hand in more than four of ten.
ORIGINS = {"call": 48, "agent call": 24, "web booking": 9, "agent booking": 12, "booking by call": 5, "two runs": 2}
CALL_BEFORE_JOB = timedelta(minutes=6)


def live_day(day: Day, *, jobs: float) -> None:
    """`jobs` is how many come about on average."""
    draws = day.draws
    for _ in draws.about(jobs):
        _job_from_somewhere(day, draws.moment(), draws.customer())
    for _ in draws.about(jobs * 0.9):
        _call_without_job(day, draws.moment(), draws.customer())
    for _ in draws.about(jobs * 0.15):
        _booking_without_job(day, draws.moment(), draws.customer())
    for _ in draws.about(jobs * 0.1):
        # Somebody writes to the agent and leaves: the run has cost money, and ServiceTitan knows nothing of it.
        day.tell_run(draws.run_id(), agent=BOOKING_AGENT, started_at=draws.moment())


def _job_from_somewhere(day: Day, at: datetime, customer: Customer) -> None:
    job_id, kind = day.draws.id(), day.draws.weighted(tuple(ORIGINS), tuple(ORIGINS.values()))
    match kind:
        case "call":
            call_id = booking_call(day, at - CALL_BEFORE_JOB, customer, job_id, job_at=at)
            origin = Origin(lead_call_id=call_id)
        case "agent call":
            call_id = _run_of_call(day, at, customer, job_id)
            origin = Origin(lead_call_id=call_id, partner_lead_call_id=call_id)
        case "web booking":
            origin = Origin(booking_id=web_booking(day, _earlier(day, at), customer, converted(at, job_id)))
        case "agent booking":
            origin = Origin(booking_id=_run_of_booking(day, at, customer, job_id))
        case "booking by call":
            origin = Origin(booking_id=_run_of_booking_by_call(day, at, customer, job_id))
        case _:
            # The booking was an agent's, and so was the call that confirmed it: one job, two runs.
            booking_id = _run_of_booking(day, at, customer, job_id)
            call_id = _run_of_call(day, at, customer, job_id)
            origin = Origin(booking_id=booking_id, partner_lead_call_id=call_id)
    by_agent = kind not in ("call", "web booking")
    JobLife(day, job_id, at, customer, by_agent=by_agent).tell(origin)


def _call_without_job(day: Day, at: datetime, customer: Customer) -> None:
    by_agent = day.draws.chance(0.3)
    call_id = idle_call(day, at, customer, by_agent=by_agent)
    if by_agent:
        day.tell_run(day.draws.run_id(), agent=VOICE_AGENT, started_at=at, call_id=call_id)


def _booking_without_job(day: Day, at: datetime, customer: Customer) -> None:
    end = dismissed(day, at + timedelta(hours=20))
    if day.draws.chance(0.4):
        web_booking(day, at, customer, end)
        return
    run_id = day.draws.run_id()
    booking_id = agent_booking(day, at, customer, end, Source(BOOKING_AGENT, run_id))
    day.tell_run(run_id, agent=BOOKING_AGENT, started_at=_begun(day, at), booking_id=booking_id)


def _run_of_call(day: Day, at: datetime, customer: Customer, job_id: int) -> int:
    called_at = at - CALL_BEFORE_JOB
    call_id = booking_call(day, called_at, customer, job_id, job_at=at, by_agent=True)
    day.tell_run(day.draws.run_id(), agent=VOICE_AGENT, started_at=called_at, call_id=call_id, job_id=job_id)
    return call_id


def _run_of_booking(day: Day, at: datetime, customer: Customer, job_id: int) -> int:
    run_id, booked_at = day.draws.run_id(), _earlier(day, at)
    booking_id = agent_booking(day, booked_at, customer, converted(at, job_id), Source(BOOKING_AGENT, run_id))
    day.tell_run(run_id, agent=BOOKING_AGENT, started_at=_begun(day, booked_at), booking_id=booking_id, job_id=job_id)
    return booking_id


def _run_of_booking_by_call(day: Day, at: datetime, customer: Customer, job_id: int) -> int:
    """The agent on the phone may not make jobs: it leaves a booking, which the office converts. Gives its id."""
    run_id, booked_at = day.draws.run_id(), _earlier(day, at)
    call_id = booking_call(day, booked_at - CALL_BEFORE_JOB, customer, job_id, job_at=at, by_agent=True)
    booking_id = agent_booking(day, booked_at, customer, converted(at, job_id), Source(VOICE_AGENT, run_id))
    day.tell_run(
        run_id,
        agent=VOICE_AGENT,
        started_at=booked_at - CALL_BEFORE_JOB,
        call_id=call_id,
        booking_id=booking_id,
        job_id=job_id,
    )
    return booking_id


def _earlier(day: Day, at: datetime) -> datetime:
    return at - day.draws.minutes(4, 95)


def _begun(day: Day, booked_at: datetime) -> datetime:
    """An agent talks for a while before it books."""
    return booked_at - day.draws.minutes(0.5, 9)
