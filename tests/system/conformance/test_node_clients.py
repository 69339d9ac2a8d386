"""OpenAI's SDK for Node and the Vercel AI SDK, each changed by base URL and key alone.

Their deeds are in node/*.mjs; a program does all of its deeds in one go, because Node takes longer to start than to ask.
"""

from typing import Any

import httpx
import pytest

from tests.system.conformance.node_clients import perform, why_left_out
from tests.system.conformance.paying import paid_exactly
from tests.system.tollgate_client import Stack, Tenant, Tollgate, new_tenant

LEFT_OUT = why_left_out()
pytestmark = pytest.mark.skipif(LEFT_OUT is not None, reason=str(LEFT_OUT))

OPENAI = ("chat", "chatStream", "chatTools", "chatParse", "response", "responseStream", "responseParse", "embeddings")
VERCEL = (
    "chat",
    "chatStream",
    "chatTools",
    "chatTwoTurns",
    "response",
    "responseStream",
    "responseTools",
    "responseToolsOfAThinker",
    "responseTwoTurns",
    "output",
    "embeddings",
)


def told_by(program: str, deeds: tuple[str, ...], tenant: Tenant, local_openai: httpx.Client) -> dict[str, Any]:
    with paid_exactly(tenant, local_openai):
        told = perform(program, *deeds, base_url=tenant.stack.api_url + "/v1", key=tenant.api.key)
    failed = {deed: each["error"] for deed, each in told.items() if "error" in each}
    assert not failed
    return {deed: each["result"] for deed, each in told.items()}


def test_openais_sdk_for_node_gets_all_that_it_asks_for(tenant: Tenant, local_openai: httpx.Client) -> None:
    told = told_by("openai.mjs", OPENAI, tenant, local_openai)

    assert told["chat"]["text"]
    assert told["chat"]["usage"]["completion_tokens"] > 0
    assert told["chatStream"]["text"] == told["chatStream"]["final"] == told["chat"]["text"]
    assert [list(call) for call in told["chatTools"]["calls"]] == [["trade"]]
    assert told["chatTools"]["roles"] == ["user", "assistant", "tool", "assistant"]
    assert told["chatTools"]["text"]
    assert told["response"]["text"]
    assert told["response"]["usage"]["output_tokens"] > 0
    assert told["responseStream"]["text"] == told["responseStream"]["final"] == told["response"]["text"]
    assert set(told["chatParse"]) == set(told["responseParse"]) == {"technician", "minutes"}
    assert len(told["embeddings"]) == 8
    assert any(told["embeddings"])


def test_openais_sdk_for_node_lists_the_models_of_its_tenant(admin: Tollgate, stack: Stack) -> None:
    shop = new_tenant(admin, stack, allowedModels=["gpt-4o", "gpt-6-luna"])

    told = perform("openai.mjs", "models", base_url=stack.api_url + "/v1", key=shop.api.key)

    assert sorted(told["models"]["result"]) == ["gpt-4o", "gpt-6-luna"]


def test_vercels_sdk_gets_all_that_it_asks_for(tenant: Tenant, local_openai: httpx.Client) -> None:
    told = told_by("vercel.mjs", VERCEL, tenant, local_openai)

    for route in ("chat", "response"):
        assert told[route]["text"]
        assert told[route]["outputTokens"] > 0
        assert told[f"{route}Stream"] == told[route]
        assert [list(call) for call in told[f"{route}Tools"]["calls"]] == [["trade"]]
        assert (told[f"{route}Tools"]["steps"], bool(told[f"{route}Tools"]["text"])) == (2, True)
        assert told[f"{route}TwoTurns"]["text"]
    assert told["responseToolsOfAThinker"]["steps"] == 2
    assert set(told["output"]) == {"technician", "minutes"}
    assert len(told["embeddings"]) == 8


def test_what_vercels_sdk_takes_to_be_stored_is_refused_with_what_to_send_instead(tenant: Tenant) -> None:
    """It refers to what it believes that OpenAI has kept. The README says what to set."""
    told = perform("vercel.mjs", "responseTwoTurnsAsStored", base_url=tenant.stack.api_url + "/v1", key=tenant.api.key)

    error = told["responseTwoTurnsAsStored"]["error"]
    assert error["status"] == 400
    assert "store false" in error["message"]
