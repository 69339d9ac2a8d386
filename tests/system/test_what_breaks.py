"""Functions that die and a database that is away: nothing is lost, nothing counts twice."""

import threading
import time
from dataclasses import dataclass

import httpx
import pytest

from tests.system.tollgate_client import Stack, Tenant, Tollgate, eventually, nano, new_tenant

AWAY_S = 60


@dataclass(frozen=True, kw_only=True)
class Killed:
    """A tenant whose function was killed in the middle of a call, and what it held then."""

    tenant: Tenant
    held_nanousd: int
    at: float


@pytest.fixture(scope="module")
def killed(admin: Tollgate, stack: Stack) -> Killed:
    """Killed first, so that the minutes until the sweep are spent on the other tests."""
    shop = new_tenant(admin, stack, dailyBudgetUsd=5)
    assert shop.chat("Warm the function up.", max_tokens=10).status_code == 200
    spent = nano(shop.budget()["daily"]["spentUsd"])
    caller = threading.Thread(
        target=_ignore_errors, args=(shop, "[[local: latency=25]] A call that nobody will finish."), daemon=True
    )
    caller.start()
    held = eventually(shop.budget, until=lambda budget: budget["inFlight"] == 1, seconds=20)
    assert held["inFlight"] == 1
    for worker in stack.workers("CreateChatCompletion"):
        worker.kill()
    caller.join(timeout=60)
    after = shop.budget()
    assert after["inFlight"] == 1, "the hold stays"
    assert nano(after["daily"]["spentUsd"]) == spent
    return Killed(tenant=shop, held_nanousd=nano(after["daily"]["heldUsd"]), at=time.monotonic())


def test_with_postgres_away_for_a_minute_calls_are_served_and_every_span_is_there_once(
    killed: Killed, admin: Tollgate, stack: Stack
) -> None:
    shop = new_tenant(admin, stack, dailyBudgetUsd=5)
    assert shop.chat("Before", max_tokens=10).status_code == 200
    stack.command("postgres", "stop")
    ends = time.monotonic() + AWAY_S
    statuses = []
    while time.monotonic() < ends:
        statuses.append(shop.chat("While the database is away", max_tokens=10).status_code)
        time.sleep(1)
    away = shop.api.get(f"/api/cost/summary/{shop.tenant_id}")
    stack.command("postgres", "start")

    assert set(statuses) == {200}
    assert (away.status_code, away.json()["error"]["code"]) == (503, "spans_unavailable")
    spent = nano(shop.budget()["daily"]["spentUsd"])
    rows = eventually(shop.spans, until=lambda rows: len(rows) == len(statuses) + 1, seconds=90)
    assert [row[0] for row in rows] == list(range(1, len(statuses) + 2))
    assert sum(row[2] for row in rows) == spent


def test_the_schedules_fire_by_themselves(stack: Stack) -> None:
    rolled = eventually(
        lambda: stack.rows("SELECT count(*) FROM tenant_rollups"), until=lambda rows: rows[0][0] > 0, seconds=120
    )
    jobs = eventually(
        lambda: stack.rows("SELECT count(*) FROM servicetitan_jobs"), until=lambda rows: rows[0][0] > 0, seconds=120
    )

    assert rolled[0][0] > 0
    assert jobs[0][0] > 0


def test_a_call_whose_function_was_killed_is_closed_by_the_sweep_at_its_full_amount(
    killed: Killed, local_openai: httpx.Client
) -> None:
    shop = killed.tenant

    budget = eventually(shop.budget, until=lambda budget: budget["inFlight"] == 0, seconds=300)

    assert budget["inFlight"] == 0
    assert budget["daily"]["heldUsd"] == 0
    rows = eventually(shop.spans, until=lambda rows: len(rows) == 2, seconds=60)
    assert [row[1] for row in rows] == ["ok", "lapsed"]
    assert rows[1][2] == killed.held_nanousd
    assert nano(budget["daily"]["spentUsd"]) == sum(row[2] for row in rows)
    assert nano(budget["daily"]["spentUsd"]) + nano(budget["daily"]["remainingUsd"]) == nano(5)


def _ignore_errors(shop: Tenant, text: str) -> None:
    try:
        shop.chat(text)
    except httpx.HTTPError:
        return
