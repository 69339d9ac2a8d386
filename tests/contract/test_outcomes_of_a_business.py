"""A month of agents on a business of the local ServiceTitan: what every booked job cost is known beforehand, from that server's own rows
and its list of runs, and the summary has to say the same."""

from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from infra.local.servicetitan_server.clock import Clock
from infra.local.servicetitan_server.server import running
from infra.local.servicetitan_server.shops import SHOPS
from infra.local.servicetitan_server.world import World
from tests.fakes.field_service import FieldService
from tests.fakes.spans import placed
from tollgate.adapters.postgres import Postgres
from tollgate.adapters.postgres_rollups import PostgresRollups
from tollgate.adapters.postgres_spans import PostgresSpans
from tollgate.adapters.servicetitan_access import Addresses, Credentials
from tollgate.adapters.servicetitan_client import ServiceTitanClient
from tollgate.adapters.servicetitan_jobs import ServiceTitanJobs
from tollgate.domain.job import Feed
from tollgate.domain.money import from_usd
from tollgate.domain.run_outcomes import CLOCK_SKEW
from tollgate.domain.summary import GroupBy, SpendQuery, sum_of
from tollgate.usecases.roll_up_spend import roll_up_new

# At night nothing changes for an hour and more.
NOW = datetime(2026, 11, 28, 7, 0, tzinfo=UTC)
START, END = datetime(2026, 11, 1, 5, tzinfo=UTC), datetime(2026, 12, 1, 6, tzinfo=UTC)
TENANT = 1003
FEEDS = (Feed.JOBS, Feed.BOOKINGS, Feed.CALLS, Feed.INVOICES, Feed.LEADS)
TIME = timedelta(minutes=4)
ASKED = SpendQuery(
    tenant_id="acme-hvac",
    start=START,
    end=END,
    edges=(START,),
    group_by=GroupBy.JOB,
    first_day=date(2026, 11, 1),
    last_day=date(2026, 11, 30),
)


@pytest.fixture
def world(postgres: Postgres) -> Iterator[World]:
    """With all of the business read into Postgres."""
    world, business = World(Clock(NOW), months=2), FieldService(postgres)
    business.connect("shop")
    shop = SHOPS[TENANT]
    credentials = Credentials(client_id=shop.client_id, client_secret=shop.client_secret, app_key="local-app-key")
    with running(world) as found:
        client = ServiceTitanClient(
            Addresses(base_url=found.base_url, auth_url=found.auth_url),
            str(TENANT),
            lambda: credentials,
            clock=lambda: world.clock.now().timestamp(),
            sleep=lambda seconds: world.clock.advance(timedelta(seconds=seconds)),
        )
        with closing(client):
            source = ServiceTitanJobs(client)
            for feed in FEEDS:
                start: str | date = date(2026, 8, 1)
                while True:
                    page = source.read_page(feed, start, time_left=TIME)
                    business.put(*page.rows)
                    start = page.continue_from
                    if not page.has_more:
                        break
    return world


def at(stamp: str) -> datetime:
    return datetime.fromisoformat(stamp[:26].rstrip("Z")).replace(tzinfo=UTC)


def test_what_booked_jobs_cost_is_what_was_spent_on_the_runs_behind_them(
    world: World, spans: PostgresSpans, rollups: PostgresRollups
) -> None:
    runs = [run for run in world.runs(TENANT) if START <= at(run["startedAt"]) < END]
    costs = {run["runId"]: 1_000_003 * number + 7 for number, run in enumerate(runs, 1)}
    spans.add(
        [
            placed(
                2 * number + step,
                agent=run["agent"],
                run_id=run["runId"],
                call_id=None if run["callId"] is None else str(run["callId"]),
                at=at(run["startedAt"]) + step * timedelta(seconds=40),
                cost_nanousd=costs[run["runId"]] - 7 if step else 7,
            )
            for number, run in enumerate(runs, 1)
            for step in (0, 1)
        ]
    )
    roll_up_new(spans, rollups, now=NOW)

    outcomes = rollups.outcomes(ASKED)
    found = rollups.spend(ASKED)

    jobs = {row["id"]: row for row in world.rows(TENANT, "jobs")}
    calls = {row["id"]: row for row in world.rows(TENANT, "calls")}
    led = [run for run in runs if run["jobId"] is not None]
    by_job: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for run in led:
        by_job[run["jobId"]].append(run)
    assert len(by_job) > 20
    assert any(len(those) > 1 for those in by_job.values())
    # An agent's run may also meet a job that the office has made before it.
    booked = {
        id_
        for id_, those in by_job.items()
        if any(at(jobs[id_]["createdOn"]) >= at(run["startedAt"]) - CLOCK_SKEW for run in those)
    }
    kept = {id_ for id_ in booked if jobs[id_]["jobStatus"] != "Canceled" and jobs[id_]["active"]}
    assert outcomes is not None
    assert (outcomes.runs, outcomes.cost) == (len(runs), sum(costs.values()))
    assert (outcomes.booked_jobs, outcomes.cancelled_jobs) == (len(kept), len(booked - kept))
    assert outcomes.cancelled_jobs > 0
    booking_work = sum(costs[run["runId"]] for run in runs if run["jobId"] is None or run["jobId"] in booked)
    assert outcomes.cost_per_booked_job == (2 * booking_work + len(kept)) // (2 * len(kept))
    somewhere = [run for run in runs if (run["jobId"], run["bookingId"], run["callId"]) != (None, None, None)]
    assert outcomes.attributed == sum(costs[run["runId"]] for run in somewhere) < outcomes.cost
    nowhere = [run for run in runs if (run["jobId"], run["bookingId"]) == (None, None)]
    assert outcomes.led_nowhere == sum(costs[run["runId"]] for run in nowhere)
    types = [calls[run["callId"]]["type"] for run in runs if run["callId"] in calls and calls[run["callId"]]["active"]]
    assert (outcomes.booked_calls, outcomes.unbooked_calls) == (types.count("Booked"), types.count("Unbooked"))
    assert outcomes.invoiced == from_usd(sum((revenue(world, id_) for id_ in kept), Decimal(0))) > 0
    groups = {group.key: group for group in found.labels if group.job}
    assert sum_of(group.spend for group in found.labels).cost == sum(costs.values())
    for id_, those in by_job.items():
        if str(id_) in groups:
            assert groups[str(id_)].spend.cost == sum(costs[run["runId"]] for run in those)
    assert len(groups) == min(100, len(by_job))


def revenue(world: World, job_id: int) -> Decimal:
    invoices = world.rows(TENANT, "invoices")
    own = {row["id"] for row in invoices if (row["job"] or {}).get("id") == job_id}
    corrected = {row["id"] for row in invoices if not row["job"] and row["adjustmentToId"] in own}
    return sum(
        (Decimal(row["subTotal"]) for row in invoices if row["id"] in own | corrected and row["active"]), Decimal(0)
    )


def test_the_whole_business_is_counted_beside_what_agents_did(world: World, rollups: PostgresRollups) -> None:
    outcomes = rollups.outcomes(ASKED)

    jobs = [row for row in world.rows(TENANT, "jobs") if START <= at(row["createdOn"]) < END]
    calls = [row for row in world.rows(TENANT, "calls") if START <= at(row["createdOn"]) < END and row["active"]]
    gone = [row for row in jobs if row["jobStatus"] == "Canceled" or not row["active"]]
    types = [row["type"] for row in calls]
    assert outcomes is not None
    business = outcomes.business
    assert (business.jobs_created, business.jobs_cancelled) == (len(jobs), len(gone))
    assert len(jobs) > len(gone) > 0
    assert (business.calls_booked, business.calls_unbooked) == (types.count("Booked"), types.count("Unbooked"))
    kept = [row["id"] for row in jobs if row not in gone]
    assert business.invoiced == from_usd(sum((revenue(world, id_) for id_ in kept), Decimal(0)))
