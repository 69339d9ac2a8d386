"""OpenAI's own SDK in what test_drop_in.py and test_governed_call.py leave out: asynchronous, tools and structured outputs on Chat."""

import json
from typing import Any

import httpx
import pytest
from openai import AsyncOpenAI
from pydantic import BaseModel

from tests.system.conformance.paying import paid_exactly
from tests.system.tollgate_client import Tenant

QUESTION: list[Any] = [{"role": "user", "content": "The furnace at 12 Oak Street is out. Who can come today?"}]
TOOL: Any = {
    "type": "function",
    "function": {
        "name": "find_technician",
        "description": "Who is free for a job",
        "parameters": {
            "type": "object",
            "properties": {"trade": {"type": "string", "enum": ["hvac", "plumbing"]}},
            "required": ["trade"],
            "additionalProperties": False,
        },
        "strict": True,
    },
}


class Visit(BaseModel):
    technician: str
    minutes: int


def asynchronous(tenant: Tenant) -> AsyncOpenAI:
    return AsyncOpenAI(base_url=tenant.stack.api_url + "/v1", api_key=tenant.api.key)


def test_a_tool_is_called_in_a_chat_and_its_result_taken(tenant: Tenant, local_openai: httpx.Client) -> None:
    create = tenant.sdk().chat.completions.create
    with paid_exactly(tenant, local_openai):
        asked = create(model="gpt-4o", messages=QUESTION, tools=[TOOL], tool_choice="required").choices[0]
        [call] = asked.message.tool_calls or []
        assert call.type == "function"
        result = {"role": "tool", "tool_call_id": call.id, "content": "Ann is free at 3 pm."}
        answer = create(model="gpt-4o", messages=[*QUESTION, asked.message, result], tools=[TOOL]).choices[0]

    assert (asked.finish_reason, call.function.name) == ("tool_calls", "find_technician")
    assert json.loads(call.function.arguments)["trade"] in {"hvac", "plumbing"}
    assert (answer.finish_reason, bool(answer.message.content)) == ("stop", True)


def test_a_streamed_tool_call_comes_in_pieces_that_fit(tenant: Tenant, local_openai: httpx.Client) -> None:
    ask: Any = {"model": "gpt-4o", "messages": QUESTION, "tools": [TOOL], "tool_choice": "required"}
    with paid_exactly(tenant, local_openai), tenant.sdk().chat.completions.stream(**ask) as stream:
        kinds = {event.type for event in stream}
        [call] = stream.get_final_completion().choices[0].message.tool_calls or []

    assert "tool_calls.function.arguments.delta" in kinds
    assert json.loads(call.function.arguments)["trade"] in {"hvac", "plumbing"}


def test_a_structured_chat_is_parsed(tenant: Tenant, local_openai: httpx.Client) -> None:
    with paid_exactly(tenant, local_openai):
        answer = tenant.sdk().chat.completions.parse(model="gpt-4o", messages=QUESTION, response_format=Visit)

    assert isinstance(answer.choices[0].message.parsed, Visit)


@pytest.mark.anyio
async def test_what_is_asked_asynchronously_is_answered_and_paid_for(
    tenant: Tenant, local_openai: httpx.Client
) -> None:
    with paid_exactly(tenant, local_openai):
        async with asynchronous(tenant) as client:
            chat = await client.chat.completions.create(model="gpt-4o", messages=QUESTION)
            response = await client.responses.create(model="gpt-4o", input="Who is free on Tuesday?")
            vectors = await client.embeddings.create(model="text-embedding-3-small", input=["x", "y"], dimensions=8)
            models = [model.id async for model in client.models.list()]

    assert chat.choices[0].message.content
    assert response.output_text
    assert [len(vector.embedding) for vector in vectors.data] == [8, 8]
    assert "gpt-4o" in models


@pytest.mark.anyio
async def test_what_is_streamed_asynchronously_is_whole_and_paid_for(
    tenant: Tenant, local_openai: httpx.Client
) -> None:
    options: Any = {"include_usage": True}
    with paid_exactly(tenant, local_openai):
        async with asynchronous(tenant) as client:
            chunks = await client.chat.completions.create(
                model="gpt-4o", messages=QUESTION, stream=True, stream_options=options
            )
            told = [chunk async for chunk in chunks]
            async with client.responses.stream(model="gpt-4o", input="Who is free on Tuesday?") as stream:
                deltas = [event.delta async for event in stream if event.type == "response.output_text.delta"]
                final = await stream.get_final_response()

    text = "".join(chunk.choices[0].delta.content or "" for chunk in told if chunk.choices)
    assert text
    assert [chunk.usage is not None for chunk in told] == [False] * (len(told) - 1) + [True]
    assert "".join(deltas) == final.output_text
