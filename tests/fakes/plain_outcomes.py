"""What runs led to, worked out run by run over plain lists: what the statements in Postgres have to agree with."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import groupby
from typing import Any

from tests.fakes.field_service import FieldService
from tollgate.domain.job import Feed
from tollgate.domain.money import NanoUsd, from_usd
from tollgate.domain.place import PlacedSpan
from tollgate.domain.run_outcomes import CLOCK_SKEW, LINKS, PAUSE, Business, Link, LinkedRuns, Strength

Key = tuple[str, int]
LABELS = ("run_id", "job_id", "booking_id", "call_id")


@dataclass
class Run:
    """`jobs`: each job that it is linked to, by the first link that leads there; `bookings`, `calls` likewise."""

    spans: list[PlacedSpan]
    jobs: dict[Key, Link] = field(default_factory=dict)
    bookings: dict[Key, Link] = field(default_factory=dict)
    calls: dict[Key, Link] = field(default_factory=dict)

    @property
    def started_at(self) -> datetime:
        return min(each.span.at for each in self.spans)

    @property
    def cost(self) -> int:
        return sum(each.span.cost_nanousd for each in self.spans)

    @property
    def link(self) -> Link | None:
        for found in (self.jobs, self.bookings, self.calls):
            if found:
                return first(found.values())
        return None

    def said(self, name: str) -> set[str]:
        return {label for each in self.spans if (label := getattr(each.span, name)) is not None}

    def said_ids(self, name: str) -> set[int]:
        return {int(label) for label in self.said(name) if is_id(label)}


def first(links: Any) -> Link:
    return min(links, key=LINKS.index)


def is_id(label: str) -> bool:
    return label.isascii() and label.isdigit() and label[0] != "0" and int(label) < 2**63


def is_labelled(each: PlacedSpan) -> bool:
    return any(getattr(each.span, name) is not None for name in LABELS)


def seen_until(end: datetime) -> datetime:
    """Three days past the period's end, and the rest of that quarter-hour."""
    last = end + PAUSE
    return last.replace(minute=last.minute // 15 * 15, second=0, microsecond=0) + timedelta(minutes=15)


def runs_of(spans: Sequence[PlacedSpan], tenant_id: str, until: datetime) -> list[Run]:
    own = [each for each in spans if each.place.tenant_id == tenant_id and is_labelled(each) and each.span.at < until]
    found: list[Run] = []
    for _, those in groupby(sorted(own, key=lambda each: (_name(each), each.span.at)), key=_name):
        last: datetime | None = None
        for each in those:
            if last is None or each.span.at - last > PAUSE:
                found.append(Run(spans=[]))
            found[-1].spans.append(each)
            last = each.span.at
    return found


def _name(each: PlacedSpan) -> tuple[str, ...]:
    run_id = each.span.run_id
    labels = (run_id,) if run_id is not None else (each.span.job_id, each.span.booking_id, each.span.call_id)
    return ("run" if run_id is not None else "labels", *(f"={label}" if label is not None else "" for label in labels))


def tie(run: Run, business: FieldService, tenant_id: str) -> None:
    ties = _Ties(run, business, tenant_id)
    ties.by_jobs()
    ties.by_bookings()
    ties.by_calls()
    ways = {job: first(hows) for job, hows in ties.linked.items()}
    exact = {job: how for job, how in ways.items() if how.strength is Strength.EXACT}
    run.jobs = exact or ways


class _Ties:
    def __init__(self, run: Run, business: FieldService, tenant_id: str) -> None:
        self.run = run
        self.linked: dict[Key, set[Link]] = defaultdict(set)
        self._jobs, self._bookings, self._calls, self._leads = (
            business.all_of(feed, tenant_id) for feed in (Feed.JOBS, Feed.BOOKINGS, Feed.CALLS, Feed.LEADS)
        )

    def by_jobs(self) -> None:
        for key, job in self._jobs.items():
            ways = {
                Link.JOB: job.id in self.run.said_ids("job_id"),
                Link.JOB_NUMBER: job.number in self.run.said("job_id"),
                Link.BOOKING: job.booking_id in self.run.said_ids("booking_id"),
                Link.CALL: bool({job.lead_call_id, job.partner_lead_call_id} & self.run.said_ids("call_id")),
            }
            for how in (how for how, leads in ways.items() if leads):
                self._link(key, how)

    def by_bookings(self) -> None:
        for key, booking in self._bookings.items():
            ways = {
                Link.BOOKING: booking.id in self.run.said_ids("booking_id"),
                Link.RUN_BOOKING: booking.external_id in self.run.said("run_id"),
                Link.BOOKING_EXTERNAL_ID: booking.external_id in self.run.said("booking_id"),
            }
            for how in (how for how, leads in ways.items() if leads):
                self._link_booking(key, how)

    def by_calls(self) -> None:
        for (connection_id, _), lead in self._leads.items():
            if {lead.call_id, lead.manual_call_id} & self.run.said_ids("call_id"):
                self._link_booking((connection_id, lead.booking_id), Link.CALL_LEAD)
        for key, call in self._calls.items():
            if call.id in self.run.said_ids("call_id"):
                self.run.calls[key] = Link.CALL
                self._link((key[0], call.job_id), Link.CALL)

    def _link(self, job: tuple[str, int | None], how: Link) -> None:
        connection_id, id_ = job
        if id_ is not None and (connection_id, id_) in self._jobs:
            self.linked[connection_id, id_].add(how)

    def _link_booking(self, booking: tuple[str, int | None], how: Link) -> None:
        connection_id, id_ = booking
        if id_ is None or (connection_id, id_) not in self._bookings:
            return
        key = (connection_id, id_)
        self.run.bookings[key] = first([self.run.bookings.get(key, how), how])
        self._link((connection_id, self._bookings[key].job_id), how)
        for job in self._jobs.items():
            if (job[0][0], job[1].booking_id) == key:
                self._link(job[0], how)


def invoiced(business: FieldService, tenant_id: str) -> Mapping[Key, Decimal]:
    """What each job has been invoiced for."""
    invoices = business.all_of(Feed.INVOICES, tenant_id)
    sums: dict[Key, Decimal] = defaultdict(Decimal)
    for (connection_id, id_), invoice in invoices.items():
        job_id = _job_of(connection_id, id_, invoices, frozenset())
        if job_id is not None and invoice.is_active:
            sums[connection_id, job_id] += invoice.subtotal or 0
    return sums


def _job_of(connection_id: str, id_: int | None, invoices: Mapping[Key, Any], seen: frozenset[int]) -> int | None:
    """Its own, or that of the invoice that it corrects."""
    if id_ is None or id_ in seen or (connection_id, id_) not in invoices:
        return None
    invoice = invoices[connection_id, id_]
    if invoice.job_id is not None:
        return int(invoice.job_id)
    return _job_of(connection_id, invoice.adjustment_to_id, invoices, seen | {id_})


def plain_outcomes(
    spans: Sequence[PlacedSpan], business: FieldService, start: datetime, end: datetime, tenant_id: str = "acme-hvac"
) -> dict[str, Any]:
    """By the names of RunOutcomes, without `connections` and `synced_at`."""
    runs = runs_of(spans, tenant_id, seen_until(end))
    for run in runs:
        tie(run, business, tenant_id)
    own = [run for run in runs if start <= run.started_at < end]
    jobs, calls = business.all_of(Feed.JOBS, tenant_id), business.all_of(Feed.CALLS, tenant_id)

    def booked_by(run: Run) -> set[Key]:
        made = {key: jobs[key].created_on for key in run.jobs}
        return {key for key, at in made.items() if at is not None and at >= run.started_at - CLOCK_SKEW}

    def is_cancelled(key: Key) -> bool:
        return jobs[key].status == "Canceled" or not jobs[key].is_active

    def cost(those: Sequence[Run]) -> NanoUsd:
        return NanoUsd(sum(run.cost for run in those))

    made = {key for run in own for key in booked_by(run)}
    booked = {key for key in made if not is_cancelled(key)}
    created = {key for key, job in jobs.items() if job.created_on is not None and start <= job.created_on < end}
    kept = {key for key in created if not is_cancelled(key)}
    of_calls = {key: calls[key].type for run in own for key in run.calls if calls[key].is_active}
    all_calls = [call.type for call in calls.values() if call.is_active and _is_in(call.created_on, start, end)]
    revenue = invoiced(business, tenant_id)
    return {
        "runs": len(own),
        "runs_linked": sum(run.link is not None for run in own),
        "cost": cost(own),
        "attributed": cost([run for run in own if run.link]),
        "led_nowhere": cost([run for run in own if not run.jobs and not run.bookings]),
        "served": cost([run for run in own if run.jobs and not booked_by(run)]),
        "unlabelled": NanoUsd(
            sum(
                each.span.cost_nanousd
                for each in spans
                if each.place.tenant_id == tenant_id and not is_labelled(each) and start <= each.span.at < end
            )
        ),
        "earlier": NanoUsd(
            sum(
                each.span.cost_nanousd
                for run in runs
                if run.started_at < start
                for each in run.spans
                if start <= each.span.at < end
            )
        ),
        "booked_jobs": len(booked),
        "cancelled_jobs": len(made - booked),
        "served_jobs": len({key for run in own for key in set(run.jobs) - booked_by(run)}),
        "completed_jobs": sum(jobs[key].status == "Completed" for key in booked),
        "with_call": cost([run for run in own if run.calls]),
        "booked_calls": list(of_calls.values()).count("Booked"),
        "unbooked_calls": list(of_calls.values()).count("Unbooked"),
        "invoiced": from_usd(sum((revenue.get(key, Decimal(0)) for key in booked), Decimal(0))),
        "links": tuple(_by_link(own)),
        "business": Business(
            jobs_created=len(created),
            jobs_cancelled=len(created - kept),
            ai_booked=len(kept & booked),
            calls_booked=all_calls.count("Booked"),
            calls_unbooked=all_calls.count("Unbooked"),
            invoiced=from_usd(sum((revenue.get(key, Decimal(0)) for key in kept), Decimal(0))),
        ),
    }


def _is_in(at: datetime | None, start: datetime, end: datetime) -> bool:
    return at is not None and start <= at < end


def _by_link(own: Sequence[Run]) -> Iterator[LinkedRuns]:
    for link in LINKS:
        those = [run for run in own if run.link is link]
        if those:
            jobs = {key for run in those for key in run.jobs}
            yield LinkedRuns(link=link, runs=len(those), jobs=len(jobs), cost=NanoUsd(sum(run.cost for run in those)))


def plain_job_groups(
    spans: Sequence[PlacedSpan], business: FieldService, start: datetime, end: datetime, tenant_id: str = "acme-hvac"
) -> dict[tuple[str | None, str | None], int]:
    """(connection, key) -> cost in the period; the connection only of keys that are linked jobs."""
    costs: dict[tuple[str | None, str | None], int] = defaultdict(int)
    for run in runs_of(spans, tenant_id, seen_until(end)):
        tie(run, business, tenant_id)
        within = [each for each in run.spans if start <= each.span.at < end]
        if not run.jobs:
            for each in within:
                costs[None, each.span.job_id] += each.span.cost_nanousd
            continue
        cost = sum(each.span.cost_nanousd for each in within)
        parts = len(run.jobs)
        # Towards zero, for money that is taken back too.
        part = abs(cost) // parts * (1 if cost >= 0 else -1)
        for place, (connection_id, id_) in enumerate(sorted(run.jobs)):
            costs[connection_id, str(id_)] += part if place else cost - part * (parts - 1)
    for each in spans:
        if each.place.tenant_id == tenant_id and not is_labelled(each) and start <= each.span.at < end:
            costs[None, None] += each.span.cost_nanousd
    return dict(costs)
