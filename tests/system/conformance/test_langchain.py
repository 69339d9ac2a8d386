"""LangChain's ChatOpenAI, changed by base URL and key alone. It takes Responses by itself where a model of today has tools."""

from typing import Any

import httpx
import pytest
from langchain_core.messages import HumanMessage, ToolMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from pydantic import BaseModel, SecretStr

from tests.system.conformance.paying import paid_exactly
from tests.system.tollgate_client import Tenant

QUESTION = "The furnace at 12 Oak Street is out. Which technician can come today?"


class Visit(BaseModel):
    """A visit to a customer."""

    technician: str
    minutes: int


@tool
def find_technician(trade: str) -> str:
    """Who is free for a job."""
    return f"Ann does {trade} and is free at 3 pm."


def chat(tenant: Tenant, model: str = "gpt-4o") -> ChatOpenAI:
    return ChatOpenAI(model=model, base_url=tenant.stack.api_url + "/v1", api_key=SecretStr(tenant.api.key))


def test_it_is_invoked_and_streamed(tenant: Tenant, local_openai: httpx.Client) -> None:
    with paid_exactly(tenant, local_openai):
        message = chat(tenant).invoke(QUESTION)
        chunks = list(chat(tenant).stream(QUESTION))

    assert message.text
    assert "".join(chunk.text for chunk in chunks) == message.text
    assert message.usage_metadata is not None
    assert message.usage_metadata["output_tokens"] > 0


@pytest.mark.anyio
async def test_it_is_invoked_and_streamed_asynchronously(tenant: Tenant, local_openai: httpx.Client) -> None:
    with paid_exactly(tenant, local_openai):
        message = await chat(tenant).ainvoke(QUESTION)
        chunks = [chunk async for chunk in chat(tenant).astream(QUESTION)]

    assert message.text
    assert "".join(chunk.text for chunk in chunks) == message.text


@pytest.mark.parametrize(("model", "route"), [("gpt-4o", "/v1/chat/completions"), ("gpt-6-luna", "/v1/responses")])
def test_a_tool_is_called_and_its_result_taken(
    tenant: Tenant, local_openai: httpx.Client, model: str, route: str
) -> None:
    before = local_openai.get("/_local/health").json()["served"]
    bound = chat(tenant, model).bind_tools([find_technician])
    messages: list[Any] = [HumanMessage(QUESTION)]

    with paid_exactly(tenant, local_openai):
        messages.append(bound.invoke(messages))
        [call] = messages[-1].tool_calls
        messages.append(find_technician.invoke(call))
        answer = bound.invoke(messages)

    assert call["name"] == "find_technician"
    assert isinstance(messages[-1], ToolMessage)
    assert answer.text
    served = local_openai.get("/_local/served", params={"since": before}).json()["served"]
    assert {entry["endpoint"] for entry in served} == {route}


def test_structured_output_is_parsed(tenant: Tenant, local_openai: httpx.Client) -> None:
    with paid_exactly(tenant, local_openai):
        visit = chat(tenant).with_structured_output(Visit).invoke(QUESTION)

    assert isinstance(visit, Visit)


def test_its_embeddings_are_those_of_the_token_ids_that_it_sends(
    tenant: Tenant, local_openai: httpx.Client, token_tables: None
) -> None:
    embeddings = OpenAIEmbeddings(
        model="text-embedding-3-small",
        dimensions=8,
        base_url=tenant.stack.api_url + "/v1",
        api_key=SecretStr(tenant.api.key),
    )
    with paid_exactly(tenant, local_openai):
        vectors = embeddings.embed_documents([QUESTION, "No heat"])

    assert [len(vector) for vector in vectors] == [8, 8]
