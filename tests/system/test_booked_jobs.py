"""What an owner asks: from the agents' calls and ServiceTitan's jobs to what a job cost, all of it through the API and the schedules."""

import secrets
from typing import Any

import httpx
import pytest

from tests.system.tollgate_client import Stack, Tenant, Tollgate, eventually, nano

# The tenant of the local stack's own connection, and the shop that it connects.
BLUEBIRD, SHOP = "bluebird", 1001
WAIT_S = 240.0


@pytest.fixture(scope="module")
def bluebird(admin: Tollgate, stack: Stack) -> Tenant:
    made = admin.put(f"/api/cost/budget/{BLUEBIRD}", {"timezone": "America/Chicago"})
    assert made.status_code in (200, 201), made.text
    key = admin.post("/api/keys", {"tenantId": BLUEBIRD, "role": "tenant", "name": "tests"})
    return Tenant(tenant_id=BLUEBIRD, api=Tollgate(stack, key.json()["key"]), stack=stack)


@pytest.fixture(scope="module")
def runs(stack: Stack, admin: Tollgate) -> list[dict[str, Any]]:
    """The shop's own agents' runs, when all that they led to has been brought."""
    answer = eventually(
        lambda: admin.get(f"/api/connections/production-{SHOP}").json()["sync"],
        until=lambda sync: sync is not None and sync["state"] == "current",
        seconds=WAIT_S,
    )
    assert answer, "the schedule has the connection read"
    assert answer["state"] == "current", answer
    with httpx.Client(base_url=stack.facts["servicetitanBaseUrl"], timeout=60) as shop:
        found: list[dict[str, Any]] = shop.get(f"/_local/tenants/{SHOP}/runs").raise_for_status().json()
    return found


def spend(bluebird: Tenant, usd: float, **labels: str) -> None:
    booked = {"recordId": f"booked-{secrets.token_hex(8)}", "costUsd": usd, "metadata": labels}
    answer = bluebird.api.post("/api/cost/record", booked)
    assert answer.status_code in (200, 201), answer.text


def test_a_booking_s_run_is_tied_to_its_job_and_one_that_led_nowhere_is_not(
    bluebird: Tenant, runs: list[dict[str, Any]]
) -> None:
    booking = next(run for run in reversed(runs) if run["kind"] == "booking" and run["jobId"])
    call = next(run for run in reversed(runs) if run["kind"] == "call" and run["callId"] and not run["jobId"])

    spend(bluebird, 0.03, runId=booking["runId"], agent=booking["agent"])
    spend(bluebird, 0.01, runId=booking["runId"], agent=booking["agent"], bookingId=str(booking["bookingId"]))
    spend(bluebird, 0.02, runId=call["runId"], callId=str(call["callId"]), agent=call["agent"])
    spend(bluebird, 0.04, runId="nobody-knows-it")
    spend(bluebird, 0.05)

    def summary() -> dict[str, Any]:
        answer = bluebird.api.get(f"/api/cost/summary/{BLUEBIRD}", groupBy="job")
        assert answer.status_code == 200, answer.text
        body: dict[str, Any] = answer.json()
        return body

    body = eventually(summary, until=lambda body: body["totals"]["costUsd"] >= 0.15, seconds=60)
    outcomes = body["outcomes"]
    assert nano(body["totals"]["costUsd"]) == nano(0.15)
    assert nano(outcomes["attributedCostUsd"]) == nano(0.06)
    assert outcomes["attributedShare"] == 0.4
    assert (outcomes["runs"], outcomes["runsLinked"]) == (3, 2)
    assert nano(outcomes["ledNowhereCostUsd"]) == nano(0.06)
    assert nano(outcomes["unlabelledCostUsd"]) == nano(0.05)
    # The job was there before these spans: what they paid for did not book it.
    assert (outcomes["servedJobs"], outcomes["bookedJobs"]) == (1, 0)
    assert nano(outcomes["servedCostUsd"]) == nano(0.04)
    assert {(each["link"], each["strength"]) for each in outcomes["links"]} == {("booking", "exact"), ("call", "exact")}
    assert outcomes["business"]["jobsCreated"] > 0
    assert outcomes["syncedAt"] is not None

    groups = {group["key"]: group for group in body["groups"]}
    job = groups[str(booking["jobId"])]
    assert nano(job["costUsd"]) == nano(0.04)
    assert job["job"]["link"] == "booking"
    assert sum(nano(group["costUsd"]) for group in body["groups"]) == nano(0.15)


def test_a_tenant_without_a_connection_has_no_outcomes(tenant: Tenant) -> None:
    answer = tenant.api.get(f"/api/cost/summary/{tenant.tenant_id}")

    assert answer.json()["outcomes"] is None
