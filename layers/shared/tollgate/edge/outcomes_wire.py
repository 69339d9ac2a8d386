"""What runs led to, as JSON: README, "Summaries"."""

from datetime import UTC, datetime
from typing import Any

from tollgate.domain.money import NanoUsd, usd_number
from tollgate.domain.run_outcomes import LinkedJob, RunOutcomes


def outcomes_body(outcomes: RunOutcomes) -> dict[str, Any]:
    business = outcomes.business
    return {
        "costPerBookedJobUsd": _usd(outcomes.cost_per_booked_job),
        "bookedJobs": outcomes.booked_jobs,
        "cancelledJobs": outcomes.cancelled_jobs,
        "servedJobs": outcomes.served_jobs,
        "servedCostUsd": usd_number(outcomes.served),
        "costPerBookedCallUsd": _usd(outcomes.cost_per_booked_call),
        "bookedCalls": outcomes.booked_calls,
        "unbookedCalls": outcomes.unbooked_calls,
        "bookingRate": outcomes.booking_rate,
        "invoicedRevenueUsd": usd_number(outcomes.invoiced),
        "revenueComplete": outcomes.revenue_complete,
        "runs": outcomes.runs,
        "runsLinked": outcomes.runs_linked,
        "attributedShare": outcomes.attributed_share,
        "attributedCostUsd": usd_number(outcomes.attributed),
        "ledNowhereCostUsd": usd_number(outcomes.led_nowhere),
        "unlabelledCostUsd": usd_number(outcomes.unlabelled),
        "earlierRunsCostUsd": usd_number(outcomes.earlier),
        "links": [
            {
                "link": each.link.value,
                "strength": each.link.strength.value,
                "runs": each.runs,
                "jobs": each.jobs,
                "costUsd": usd_number(each.cost),
            }
            for each in outcomes.links
        ],
        "business": {
            "jobsCreated": business.jobs_created,
            "jobsCancelled": business.jobs_cancelled,
            "callsBooked": business.calls_booked,
            "callsUnbooked": business.calls_unbooked,
            "bookingRate": business.booking_rate,
            "invoicedRevenueUsd": usd_number(business.invoiced),
            "aiBookedShare": business.ai_booked_share,
        },
        "connections": outcomes.connections,
        "syncedAt": _time(outcomes.synced_at),
    }


def job_body(job: LinkedJob) -> dict[str, Any]:
    return {
        "number": job.number,
        "status": job.status,
        "bookedOn": _time(job.booked_on),
        "invoicedUsd": usd_number(job.invoiced),
        "link": job.link.value,
        "strength": job.link.strength.value,
    }


def _usd(amount: NanoUsd | None) -> int | float | None:
    return None if amount is None else usd_number(amount)


def _time(at: datetime | None) -> str | None:
    return None if at is None else at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
