"""The local ServiceTitan's data: rows that fit together, and agents whose runs can be found again."""

import json
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from infra.local.servicetitan_server.archive import FEEDS
from infra.local.servicetitan_server.clock import Clock
from infra.local.servicetitan_server.world import World
from tests.local.servicetitan import NOW

Rows = dict[str, dict[int, dict[str, Any]]]
TENANT = 1003


@pytest.fixture(scope="module")
def world() -> World:
    return World(Clock(NOW), months=3)


@pytest.fixture(scope="module")
def busy() -> World:
    """Enough business for what is rare."""
    return World(Clock(NOW), months=12, scale=2)


@pytest.fixture(scope="module")
def rows(world: World) -> Rows:
    return {feed: {row["id"]: row for row in world.rows(TENANT, feed)} for feed in FEEDS}


def links(rows: Rows, feed: str, field: str) -> set[int]:
    return {row[field] for row in rows[feed].values() if row[field] is not None}


def test_a_row_names_only_rows_that_there_are(world: World, rows: Rows) -> None:
    # What was committed a few minutes late may be named before it can be seen.
    world.clock.freeze(NOW + timedelta(minutes=15))
    there = {feed: {row["id"] for row in world.rows(TENANT, feed)} for feed in FEEDS}
    world.clock.freeze(NOW)

    assert links(rows, "jobs", "leadCallId") <= there["calls"]
    assert links(rows, "jobs", "partnerLeadCallId") <= there["calls"]
    assert links(rows, "jobs", "bookingId") <= there["bookings"]
    assert links(rows, "jobs", "invoiceId") <= there["invoices"]
    assert links(rows, "jobs", "businessUnitId") <= there["business-units"]
    assert links(rows, "jobs", "jobTypeId") <= there["job-types"]
    assert links(rows, "jobs", "campaignId") <= there["campaigns"]
    assert {tag for job in rows["jobs"].values() for tag in job["tagTypeIds"]} <= there["tag-types"]
    assert links(rows, "bookings", "jobId") <= there["jobs"]
    assert links(rows, "appointments", "jobId") <= there["jobs"]
    assert links(rows, "appointment-assignments", "appointmentId") <= there["appointments"]
    assert links(rows, "appointment-assignments", "technicianId") <= there["technicians"]
    assert links(rows, "job-canceled-logs", "jobId") <= there["jobs"]
    assert links(rows, "leads", "callId") | links(rows, "leads", "manualCallId") <= there["calls"]
    assert {row["job"]["id"] for row in rows["calls"].values() if row["job"]} <= there["jobs"]
    assert {row["lead"]["id"] for row in rows["calls"].values() if row["lead"]} <= there["leads"]
    assert links(rows, "invoices", "adjustmentToId") <= there["invoices"]


def test_what_names_each_other_agrees(rows: Rows) -> None:
    jobs = rows["jobs"].values()

    booked = [(job["id"], rows["bookings"][job["bookingId"]]) for job in jobs if job["bookingId"] in rows["bookings"]]
    assert all(booking["jobId"] in (job_id, None) for job_id, booking in booked)
    assert sum(booking["jobId"] is not None for _, booking in booked) > 0.9 * len(booked) > 20
    assignments = rows["appointment-assignments"].values()
    appointments = rows["appointments"]
    assert all(
        row["jobId"] == appointments[row["appointmentId"]]["jobId"]
        for row in assignments
        if row["appointmentId"] in appointments
    )


def test_each_job_has_its_appointments_and_each_of_these_one_active_assignment(rows: Rows) -> None:
    settled = {id_: job for id_, job in rows["jobs"].items() if job["createdOn"] < "2026-11-10"}
    of_job = Counter(row["jobId"] for row in rows["appointments"].values())

    assert {id_: of_job[id_] for id_ in settled} == {id_: job["appointmentCount"] for id_, job in settled.items()}
    assert set(of_job.values()) == {1, 2}
    active = Counter(row["appointmentId"] for row in rows["appointment-assignments"].values() if row["active"])
    done = [id_ for id_, row in rows["appointments"].items() if row["status"] == "Done"]
    assert len(done) > 100
    assert {active[id_] for id_ in done} == {1}


def test_a_cancelled_job_has_a_log_and_one_that_was_taken_up_again_keeps_it(rows: Rows) -> None:
    logged = links(rows, "job-canceled-logs", "jobId")
    cancelled = {id_ for id_, job in rows["jobs"].items() if job["jobStatus"] == "Canceled"}

    assert len(cancelled) > 20
    assert cancelled <= logged
    assert {rows["jobs"][id_]["jobStatus"] for id_ in logged - cancelled if id_ in rows["jobs"]} >= {"Completed"}
    assert all("modifiedOn" not in row or row["modifiedOn"] for row in rows["job-canceled-logs"].values())


def test_an_invoice_holds_its_jobs_total_as_text(rows: Rows) -> None:
    completed = [job for job in rows["jobs"].values() if job["jobStatus"] == "Completed"]

    pairs = [(job, rows["invoices"][job["invoiceId"]]) for job in completed if job["invoiceId"] in rows["invoices"]]

    assert len(pairs) > 200
    assert sum(float(invoice["subTotal"]) == job["total"] for job, invoice in pairs) > 0.98 * len(pairs)


@pytest.mark.parametrize(
    ("feed", "is_odd"),
    [
        ("calls", lambda row: row["type"] is None),
        ("calls", lambda row: row["type"] == "SpamBlocked"),
        ("calls", lambda row: row["direction"] == "Outbound"),
        ("calls", lambda row: row["active"] is False),
        ("leads", lambda row: row["callId"] is None and row["manualCallId"] is not None),
        ("leads", lambda row: row["status"] == "Nurture"),
        ("jobs", lambda row: row["active"] is False),
        ("jobs", lambda row: row["id"] > 2**53),
        ("appointments", lambda row: row["active"] is False),
        ("appointments", lambda row: row["status"] == "OnTheWay"),
        ("appointment-assignments", lambda row: row["active"] is False),
        ("invoices", lambda row: row["adjustmentToId"] is not None),
        ("invoices", lambda row: row["modifiedOn"] is None),
        ("invoices", lambda row: row["active"] is False),
        ("technicians", lambda row: row["active"] is False),
        ("tag-types", lambda row: row["active"] is False),
        ("campaigns", lambda row: row["active"] is False),
    ],
)
def test_odd_rows_turn_up_now_and_then(busy: World, feed: str, is_odd: Callable[[dict[str, Any]], bool]) -> None:
    rows = busy.rows(TENANT, feed)

    odd = sum(map(is_odd, rows))

    assert 0 < odd < len(rows)


def test_two_customers_turn_out_to_be_one_and_their_jobs_move(world: World) -> None:
    world.clock.freeze(NOW - timedelta(days=30))
    before = {row["id"]: row for row in world.rows(TENANT, "jobs")}
    world.clock.freeze(NOW)
    after = {row["id"]: row for row in world.rows(TENANT, "jobs")}

    moved = [id_ for id_ in before if before[id_]["customerId"] != after[id_]["customerId"]]

    assert moved
    assert all(before[id_]["modifiedOn"] < after[id_]["modifiedOn"] for id_ in moved)


def test_names_addresses_and_numbers_stand_where_the_real_ones_do(rows: Rows) -> None:
    words = ("jobs", "Springfield|ask for"), ("bookings", "+1555"), ("calls", "+1555"), ("leads", "@example.com")

    for feed, texts in words:
        dump = json.dumps(list(rows[feed].values()))
        assert any(text in dump for text in texts.split("|")), feed
    assert all(row["name"] and row["email"] for row in rows["technicians"].values())


def test_two_servers_with_one_seed_and_day_have_equal_rows_and_runs() -> None:
    one, other = World(Clock(NOW), months=1), World(Clock(NOW), months=1)

    assert [one.rows(TENANT, feed) for feed in FEEDS] == [other.rows(TENANT, feed) for feed in FEEDS]
    assert one.runs(TENANT) == other.runs(TENANT)
    assert World(Clock(NOW), months=1, seed="another").runs(TENANT) != one.runs(TENANT)


def test_each_booking_of_an_agent_carries_its_run_and_no_other_does(world: World, rows: Rows) -> None:
    runs = {run["runId"]: run for run in world.runs(TENANT)}
    by_agent = {row["externalId"]: row for row in rows["bookings"].values() if row["source"].endswith("-agent")}

    # One that was just committed late is known to ServiceTitan a few minutes after its run.
    assert set(by_agent) == {run["runId"] for run in runs.values() if run["bookingId"]}
    assert all(runs[run_id]["agent"] == row["source"] for run_id, row in by_agent.items())
    assert {row["source"] for row in rows["bookings"].values()} == {"Website", "booking-agent", "voice-agent"}
    assert len(by_agent) > 50


def test_a_booking_that_was_sent_twice_is_one_run(rows: Rows) -> None:
    sent = Counter(row["externalId"] for row in rows["bookings"].values())

    assert 2 in sent.values()
    assert max(sent.values()) == 2


def test_the_runs_that_the_rows_lead_to_are_the_runs_that_are_listed(world: World, rows: Rows) -> None:
    """From ServiceTitan's own rows, as a sync sees them: by the booking's externalId, and by the call's id."""
    runs = world.runs(TENANT)
    by_call = {run["callId"]: run["runId"] for run in runs if run["callId"]}
    found = set()
    for job in rows["jobs"].values():
        if job["partnerLeadCallId"] in by_call:
            found.add((by_call[job["partnerLeadCallId"]], job["id"]))
        booking = rows["bookings"].get(job["bookingId"])
        if booking and booking["source"].endswith("-agent"):
            found.add((booking["externalId"], job["id"]))

    assert found == {(run["runId"], run["jobId"]) for run in runs if run["jobId"]}
    assert len(found) > 50


def test_runs_lead_to_a_job_or_nowhere_and_some_jobs_have_two(world: World) -> None:
    runs = world.runs(TENANT)
    kinds = Counter((run["kind"], bool(run["callId"]), bool(run["bookingId"]), bool(run["jobId"])) for run in runs)

    assert set(kinds) >= {
        ("call", True, False, True),
        ("call", True, False, False),
        ("call", True, True, True),
        ("booking", False, True, True),
        ("booking", False, True, False),
        ("booking", False, False, False),
    }
    jobs = Counter(run["jobId"] for run in runs if run["jobId"])
    assert set(jobs.values()) == {1, 2}
    assert [run["startedAt"] for run in runs] == sorted(run["startedAt"] for run in runs)
    assert len({run["runId"] for run in runs}) == len(runs)


def test_a_run_gets_its_job_when_the_booking_converts(world: World) -> None:
    run = next(run for run in world.runs(TENANT) if run["kind"] == "booking" and run["jobId"])
    job = next(row for row in world.rows(TENANT, "jobs") if row["id"] == run["jobId"])
    made_at = datetime.fromisoformat(job["createdOn"])

    world.clock.freeze(made_at - timedelta(seconds=1))
    before = {run["runId"]: run for run in world.runs(TENANT)}
    world.clock.freeze(datetime.fromisoformat(run["startedAt"]) - timedelta(seconds=1))
    long_before = {run["runId"] for run in world.runs(TENANT)}
    world.clock.freeze(NOW)

    assert before[run["runId"]]["jobId"] is None
    assert run["runId"] not in long_before
