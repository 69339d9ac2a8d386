"""Images, tools and refused fields through the deployed stack, with the SDK as it comes."""

from fractions import Fraction
from typing import Any

import httpx
import openai
import pytest

from tests.fakes.pictures import data_url, png
from tests.system.tollgate_client import Stack, Tenant, Tollgate, eventually, nano, new_tenant

# Dollars for a million tokens, from OpenAI's page: input, cached input, cache write, output.
LUNA = ("0.10", "0.01", "0.125", "0.50")
BOOK = {
    "type": "function",
    "function": {
        "name": "book_visit",
        "description": "Books a visit of a technician.",
        "parameters": {"type": "object", "properties": {"day": {"type": "string"}}, "required": ["day"]},
    },
}


def with_picture(detail: str | None = None) -> list[dict[str, Any]]:
    url = {"url": data_url(png(1024, 1024) + bytes(20_000))} | ({"detail": detail} if detail else {})
    return [
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "What is wrong with this furnace?"},
                {"type": "image_url", "image_url": url},
            ],
        }
    ]


@pytest.mark.parametrize(("model", "tokens"), [("gpt-4o", 765), ("gpt-6-luna", 1229)])
def test_an_image_is_held_for_what_it_can_cost_at_the_most(
    tenant: Tenant, local_openai: httpx.Client, model: str, tokens: int
) -> None:
    local_openai.post("/_local/behaviour", json={"outputTokens": "worst"})

    answer = tenant.sdk().chat.completions.create(model=model, messages=with_picture(), max_completion_tokens=64)  # type: ignore[call-overload]

    assert tokens < answer.usage.prompt_tokens < tokens + 40
    ((cost, held),) = eventually(lambda: _costs(tenant), until=bool, seconds=60)
    assert 0 < cost <= held, "the worst answer costs no more than was held"
    assert held < 2 * cost, "the picture's 28,000 characters are not held as text"
    assert tenant.budget()["daily"]["heldUsd"] == 0


def test_a_call_with_tools_that_is_downgraded_is_sent_as_the_cheaper_model_needs_it(
    admin: Tollgate, stack: Stack, local_openai: httpx.Client
) -> None:
    shop = new_tenant(admin, stack, dailyBudgetUsd=1, softCap=0, cheaperModel="gpt-6-luna")
    before = local_openai.get("/_local/health").json()["served"]

    answer = shop.sdk().chat.completions.with_raw_response.create(  # type: ignore[call-overload]
        model="gpt-4o",
        messages=[{"role": "user", "content": "Please book_visit for Tuesday."}],
        tools=[BOOK],
        tool_choice="required",
        temperature=0.2,
        max_tokens=80,
    )

    assert answer.headers["x-tollgate-model-served"] == "gpt-6-luna"
    (call,) = answer.parse().choices[0].message.tool_calls
    assert call.function.name == "book_visit"
    (served,) = local_openai.get("/_local/served", params={"since": before}).json()["served"]
    assert served["model"] == "gpt-6-luna", "which refuses tools, temperature and max_tokens but with effort none"
    assert served["usage"]["completion_tokens_details"]["reasoning_tokens"] == 0
    assert nano(shop.budget()["daily"]["spentUsd"]) == _cost(served["tokens"])


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"extra_body": {"web_search_options": {}}}, "web_search_options"),
        ({"extra_body": {"prediction": {"type": "content", "content": "x"}}}, "prediction"),
        ({"extra_body": {"tools": [{"type": "web_search"}]}}, "tools.0"),
        ({"model": "text-embedding-3-small"}, "model"),
        (
            {"messages": [{"role": "user", "content": [{"type": "file", "file": {"file_id": "f"}}]}]},
            "messages.0.content.0",
        ),
    ],
)
def test_what_cannot_be_bounded_is_refused_by_name_and_costs_nothing(
    tenant: Tenant, local_openai: httpx.Client, fields: dict[str, Any], param: str
) -> None:
    before = local_openai.get("/_local/health").json()["served"]

    with pytest.raises(openai.BadRequestError) as refused:
        tenant.sdk().chat.completions.create(
            **({"model": "gpt-4o", "messages": [{"role": "user", "content": "hello"}]} | fields)
        )

    assert refused.value.param == param
    assert local_openai.get("/_local/health").json()["served"] == before
    assert tenant.budget()["daily"]["spentUsd"] == 0


def _costs(tenant: Tenant) -> list[tuple[Any, ...]]:
    return tenant.stack.rows("SELECT cost_nanousd, held_nanousd FROM spans WHERE tenant_id = %s", tenant.tenant_id)


def _cost(tokens: dict[str, int]) -> int:
    rates = [Fraction(rate) * 1000 for rate in LUNA]
    cost = sum(
        tokens[name] * rate for name, rate in zip(("uncached", "cached", "cacheWrite", "output"), rates, strict=True)
    )
    return -(-cost.numerator // cost.denominator)
