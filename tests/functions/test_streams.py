"""Streams through the function as OpenAI's own SDK reads them: what a call cost and what is left stand in the last event."""

import json
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

import httpx2
import openai
import pytest

from tests.fakes.gate import Gate, gate, message
from tests.fakes.http_server import Received, Reply, Server, serving
from tests.fakes.openai_provider import TOKENS_IN, TOKENS_OUT, complete, provider
from tollgate import wiring
from tollgate.domain.money import from_usd

ASKED: dict[str, Any] = {"model": "gpt-4o", "messages": [message("Who is free?")]}
RESPONSE: dict[str, Any] = {"model": "gpt-4o", "input": "Who is free?"}
# By OpenAI's page: $2.50 and $10 for a million tokens of gpt-4o.
COST = Decimal(TOKENS_IN) * Decimal("0.0000025") + Decimal(TOKENS_OUT) * Decimal("0.00001")


@pytest.fixture(scope="module")
def upstream() -> Iterator[Server]:
    with serving(provider()) as server:
        yield server


@pytest.fixture(scope="module")
def shop(upstream: Server) -> Iterator[Gate]:
    with gate(OPENAI_BASE_URL=f"{upstream.url}/v1") as one:
        yield one


@pytest.fixture
def sdk(shop: Gate) -> Iterator[openai.OpenAI]:
    """The real SDK, with the function where its network would be."""

    def answer(request: httpx2.Request) -> httpx2.Response:
        told = shop.post(request.url.path, json.loads(request.content))
        return httpx2.Response(told.status, headers=dict(told.headers), text=told.text)

    with openai.OpenAI(
        base_url="http://gate/v1",
        api_key="tg",
        max_retries=0,
        http_client=openai.DefaultHttpxClient(transport=httpx2.MockTransport(answer), verify=False),
    ) as client:
        yield client


def test_the_cost_is_in_the_last_chunk_that_the_sdk_reads(sdk: openai.OpenAI) -> None:
    chunks = list(sdk.chat.completions.create(**ASKED, stream=True))

    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == "At nine."
    assert [hasattr(chunk, "tollgate") for chunk in chunks] == [False] * (len(chunks) - 1) + [True]
    assert chunks[-1].choices[0].finish_reason == "stop"
    told = chunks[-1].tollgate  # type: ignore[attr-defined]
    assert Decimal(str(told["cost_usd"])) == COST
    assert told["model_served"] == "gpt-4o"
    assert 0 < told["remaining_daily_usd"] < told["remaining_monthly_usd"]


def test_with_usage_asked_for_the_cost_is_beside_it(sdk: openai.OpenAI) -> None:
    chunks = list(sdk.chat.completions.create(**ASKED, stream=True, stream_options={"include_usage": True}))

    assert chunks[-1].choices == []
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.completion_tokens == TOKENS_OUT
    assert Decimal(str(chunks[-1].tollgate["cost_usd"])) == COST  # type: ignore[attr-defined]
    assert not any(hasattr(chunk, "tollgate") for chunk in chunks[:-1])


def test_the_sdks_own_helper_reads_it_too(sdk: openai.OpenAI) -> None:
    with sdk.chat.completions.stream(**ASKED) as stream:
        chunks = [event.chunk for event in stream if event.type == "chunk"]
        completion = stream.get_final_completion()

    assert completion.choices[0].message.content == "At nine."
    assert Decimal(str(chunks[-1].tollgate["cost_usd"])) == COST  # type: ignore[attr-defined]


def test_the_last_event_of_a_response_carries_it_in_the_response(sdk: openai.OpenAI) -> None:
    with sdk.responses.stream(**RESPONSE) as stream:
        events = list(stream)
        response = stream.get_final_response()

    assert events[-1].type == "response.completed"
    assert response.output_text == "At nine."
    assert Decimal(str(response.tollgate["cost_usd"])) == COST  # type: ignore[attr-defined]
    assert not hasattr(events[0].response, "tollgate")  # type: ignore[union-attr]


def test_headers_and_the_last_event_say_the_same(shop: Gate) -> None:
    answer = shop.post("/v1/chat/completions", ASKED | {"stream": True})

    *_, last, done, rest = answer.text.split("\n\n")
    assert (done, rest) == ("data: [DONE]", "")
    told = json.loads(last.removeprefix("data: "))["tollgate"]
    headers = {name.removeprefix("x-tollgate-").replace("-", "_"): value for name, value in answer.headers.items()}
    assert told.keys() == {
        "cost_usd",
        "hold_id",
        "model_requested",
        "model_served",
        "max_output_tokens",
        "remaining_daily_usd",
        "remaining_monthly_usd",
    }
    for name, value in told.items():
        said = headers[name]
        assert (Decimal(said) == Decimal(str(value))) if isinstance(value, int | float) else (said == value)


def test_what_is_left_is_written_out_however_little_it_is(shop: Gate) -> None:
    """Python would write a float of less than a hundredth of a cent as 7.75e-05."""
    daily = from_usd(Decimal("0.00015"))
    wiring.accounts().create(replace(wiring.default_settings("poor"), daily_limit=daily), [])
    asked = {"model": "gpt-4o", "messages": [message("Hi")], "max_tokens": TOKENS_OUT}

    answer = shop.post("/v1/chat/completions", asked, tenant_id="poor")

    assert answer.status == 200
    assert answer.headers["x-tollgate-remaining-daily-usd"] == "0.0000775"


def test_a_response_without_events_but_its_last_has_it_all_the_same(shop: Gate, upstream: Server) -> None:
    def only_the_last(received: Received) -> Reply:
        whole = complete(received)
        last = whole.content.split(b"\n\n")[-2] + b"\n\n"
        return Reply(content=last, headers={"content-type": "text/event-stream", "x-request-id": "req_short"})

    upstream.answer = only_the_last
    try:
        answer = shop.post("/v1/responses", RESPONSE | {"stream": True})
    finally:
        upstream.answer = complete

    event = json.loads(answer.text.split("data: ")[1])
    assert event["response"]["tollgate"]["hold_id"] == answer.headers["x-tollgate-hold-id"]
