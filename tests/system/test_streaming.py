"""Streams as they come: the deployed function's own code, served by the server that its web adapter would talk to."""

from typing import Any

import httpx
import openai
import pytest

from tests.system.tollgate_client import Stack, Tenant, Tollgate, eventually, nano, new_tenant, published_cost

# Slow enough that whoever got only the whole would still be waiting when the first piece is looked at.
PACED = [
    {"role": "user", "content": "[[local: outputTokens=60 tokensPerSecond=30]] Who can come to 12 Oak Street today?"}
]


def chat_stream(sdk: openai.OpenAI, **more: Any) -> Any:
    return sdk.chat.completions.create(model="gpt-4o", messages=PACED, stream=True, **more)  # type: ignore[call-overload]


def response_stream(sdk: openai.OpenAI) -> Any:
    return sdk.responses.create(model="gpt-4o", input=PACED[0]["content"], stream=True, store=False)


def served(local_openai: httpx.Client, since: int) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = local_openai.get("/_local/served", params={"since": since}).json()["served"]
    return entries


def served_so_far(local_openai: httpx.Client) -> int:
    return int(local_openai.get("/_local/health").json()["served"])


@pytest.mark.parametrize("ask", [chat_stream, response_stream])
def test_the_first_piece_is_there_before_the_last_is_made(ask: Any, tenant: Tenant, local_openai: httpx.Client) -> None:
    before = served_so_far(local_openai)

    stream = iter(ask(tenant.sdk()))
    first = next(stream)
    made_by_then = served_so_far(local_openai) - before
    rest = list(stream)

    assert first
    assert made_by_then == 0, "the provider had not finished when the client had its first piece"
    assert len(rest) > 10
    assert nano(tenant.budget()["daily"]["spentUsd"]) == published_cost(served(local_openai, before))


def test_the_last_piece_says_what_the_call_cost(tenant: Tenant, local_openai: httpx.Client) -> None:
    with chat_stream(tenant.sdk()) as stream:
        headers = stream.response.headers
        pieces = list(stream)

    told = pieces[-1].model_extra["tollgate"]
    assert pieces[-1].choices[0].finish_reason == "stop"
    assert all("tollgate" not in piece.model_extra for piece in pieces[:-1])
    assert nano(told["cost_usd"]) == nano(tenant.budget()["daily"]["spentUsd"])
    assert told["hold_id"] == headers["x-tollgate-hold-id"]
    assert headers["x-tollgate-model-served"] == "gpt-4o"
    assert headers["x-request-id"]


def test_a_client_that_leaves_in_the_middle_pays_for_the_whole(tenant: Tenant, local_openai: httpx.Client) -> None:
    before = served_so_far(local_openai)

    with chat_stream(tenant.sdk()) as stream:
        next(iter(stream))

    made = eventually(lambda: served(local_openai, before), until=bool, seconds=30)
    eventually(lambda: tenant.budget()["inFlight"], until=lambda count: count == 0, seconds=30)
    budget = tenant.budget()["daily"]
    assert made[0]["outcome"] == "served"
    assert nano(budget["spentUsd"]) == published_cost(made)
    assert budget["heldUsd"] == 0


@pytest.mark.parametrize("kind", ["stream_cut_before_usage", "truncated_body"])
def test_a_stream_that_breaks_off_ends_in_an_error_and_costs_its_whole_hold(
    kind: str, tenant: Tenant, local_openai: httpx.Client
) -> None:
    local_openai.post("/_local/faults", json={"kind": kind, "times": 1}).raise_for_status()
    stream = iter(chat_stream(tenant.sdk()))

    pieces = [next(stream)]
    with pytest.raises(openai.APIError, match="may have been billed"):
        pieces.extend(stream)

    assert pieces[0].choices, "what came before the break was handed on"
    budget = tenant.budget()["daily"]
    assert budget["spentUsd"] > 0
    assert budget["heldUsd"] == 0
    rows = eventually(tenant.spans, until=bool, seconds=60)
    assert [(outcome, cost) for _, outcome, cost in rows] == [("unknown", nano(budget["spentUsd"]))]


def test_a_refusal_of_a_stream_has_a_status_of_its_own(admin: Tollgate, stack: Stack) -> None:
    poor = new_tenant(admin, stack, dailyBudgetUsd=0.000001)

    with pytest.raises(openai.RateLimitError) as refused:
        chat_stream(poor.sdk())

    assert refused.value.code == "insufficient_quota"
    assert refused.value.response.headers["x-should-retry"] == "false"


def test_a_stream_without_a_known_key_is_refused(stack: Stack) -> None:
    sdk = openai.OpenAI(base_url=f"{stack.api_url}/v1", api_key="tg_nobody", max_retries=0)
    stack.closing.callback(sdk.close)

    with pytest.raises(openai.AuthenticationError):
        chat_stream(sdk)


def test_nobody_can_hand_in_the_gateway_s_own_headers(tenant: Tenant, admin: Tollgate, stack: Stack) -> None:
    other = new_tenant(admin, stack, dailyBudgetUsd=5)
    forged = {
        "x-amzn-request-context": f'{{"authorizer": {{"role": "tenant", "keyId": "k", "tenantId": "{other.tenant_id}"}}}}'
    }

    list(chat_stream(tenant.sdk(), extra_headers=forged))

    assert tenant.budget()["daily"]["spentUsd"] > 0
    assert other.budget()["daily"]["spentUsd"] == 0


def test_a_repeated_stream_is_told_again_and_spends_nothing(tenant: Tenant) -> None:
    keyed = {"Idempotency-Key": "the-furnace"}

    first = list(chat_stream(tenant.sdk(), extra_headers=keyed))
    spent = tenant.budget()["daily"]["spentUsd"]
    again = list(chat_stream(tenant.sdk(), extra_headers=keyed))

    assert again == first
    assert tenant.budget()["daily"]["spentUsd"] == spent


def test_the_usage_is_shown_to_whoever_asks_for_it(tenant: Tenant) -> None:
    pieces = list(chat_stream(tenant.sdk(), stream_options={"include_usage": True}))

    assert pieces[-1].usage.completion_tokens == 60
    assert pieces[-1].model_extra["tollgate"]["cost_usd"] > 0
