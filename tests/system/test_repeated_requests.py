"""Requests with an Idempotency-Key through the deployed stack: asked of the upstream once, paid for once."""

import secrets
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import openai
import pytest

from infra.restore import physical_of
from tests.system.tollgate_client import Stack, Tenant, Tollgate, eventually, nano, new_tenant, published_cost

REPLAY = "x-tollgate-idempotent-replay"


def hello(tenant: Tenant) -> dict[str, Any]:
    """Says whose call it is, so that others of the run are not counted with it."""
    return {
        "model": "gpt-4o",
        "messages": [{"role": "user", "content": f"The furnace at {tenant.tenant_id} is out. Who can come today?"}],
        "max_tokens": 60,
    }


@pytest.fixture
def key() -> str:
    return f"booking-{secrets.token_hex(8)}"


def served_since(local_openai: httpx.Client, before: int) -> list[dict[str, Any]]:
    served: list[dict[str, Any]] = local_openai.get("/_local/served", params={"since": before}).json()["served"]
    return served


def test_the_sdk_gets_the_same_answer_again_and_pays_once(tenant: Tenant, local_openai: httpx.Client, key: str) -> None:
    before = local_openai.get("/_local/health").json()["served"]
    create = tenant.sdk().chat.completions.with_raw_response.create

    first, again = (create(**hello(tenant), extra_headers={"Idempotency-Key": key}) for _ in range(2))

    assert again.parse().choices[0].message.content == first.parse().choices[0].message.content
    assert again.text == first.text
    assert (first.headers.get(REPLAY), again.headers.get(REPLAY)) == (None, "true")
    served = served_since(local_openai, before)
    assert len(served) == 1
    assert nano(tenant.budget()["daily"]["spentUsd"]) == published_cost(served)
    assert nano(float(again.headers["x-tollgate-cost-usd"])) == published_cost(served)
    rows = eventually(tenant.spans, until=bool, seconds=60)
    assert [row[1] for row in rows] == ["ok"]


def test_two_requests_at_once_with_one_key_are_one_call(tenant: Tenant, local_openai: httpx.Client, key: str) -> None:
    """The SDK waits as it is told and asks again by itself, until the first has its answer."""
    slow = {"kind": "slow", "times": 1, "delaySeconds": 2, "match": {"contains": tenant.tenant_id}}
    local_openai.post("/_local/faults", json=slow)
    before = local_openai.get("/_local/health").json()["served"]
    sdk = tenant.sdk(max_retries=5)

    def ask(_: int) -> Any:
        return sdk.chat.completions.with_raw_response.create(**hello(tenant), extra_headers={"Idempotency-Key": key})

    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(ask, range(2)))

    assert sorted(str(answer.headers.get(REPLAY)) for answer in answers) == ["None", "true"]
    assert len({answer.text for answer in answers}) == 1
    served = served_since(local_openai, before)
    assert len(served) == 1
    assert nano(tenant.budget()["daily"]["spentUsd"]) == published_cost(served)


def test_a_repetition_during_the_call_that_does_not_wait_is_told_to(
    tenant: Tenant, local_openai: httpx.Client, key: str
) -> None:
    slow = {"kind": "slow", "times": 1, "delaySeconds": 2, "match": {"contains": tenant.tenant_id}}
    local_openai.post("/_local/faults", json=slow)
    sdk = tenant.sdk(max_retries=0)

    def ask(_: int) -> str:
        try:
            sdk.chat.completions.create(**hello(tenant), extra_headers={"Idempotency-Key": key})
        except openai.ConflictError as refused:
            return f"{refused.code} for {refused.response.headers['retry-after']} s"
        return "ok"

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(ask, range(2))) == ["idempotency_in_progress for 3 s", "ok"]


def test_the_key_with_another_body_is_refused(tenant: Tenant, local_openai: httpx.Client, key: str) -> None:
    sdk, header = tenant.sdk(), {"Idempotency-Key": key}
    sdk.chat.completions.create(**hello(tenant), extra_headers=header)
    before = local_openai.get("/_local/health").json()["served"]

    with pytest.raises(openai.UnprocessableEntityError) as refused:
        sdk.chat.completions.create(**hello(tenant) | {"max_tokens": 61}, extra_headers=header)

    assert refused.value.code == "idempotency_conflict"
    assert served_since(local_openai, before) == []


def test_a_refused_call_keeps_nothing_and_is_made_once_there_is_money(admin: Tollgate, stack: Stack, key: str) -> None:
    poor = new_tenant(admin, stack, dailyBudgetUsd=0.000001)
    sdk, header = poor.sdk(), {"Idempotency-Key": key}
    with pytest.raises(openai.RateLimitError):
        sdk.chat.completions.create(**hello(poor), extra_headers=header)
    admin.put(f"/api/cost/budget/{poor.tenant_id}", {"dailyBudgetUsd": 1})

    def again() -> httpx.Response:
        return poor.api.post("/v1/chat/completions", hello(poor), **header)

    # A gate remembers a refusal for a second or a few.
    answer = eventually(again, until=lambda answer: answer.status_code == 200, seconds=20)

    assert answer.status_code == 200, answer.text
    assert REPLAY not in answer.headers


def test_a_stream_comes_again_chunk_by_chunk(tenant: Tenant, local_openai: httpx.Client, key: str) -> None:
    before = local_openai.get("/_local/health").json()["served"]
    sdk = tenant.sdk()

    first, again = (
        [
            chunk.to_dict()
            for chunk in sdk.chat.completions.create(
                **hello(tenant), stream=True, extra_headers={"Idempotency-Key": key}
            )
        ]
        for _ in range(2)
    )

    assert len(first) > 1
    assert again == first
    assert len(served_since(local_openai, before)) == 1


def test_what_may_have_been_billed_is_not_bought_again(tenant: Tenant, local_openai: httpx.Client, key: str) -> None:
    broken = {"kind": "reset_before_headers", "times": 1, "match": {"contains": tenant.tenant_id}}
    local_openai.post("/_local/faults", json=broken)

    first, again = (
        tenant.api.post("/api/chat", {"messages": hello(tenant)["messages"]}, **{"Idempotency-Key": key})
        for _ in range(2)
    )

    assert (first.status_code, again.status_code) == (504, 504)
    assert (again.json(), again.headers[REPLAY]) == (first.json(), "true")
    rows = eventually(tenant.spans, until=bool, seconds=60)
    assert [row[1] for row in rows] == ["unknown"]


def test_a_record_counts_once_by_the_header(tenant: Tenant, key: str) -> None:
    record, header = {"costUsd": 0.25}, {"Idempotency-Key": key}

    first, again = (tenant.api.post("/api/cost/record", record, **header) for _ in range(2))

    assert [first.status_code, again.status_code] == [201, 200]
    assert again.headers[REPLAY] == "true"
    assert tenant.budget()["daily"]["spentUsd"] == 0.25


def test_what_is_kept_says_when_it_goes_and_not_what_was_asked(tenant: Tenant, stack: Stack, key: str) -> None:
    asked = hello(tenant)
    tenant.api.post("/v1/chat/completions", asked, **{"Idempotency-Key": key})
    table = physical_of(stack.aws("cloudformation"), "tollgate")["Idempotency"]

    item = stack.aws("dynamodb").get_item(TableName=table, Key={"pk": {"S": f"{tenant.tenant_id}#{key}"}})["Item"]

    first = {"pk", "token", "fingerprint", "until_ms", "ttl"}
    answered = {"status", "content_type", "headers", "body"}
    assert item.keys() == first | answered, "of what was asked there is a hash alone"
    assert int(item["ttl"]["N"]) - int(item["until_ms"]["N"]) // 1000 in range(23 * 3600, 24 * 3600)
