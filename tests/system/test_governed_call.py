"""One governed call, as its users see it."""

import httpx
import openai
import pytest

from tests.system.tollgate_client import Stack, Tenant, Tollgate, eventually, nano, new_tenant, published_cost

HELLO = [{"role": "user", "content": "The furnace at 12 Oak Street is out. Who can come today?"}]


def test_the_sdk_gets_its_answer_and_the_books_say_what_it_cost(tenant: Tenant, local_openai: httpx.Client) -> None:
    before = local_openai.get("/_local/health").json()["served"]

    answer = tenant.sdk().chat.completions.with_raw_response.create(model="gpt-4o", messages=HELLO)  # type: ignore[call-overload]

    completion = answer.parse()
    assert completion.choices[0].message.content
    served = local_openai.get("/_local/served", params={"since": before}).json()["served"]
    assert [entry["requestId"] for entry in served], "the upstream was asked"
    spent = nano(tenant.budget()["daily"]["spentUsd"])
    assert spent == published_cost(served)
    assert nano(float(answer.headers["x-tollgate-cost-usd"])) == spent
    assert answer.headers["x-tollgate-model-served"] == "gpt-4o"
    assert answer.headers["x-tollgate-hold-id"].startswith(tenant.budget()["daily"]["window"].replace("-", ".", 2)[:4])


def test_a_span_of_the_call_reaches_postgres_through_the_stream(tenant: Tenant) -> None:
    answer = tenant.api.post(
        "/api/chat",
        {"messages": HELLO, "metadata": {"agent": "dispatch-agent", "jobId": "job-7", "runId": "run-1"}},
    ).json()

    rows = eventually(tenant.spans, until=bool, seconds=60)

    assert rows == [(1, "ok", nano(answer["costUsd"]))]
    labels = tenant.stack.rows(
        "SELECT agent_name, job_id, run_id, request_model FROM spans WHERE tenant_id = %s", tenant.tenant_id
    )
    assert labels == [("dispatch-agent", "job-7", "run-1", "gpt-4o")]


def test_a_refused_call_raises_at_once_and_is_not_tried_again(admin: Tollgate, stack: Stack) -> None:
    poor = new_tenant(admin, stack, dailyBudgetUsd=0.000001)
    requests: list[httpx.Request] = []
    sdk = poor.sdk(http_client=_counting(requests))

    with pytest.raises(openai.RateLimitError) as refused:
        sdk.chat.completions.create(model="gpt-4o", messages=HELLO)  # type: ignore[arg-type]

    assert len(requests) == 1
    assert refused.value.code == "insufficient_quota"
    assert refused.value.response.headers["x-tollgate-refusal-reason"] == "daily_budget"
    assert refused.value.response.headers["x-should-retry"] == "false"
    assert "left" in refused.value.message


def test_near_the_cap_the_cheaper_model_answers_and_says_so(admin: Tollgate, stack: Stack) -> None:
    shop = new_tenant(admin, stack, dailyBudgetUsd=1, softCap=0)

    answer = shop.chat("Confirm the appointment for Tuesday.")

    assert answer.status_code == 200
    assert answer.headers["x-tollgate-model-requested"] == "gpt-4o"
    assert answer.headers["x-tollgate-model-served"] == "gpt-4o-mini"
    assert answer.headers["x-tollgate-downgrade-reason"] == "soft_cap"
    assert answer.json()["model"].startswith("gpt-4o-mini")


def test_a_stream_is_delivered_whole_and_settled_exactly(tenant: Tenant, local_openai: httpx.Client) -> None:
    before = local_openai.get("/_local/health").json()["served"]

    chunks = list(tenant.sdk().chat.completions.create(model="gpt-4o", messages=HELLO, stream=True))  # type: ignore[call-overload]

    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert all(chunk.usage is None for chunk in chunks), "the caller did not ask for usage"
    served = local_openai.get("/_local/served", params={"since": before}).json()["served"]
    assert nano(tenant.budget()["daily"]["spentUsd"]) == published_cost(served)


def _counting(requests: list[httpx.Request]) -> object:
    return openai.DefaultHttpxClient(event_hooks={"request": [requests.append]})
