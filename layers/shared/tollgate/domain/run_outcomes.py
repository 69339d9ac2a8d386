"""What a tenant's runs led to in its business: the jobs that they booked, and what those cost.

A run is all spans of a tenant with one `run_id`; without it, those with the same job, booking and call labels. Where more than PAUSE
lies between two of its spans, the later one begins another run. A span without any of these labels is unlabelled. A run belongs to
the period in which its first span was posted, with all of its cost, as far as PAUSE past the period's end.

Labels are tied to rows of the tenant's own connections, by LINKS: a run to those of its links that reach a job by what is exact; to
those that are strong where none of these does. infra/decisions/0016-what-a-booked-job-costs.md says why.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from tollgate.domain.money import ZERO, NanoUsd

PAUSE = timedelta(days=3)
# By how much the business's clock may be behind ours, for a job that a run has made.
CLOCK_SKEW = timedelta(minutes=15)


class Strength(StrEnum):
    EXACT = "exact"
    STRONG = "strong"


class Link(StrEnum):
    """Which label led to which row. In the order in which one is told before another."""

    JOB = "job"
    """The job label is a job's id."""
    BOOKING = "booking"
    """The booking label is a booking's id, which became a job."""
    RUN_BOOKING = "run_booking"
    """The run is a booking's external id."""
    CALL = "call"
    """The call label is a call's id, which a job names or which names a job."""
    BOOKING_EXTERNAL_ID = "booking_external_id"
    """The booking label is a booking's external id."""
    JOB_NUMBER = "job_number"
    """The job label is a job's number."""
    CALL_LEAD = "call_lead"
    """The call label is the call of a lead, which became a booking."""

    @property
    def strength(self) -> Strength:
        return Strength.EXACT if self in EXACT_LINKS else Strength.STRONG


EXACT_LINKS = (Link.JOB, Link.BOOKING, Link.RUN_BOOKING, Link.CALL)
# As the store numbers them, from 1 on.
LINKS = tuple(Link)


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkedJob:
    """The job that a group of spend is about. `invoiced`: its active invoices without tax; `link`: the first that led to it."""

    number: str | None
    status: str
    booked_on: datetime | None
    invoiced: NanoUsd
    link: Link


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkedRuns:
    """Runs by the link that led to their jobs (or, without a job, to a booking or call), each counted once, by its first."""

    link: Link
    runs: int
    jobs: int
    cost: NanoUsd


@dataclass(frozen=True, slots=True, kw_only=True)
class Business:
    """All that was created in the period, whoever did it; cancelled or deleted jobs are among the created. `invoiced`: what the jobs
    that were not cancelled have been invoiced for until now; `ai_booked`: those of them that a run of the period has booked."""

    jobs_created: int = 0
    jobs_cancelled: int = 0
    ai_booked: int = 0
    calls_booked: int = 0
    calls_unbooked: int = 0
    invoiced: NanoUsd = ZERO

    @property
    def booking_rate(self) -> float | None:
        return share(self.calls_booked, self.calls_booked + self.calls_unbooked)

    @property
    def ai_booked_share(self) -> float | None:
        return share(self.ai_booked, self.jobs_created - self.jobs_cancelled)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOutcomes:
    """Of the runs that belong to the period.

    `cost`: of labelled runs; `attributed`: of those linked to a job, booking or call that exists; `led_nowhere`: of those with no link
    to a job or booking; `served`: of those whose jobs were all there before them; `unlabelled`: of the period's spans without a label;
    `earlier`: what runs that began before the period spent in it, which is in none of the others.

    `booked_jobs` were created no earlier than CLOCK_SKEW before a run that is linked to them, and are neither cancelled nor deleted;
    `cancelled_jobs` were booked likewise, and are; `served_jobs` were there before a run that is linked to them, or say not since when.
    `completed_jobs`: of the booked ones. `with_call`: the cost of runs that are linked to a call; calls that were deleted are not counted.
    `synced_at`: everything that these figures are made of was read up to then; None before the first time.
    """

    connections: int
    synced_at: datetime | None = None
    runs: int = 0
    runs_linked: int = 0
    cost: NanoUsd = ZERO
    attributed: NanoUsd = ZERO
    led_nowhere: NanoUsd = ZERO
    served: NanoUsd = ZERO
    unlabelled: NanoUsd = ZERO
    earlier: NanoUsd = ZERO
    booked_jobs: int = 0
    cancelled_jobs: int = 0
    served_jobs: int = 0
    completed_jobs: int = 0
    with_call: NanoUsd = ZERO
    booked_calls: int = 0
    unbooked_calls: int = 0
    invoiced: NanoUsd = ZERO
    links: tuple[LinkedRuns, ...] = ()
    business: Business = Business()

    @property
    def attributed_share(self) -> float | None:
        return share(self.attributed, self.cost + self.unlabelled)

    @property
    def cost_per_booked_job(self) -> NanoUsd | None:
        """Failed runs are paid for too: all labelled runs but those that only served jobs which were there."""
        return _each(NanoUsd(self.cost - self.served), self.booked_jobs)

    @property
    def cost_per_booked_call(self) -> NanoUsd | None:
        return _each(self.with_call, self.booked_calls)

    @property
    def booking_rate(self) -> float | None:
        """Of linked calls that could have been booked: not those that are excused, abandoned, no lead, or not classified."""
        return share(self.booked_calls, self.booked_calls + self.unbooked_calls)

    @property
    def revenue_complete(self) -> float | None:
        """The share of booked jobs that are completed: the others are yet to be invoiced."""
        return share(self.completed_jobs, self.booked_jobs)


def share(part: int, whole: int) -> float | None:
    """Six decimals; None of nothing."""
    return round(part / whole, 6) if whole else None


def _each(cost: NanoUsd, number: int) -> NanoUsd | None:
    """Rounded half up to the nano-dollar."""
    return NanoUsd((2 * cost + number) // (2 * number)) if number else None
