"""OpenAI's own SDK on the routes besides chat, changed by base URL and key alone; the books say what each call cost."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import openai
import pytest
from pydantic import BaseModel

from tests.system.tollgate_client import Stack, Tenant, Tollgate, eventually, nano, new_tenant, published_cost

QUESTION = "The furnace at 12 Oak Street is out. Who can come today?"
SMALL = "text-embedding-3-small"
TOOL: Any = {
    "type": "function",
    "name": "find_technician",
    "description": "Who is free for a job",
    "parameters": {
        "type": "object",
        "properties": {"trade": {"type": "string", "enum": ["hvac", "plumbing"]}},
        "required": ["trade"],
        "additionalProperties": False,
    },
    "strict": True,
}


class Visit(BaseModel):
    technician: str
    minutes: int


@dataclass(slots=True)
class Billed:
    """What the provider says that it served meanwhile."""

    served: list[dict[str, Any]] = field(default_factory=list)

    @property
    def cost(self) -> int:
        return published_cost(self.served)


@contextmanager
def billed(tenant: Tenant, local_openai: httpx.Client) -> Iterator[Billed]:
    """Holds what is true of every governed call: what was spent is what was billed, and no more than was held."""
    before = local_openai.get("/_local/health").json()["served"]
    bill = Billed()
    yield bill
    bill.served = local_openai.get("/_local/served", params={"since": before}).json()["served"]
    assert bill.served, "the upstream was asked"
    daily = tenant.budget()["daily"]
    assert (nano(daily["spentUsd"]), daily["heldUsd"]) == (bill.cost, 0)
    rows = eventually(lambda: spans(tenant), until=bool, seconds=60)
    assert [(outcome, cost) for outcome, cost, _ in rows] == [("ok", bill.cost)]
    assert all(cost <= held for _, cost, held in rows)


def spans(tenant: Tenant) -> list[tuple[Any, ...]]:
    query = "SELECT outcome, cost_nanousd, held_nanousd FROM spans WHERE tenant_id = %s ORDER BY seq"
    return tenant.stack.rows(query, tenant.tenant_id)


@pytest.mark.parametrize(
    "given", [QUESTION, [QUESTION, "Tuesday"], [1, 2, 3], [[1, 2, 3], [4, 5]]], ids=["text", "texts", "tokens", "rows"]
)
def test_embeddings_cost_what_the_header_says(tenant: Tenant, local_openai: httpx.Client, given: Any) -> None:
    with billed(tenant, local_openai) as bill:
        answer = tenant.sdk().embeddings.with_raw_response.create(model=SMALL, input=given, dimensions=64)

    vectors = answer.parse()
    assert all(len(entry.embedding) == 64 for entry in vectors.data)
    assert all(isinstance(number, float) for number in vectors.data[0].embedding)
    assert len(vectors.data) == (2 if isinstance(given, list) and not isinstance(given[0], int) else 1)
    assert nano(float(answer.headers["x-tollgate-cost-usd"])) == bill.cost
    assert "x-tollgate-max-output-tokens" not in answer.headers


def test_without_an_encoding_vectors_come_as_openai_gives_them(tenant: Tenant) -> None:
    answer = tenant.api.post("/v1/embeddings", {"model": SMALL, "input": "x", "dimensions": 4})

    assert answer.status_code == 200, answer.text
    assert [type(number) for number in answer.json()["data"][0]["embedding"]] == [float] * 4


def test_a_model_is_refused_on_a_route_that_does_not_serve_it_and_nothing_is_spent(tenant: Tenant) -> None:
    sdk = tenant.sdk()
    calls = [
        lambda: sdk.embeddings.create(model="gpt-4o", input="x"),
        lambda: sdk.responses.create(model=SMALL, input="x"),
        lambda: sdk.chat.completions.create(model=SMALL, messages=[{"role": "user", "content": "x"}]),
    ]

    for call, route in zip(calls, ("chat/completions", "embeddings", "embeddings"), strict=True):
        with pytest.raises(openai.BadRequestError, match=f"POST /v1/{route}") as error:
            call()
        assert error.value.param == "model"
    assert tenant.budget()["daily"]["spentUsd"] == 0


def test_models_are_those_that_the_tenant_may_ask_for(admin: Tollgate, stack: Stack) -> None:
    sdk = new_tenant(admin, stack, allowedModels=["gpt-4o", SMALL]).sdk()

    assert {model.id for model in sdk.models.list()} == {"gpt-4o", SMALL}
    found = sdk.models.retrieve("gpt-4o")
    assert (found.id, found.to_dict()["shutdown_date"]) == ("gpt-4o", "2027-01-14")
    with pytest.raises(openai.NotFoundError) as error:
        sdk.models.retrieve("gpt-6-luna")
    assert error.value.code == "model_not_found"


def test_a_response_costs_what_the_header_says(tenant: Tenant, local_openai: httpx.Client) -> None:
    with billed(tenant, local_openai) as bill:
        answer = tenant.sdk().responses.with_raw_response.create(
            model="gpt-4o", instructions="Be brief.", input=QUESTION, metadata={"agent": "dispatch-agent"}
        )

    response = answer.parse()
    assert (response.status, response.store) == ("completed", False)
    assert response.output_text
    assert nano(float(answer.headers["x-tollgate-cost-usd"])) == bill.cost
    assert answer.headers["x-tollgate-max-output-tokens"] == "1024"
    assert answer.headers["x-tollgate-remaining-daily-usd"]


def test_a_streamed_response_comes_event_by_event_and_is_settled_exactly(
    tenant: Tenant, local_openai: httpx.Client
) -> None:
    with billed(tenant, local_openai) as bill, tenant.sdk().responses.stream(model="gpt-4o", input=QUESTION) as stream:
        events = list(stream)
        final = stream.get_final_response()

    kinds = [event.type for event in events]
    assert (kinds[0], kinds[-1]) == ("response.created", "response.completed")
    assert "".join(event.delta for event in events if event.type == "response.output_text.delta") == final.output_text
    assert final.usage is not None
    assert final.usage.output_tokens == bill.served[0]["usage"]["output_tokens"]


def test_a_tool_is_called_and_its_output_taken(tenant: Tenant, local_openai: httpx.Client) -> None:
    sdk = tenant.sdk()
    with billed(tenant, local_openai):
        asked = sdk.responses.create(model="gpt-4o", input=QUESTION, tools=[TOOL], tool_choice="required")

    [call] = [item for item in asked.output if item.type == "function_call"]
    given: Any = [
        {"role": "user", "content": QUESTION},
        *[item.to_dict() for item in asked.output],
        {"type": "function_call_output", "call_id": call.call_id, "output": "Ann is free at 3 pm."},
    ]
    answer = sdk.responses.create(model="gpt-4o", input=given, tools=[TOOL], tool_choice="none")
    assert answer.output_text


def test_a_structured_response_is_parsed(tenant: Tenant, local_openai: httpx.Client) -> None:
    with billed(tenant, local_openai):
        answer = tenant.sdk().responses.parse(model="gpt-4o", input=QUESTION, text_format=Visit)

    assert isinstance(answer.output_parsed, Visit)


def test_near_the_cap_the_cheaper_model_answers_a_response(admin: Tollgate, stack: Stack) -> None:
    shop = new_tenant(admin, stack, dailyBudgetUsd=1, softCap=0)

    answer = shop.sdk().responses.with_raw_response.create(model="gpt-4o", input=QUESTION)

    assert answer.headers["x-tollgate-model-served"] == "gpt-4o-mini"
    assert answer.headers["x-tollgate-downgrade-reason"] == "soft_cap"
    assert answer.parse().model.startswith("gpt-4o-mini")


def test_what_openai_keeps_is_refused_with_what_to_send_instead(tenant: Tenant) -> None:
    with pytest.raises(openai.BadRequestError) as error:
        tenant.sdk().responses.create(model="gpt-4o", input="x", previous_response_id="resp_1")

    assert (error.value.code, error.value.param) == ("not_bounded", "previous_response_id")
    assert "send them in input" in error.value.message


def test_a_stream_that_is_cut_is_booked_in_full(tenant: Tenant, local_openai: httpx.Client) -> None:
    fault = {"kind": "stream_cut_before_usage", "times": 1, "match": {"contains": tenant.tenant_id}}
    local_openai.post("/_local/faults", json=fault)

    stream = tenant.sdk(max_retries=0).responses.create(model="gpt-4o", input=tenant.tenant_id, stream=True)
    with pytest.raises(openai.APIError) as error:
        list(stream)

    assert error.value.code == "upstream_unknown"
    [(outcome, cost, held)] = eventually(lambda: spans(tenant), until=bool, seconds=60)
    assert (outcome, cost) == ("unknown", held)
    assert cost > 0


def test_a_turn_that_sends_back_thoughts_call_and_result_goes_through(tenant: Tenant) -> None:
    """The loop of an agent that knows nothing of us: all that came back goes up again."""
    sdk = tenant.sdk()
    first = sdk.responses.create(model="gpt-5", input=QUESTION, tools=[TOOL], tool_choice="required")
    call = next(item for item in first.output if item.type == "function_call")

    second = sdk.responses.create(
        model="gpt-5",
        input=[
            {"role": "user", "content": QUESTION},
            *[item.to_dict() for item in first.output],  # type: ignore[list-item]
            {"type": "function_call_output", "call_id": call.call_id, "output": "Luis is free"},
        ],
        tools=[TOOL],
        tool_choice="none",
    )

    assert [item.type for item in first.output] == ["reasoning", "function_call"]
    assert second.output_text


def test_a_response_to_an_image_is_held_and_settled(tenant: Tenant, local_openai: httpx.Client) -> None:
    shown: Any = {"type": "input_image", "image_url": "https://example.com/furnace_4032x3024.jpg", "detail": "auto"}

    with billed(tenant, local_openai) as bill:
        answer = tenant.sdk().responses.create(
            model="gpt-4o", input=[{"role": "user", "content": [{"type": "input_text", "text": QUESTION}, shown]}]
        )

    assert answer.output_text
    assert bill.served[0]["tokens"]["uncached"] > 765
