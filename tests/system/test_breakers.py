"""What is not asked for a while: a model whose account has no money, and an agent in a loop. What counts is in test_outcomes.py."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.system.tollgate_client import Breakers, Tenant, Tollgate, eventually


def fault(kind: str, times: int | None = 1, **more: object) -> dict[str, Any]:
    return {"kind": kind, "times": times, **more}


@pytest.fixture
def breakers(admin: Tollgate, local_openai: httpx.Client) -> Iterator[Breakers]:
    """Every breaker closed, before and after."""
    found = Breakers(admin)
    found.reset()
    yield found
    local_openai.delete("/_local/faults")
    found.reset()


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
