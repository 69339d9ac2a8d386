"""The upstream fails in every way that it can: what that costs, what the client sees, and what the breaker makes of it."""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from tests.system.tollgate_client import Stack, Tenant, Tollgate, eventually, nano, new_tenant


@dataclass(frozen=True, kw_only=True)
class Case:
    """`counted`: what the breaker of the model counts of it. `booked`: nothing, the true cost or all that was held."""

    fault: dict[str, Any]
    status: int
    outcome: str
    booked: str
    counted: int
    stream: bool = False
    code: str | None = None


def fault(kind: str, times: int | None = 1, **more: object) -> dict[str, Any]:
    return {"kind": kind, "times": times, **more}


CASES = {
    "500": Case(fault=fault("error_500"), status=500, outcome="failed", booked="nothing", counted=1),
    "503 once": Case(fault=fault("error_503"), status=200, outcome="ok", booked="cost", counted=0),
    "503 always": Case(fault=fault("error_503", None), status=503, outcome="failed", booked="nothing", counted=1),
    "429": Case(fault=fault("rate_limit"), status=429, outcome="failed", booked="nothing", counted=1),
    "429, soon over": Case(
        fault=fault("rate_limit_retry_after", retryAfterSeconds=0.3),
        status=200,
        outcome="ok",
        booked="cost",
        counted=0,
    ),
    "429, not soon": Case(
        fault=fault("rate_limit_retry_after", None, retryAfterSeconds=30),
        status=429,
        outcome="failed",
        booked="nothing",
        counted=1,
    ),
    "the caller's mistake": Case(
        fault=fault("bad_request"), status=400, outcome="rejected", booked="nothing", counted=0
    ),
    "slow": Case(fault=fault("slow", delaySeconds=1), status=200, outcome="ok", booked="cost", counted=0),
    "a proxy's 502": Case(fault=fault("html_502"), status=504, outcome="unknown", booked="all", counted=1),
    "reset before the work": Case(
        fault=fault("reset_before_work"), status=504, outcome="unknown", booked="all", counted=1
    ),
    "reset before headers": Case(
        fault=fault("reset_before_headers"), status=504, outcome="unknown", booked="all", counted=1
    ),
    "reset after headers": Case(
        fault=fault("reset_after_headers"), status=504, outcome="unknown", booked="all", counted=1
    ),
    "half a body": Case(fault=fault("truncated_body"), status=504, outcome="unknown", booked="all", counted=1),
    "broken JSON": Case(fault=fault("wrong_json"), status=504, outcome="unknown", booked="all", counted=1),
    "a stream without its end": Case(
        fault=fault("stream_cut_before_usage"), status=504, outcome="unknown", booked="all", counted=1, stream=True
    ),
    "half a stream": Case(
        fault=fault("truncated_body"), status=504, outcome="unknown", booked="all", counted=1, stream=True
    ),
}


@pytest.fixture
def breakers(admin: Tollgate, local_openai: httpx.Client) -> Iterator["Breakers"]:
    """Every breaker closed, before and after."""
    found = Breakers(admin)
    found.reset()
    yield found
    local_openai.delete("/_local/faults")
    found.reset()


@dataclass(frozen=True)
class Breakers:
    admin: Tollgate

    def listed(self) -> list[dict[str, Any]]:
        answer = self.admin.get("/api/breakers")
        assert answer.status_code == 200, answer.text
        listed: list[dict[str, Any]] = answer.json()["breakers"]
        return listed

    def of(self, model: str) -> dict[str, Any]:
        found = [breaker for breaker in self.listed() if breaker.get("model") == model]
        return found[0] if found else {"state": "closed", "failures": 0}

    def reset(self) -> None:
        for breaker in self.listed():
            assert self.admin.delete(f"/api/breakers/{breaker['id']}").status_code == 204


@pytest.fixture(scope="module")
def hanging(admin: Tollgate, stack: Stack) -> Iterator[tuple[Tenant, Future[httpx.Response]]]:
    """A call to the other model that never comes back: it waits for its time to end while the other tests run."""
    shop = new_tenant(admin, stack, dailyBudgetUsd=5)
    # A cold start before the wait would outlast API Gateway's patience.
    assert shop.chat("Warm the function up.", max_tokens=10).status_code == 200
    with httpx.Client(base_url=stack.openai_base_url.removesuffix("/v1"), timeout=30) as control:
        control.delete("/_local/faults")
        control.post("/_local/faults", json=fault("hang") | {"match": {"contains": shop.tenant_id}})
    body = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": shop.tenant_id}], "max_tokens": 50}
    with ThreadPoolExecutor(1) as caller:
        call = caller.submit(shop.api.post, "/v1/chat/completions", body)
        eventually(shop.budget, until=lambda budget: budget["inFlight"] == 1, seconds=20)
        yield shop, call


@pytest.mark.parametrize("name", CASES)
def test_each_failure_has_its_outcome_cost_count_and_answer(
    name: str,
    hanging: tuple[Tenant, Future[httpx.Response]],
    tenant: Tenant,
    local_openai: httpx.Client,
    breakers: Breakers,
) -> None:
    case = CASES[name]
    local_openai.post("/_local/faults", json=case.fault | {"match": {"contains": tenant.tenant_id}})

    answer = tenant.chat(f"A call of {tenant.tenant_id}", max_tokens=50, stream=case.stream)

    assert answer.status_code == case.status, answer.text
    assert ("error" in answer.json()) == (case.status != 200)
    assert breakers.of("gpt-4o")["failures"] == case.counted
    daily = tenant.budget()["daily"]
    assert daily["heldUsd"] == 0
    rows = eventually(tenant.spans, until=bool, seconds=60)
    assert [row[1] for row in rows] == [case.outcome]
    assert rows[0][2] == nano(daily["spentUsd"])
    held = tenant.stack.rows("SELECT held_nanousd FROM spans WHERE tenant_id = %s", tenant.tenant_id)[0][0]
    spent = nano(daily["spentUsd"])
    match case.booked:
        case "nothing":
            assert spent == 0
        case "all":
            assert spent == held > 0
        case _:
            assert 0 < spent < held


def test_an_account_without_money_stops_the_model_at_once_and_the_cheaper_one_answers(
    tenant: Tenant, local_openai: httpx.Client, breakers: Breakers
) -> None:
    local_openai.post("/_local/faults", json=fault("insufficient_quota") | {"match": {"contains": tenant.tenant_id}})

    first = tenant.chat(f"A call of {tenant.tenant_id}", max_tokens=50)

    assert (first.status_code, first.json()["error"]["code"]) == (429, "insufficient_quota")
    opened = breakers.of("gpt-4o")
    assert (opened["state"], opened["reason"]) == ("open", "insufficient_quota")
    assert tenant.budget()["daily"]["spentUsd"] == 0
    # Another environment knows within a second.
    second = eventually(
        lambda: tenant.chat("Who comes today?", max_tokens=50),
        until=lambda answer: answer.headers.get("x-tollgate-downgrade-reason") == "breaker",
        seconds=20,
    )
    assert second.status_code == 200
    assert second.headers["x-tollgate-model-requested"] == "gpt-4o"
    assert second.headers["x-tollgate-model-served"] == "gpt-4o-mini"
    assert second.headers["x-tollgate-downgrade-reason"] == "breaker"
    before = tenant.budget()
    body = {"model": "gpt-4o", "messages": [{"role": "user", "content": "Only this model"}], "max_tokens": 50}
    third = tenant.api.post("/v1/chat/completions", body, **{"x-tollgate-downgrade": "never"})
    assert (third.status_code, third.json()["error"]["code"]) == (503, "upstream_unavailable")
    assert 0 < int(third.headers["retry-after"]) <= 60
    assert tenant.budget()["daily"] == before["daily"]

    assert tenant.api.get("/api/breakers").status_code == 403
    assert tenant.api.delete(f"/api/breakers/{opened['id']}").status_code == 403
    assert breakers.admin.delete("/api/breakers/upstream-unheard-of").status_code == 404
    breakers.reset()
    again = eventually(
        lambda: tenant.chat("Who comes tomorrow?", max_tokens=50),
        until=lambda answer: answer.headers.get("x-tollgate-model-served") == "gpt-4o",
        seconds=20,
    )
    assert again.headers["x-tollgate-model-served"] == "gpt-4o"


def test_an_agent_that_sends_the_same_request_over_and_over_is_stopped_and_its_other_requests_are_not(
    tenant: Tenant, breakers: Breakers
) -> None:
    same = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Is it booked yet?"}], "max_tokens": 16}
    looping = {"x-tollgate-agent": "booking-agent"}
    answers = []
    # Each environment counts for itself, and there may be sixteen.
    for _ in range(400):
        answers.append(tenant.api.post("/v1/chat/completions", same, **looping))
        if answers[-1].status_code != 200:
            break

    refused = answers[-1]
    assert len(answers) > 20
    assert (refused.status_code, refused.json()["error"]["code"]) == (429, "rate_limit_exceeded")
    assert refused.headers["x-tollgate-refusal-reason"] == "loop"
    assert refused.headers["x-should-retry"] == "false"
    assert 0 < int(refused.headers["retry-after"]) <= 60
    assert "booking-agent" in refused.json()["error"]["message"]
    other = same | {"messages": [{"role": "user", "content": "And the other one?"}]}
    assert tenant.api.post("/v1/chat/completions", other, **looping).status_code == 200
    assert tenant.api.post("/v1/chat/completions", same, **{"x-tollgate-agent": "voice-agent"}).status_code == 200
    [listed] = [breaker for breaker in breakers.listed() if breaker.get("tenantId") == tenant.tenant_id]
    assert (listed["kind"], listed["agent"], listed["state"]) == ("loop", "booking-agent", "open")


def test_a_call_that_never_comes_back_is_cut_in_time_and_booked_in_full(
    hanging: tuple[Tenant, Future[httpx.Response]], breakers: Breakers
) -> None:
    shop, call = hanging

    answer = call.result(timeout=90)

    assert (answer.status_code, answer.json()["error"]["code"]) == (504, "upstream_unknown")
    rows = eventually(shop.spans, until=lambda rows: len(rows) == 2, seconds=60)
    assert [row[1] for row in rows] == ["ok", "unknown"]
    assert sum(row[2] for row in rows) == nano(shop.budget()["daily"]["spentUsd"])
    assert shop.stack.rows("SELECT held_nanousd FROM spans WHERE tenant_id = %s AND seq = 2", shop.tenant_id) == [
        (rows[1][2],)
    ]
