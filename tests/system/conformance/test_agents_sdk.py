"""The OpenAI Agents SDK: Responses by default, an agent that calls a tool in its first turn and answers in its second."""

from typing import Any

import httpx
import pytest
from agents import Agent, OpenAIProvider, RunConfig, Runner, function_tool
from openai import AsyncOpenAI
from openai.types.responses import ResponseTextDeltaEvent
from pydantic import BaseModel

from tests.system.conformance.paying import paid_exactly
from tests.system.tollgate_client import Tenant

QUESTION = "Which technician can come to 12 Oak Street today?"


class Visit(BaseModel):
    technician: str
    minutes: int


@function_tool
def find_technician(trade: str) -> str:
    """Who is free for a job."""
    return "Ann is free at 3 pm."


def dispatcher(model: str) -> Agent:
    return Agent(
        name="dispatcher", instructions="Find a technician with the tool.", model=model, tools=[find_technician]
    )


def through(client: AsyncOpenAI, *, use_responses: bool = True) -> RunConfig:
    """Its traces would go to OpenAI itself, whatever the base URL: they are off."""
    return RunConfig(
        model_provider=OpenAIProvider(openai_client=client, use_responses=use_responses), tracing_disabled=True
    )


def client_of(tenant: Tenant) -> AsyncOpenAI:
    return AsyncOpenAI(base_url=tenant.stack.api_url + "/v1", api_key=tenant.api.key)


@pytest.mark.parametrize(
    ("model", "use_responses"),
    [("gpt-4o", True), ("gpt-4o", False), ("gpt-6-luna", True)],
    ids=["responses", "chat", "responses of a model that thinks"],
)
@pytest.mark.anyio
async def test_a_run_of_two_turns_with_a_tool(
    tenant: Tenant, local_openai: httpx.Client, model: str, use_responses: bool
) -> None:
    with paid_exactly(tenant, local_openai):
        async with client_of(tenant) as client:
            run = await Runner.run(dispatcher(model), QUESTION, run_config=through(client, use_responses=use_responses))

    kinds = [item.type for item in run.new_items]
    assert [kind for kind in kinds if kind != "reasoning_item"] == [
        "tool_call_item",
        "tool_call_output_item",
        "message_output_item",
    ]
    assert run.final_output
    assert run.context_wrapper.usage.requests == 2


@pytest.mark.parametrize("use_responses", [True, False], ids=["responses", "chat"])
@pytest.mark.anyio
async def test_a_streamed_run_of_two_turns_with_a_tool(
    tenant: Tenant, local_openai: httpx.Client, use_responses: bool
) -> None:
    with paid_exactly(tenant, local_openai):
        async with client_of(tenant) as client:
            config = through(client, use_responses=use_responses)
            run = Runner.run_streamed(dispatcher("gpt-4o"), QUESTION, run_config=config)
            raw = [event.data async for event in run.stream_events() if event.type == "raw_response_event"]

    text = "".join(event.delta for event in raw if isinstance(event, ResponseTextDeltaEvent))
    assert text == run.final_output
    assert "tool_call_output_item" in [item.type for item in run.new_items]


@pytest.mark.anyio
async def test_an_output_of_a_type_is_parsed(tenant: Tenant, local_openai: httpx.Client) -> None:
    agent = Agent(name="dispatcher", model="gpt-4o", output_type=Visit)
    with paid_exactly(tenant, local_openai):
        async with client_of(tenant) as client:
            run = await Runner.run(agent, QUESTION, run_config=through(client))

    assert isinstance(run.final_output, Visit)


@pytest.mark.anyio
async def test_a_conversation_goes_on_with_all_that_was_said_and_done(
    tenant: Tenant, local_openai: httpx.Client
) -> None:
    with paid_exactly(tenant, local_openai):
        async with client_of(tenant) as client:
            agent, config = dispatcher("gpt-6-luna"), through(client)
            first = await Runner.run(agent, QUESTION, run_config=config)
            said: list[Any] = [*first.to_input_list(), {"role": "user", "content": "And who comes tomorrow?"}]
            second = await Runner.run(agent, said, run_config=config)

    assert {item.get("type") for item in said} >= {"reasoning", "function_call", "function_call_output", "message"}
    assert second.final_output
