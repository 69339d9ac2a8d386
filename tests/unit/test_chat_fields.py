"""What a chat may carry, field by field; what is refused says what to send instead."""

from typing import Any

import pytest

from tests.fakes.ledger_world import DEAR, a_tenant
from tollgate.domain.chat import ChatRequest, bound_by_bytes, parse_chat
from tollgate.domain.chat_fields import MESSAGE_REFUSED, PARTS_REFUSED, REFUSED
from tollgate.domain.errors import NotBounded, RequestInvalid
from tollgate.domain.request_fields import DEPTH_MAX
from tollgate.domain.responses import parse_responses
from tollgate.domain.span import Attribution

CUSTOM = {
    "name": "sql",
    "format": {"type": "grammar", "grammar": {"syntax": "lark", "definition": "start: " + "x" * 500}},
}


def a_chat(*content: dict[str, Any], **fields: Any) -> ChatRequest:
    message = {"role": "user", "content": list(content) or "hello"} | fields.pop("message", {})
    return parse_chat({"messages": [message]} | fields, Attribution(), default_model="dear")


@pytest.mark.parametrize("kind", [*PARTS_REFUSED, "video_url", None, ["text"]])
def test_a_part_that_cannot_be_bounded_is_refused_with_what_to_send_instead(kind: Any) -> None:
    with pytest.raises(NotBounded, match=r"messages\.0\.content\.1: .*(?i:send )") as refused:
        a_chat({"type": "text", "text": "hi"}, {"type": kind, str(kind): {}})

    assert refused.value.param == "messages.0.content.1"


@pytest.mark.parametrize(
    "part",
    [
        {"type": "text", "text": "hi", "prompt_cache_breakpoint": {"ttl": "12h"}},
        {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}, "prompt_cache_breakpoint": {}},
        {"type": "text", "text": "hi", "cache_control": {"type": "ephemeral"}},
        {"type": "image_url", "image_url": {"url": "https://example.com/a.png", "prompt_cache_breakpoint": {}}},
    ],
)
def test_a_cache_write_with_a_lifetime_of_its_own_is_refused(part: dict[str, Any]) -> None:
    with pytest.raises(NotBounded, match="leave it out"):
        a_chat(part)


@pytest.mark.parametrize("options", [{"mode": "explicit"}, {"mode": "implicit", "ttl": "30m"}, {"ttl": None}, {}, None])
def test_what_is_cached_for_as_long_as_usual_is_within_the_bound_already(options: Any) -> None:
    """OpenAI's default is 30 minutes, and every bound takes all input for cache writes."""
    with_options = a_chat(prompt_cache_options=options)

    assert bound_by_bytes(with_options, a_tenant(), DEAR) == bound_by_bytes(a_chat(), a_tenant(), DEAR)


@pytest.mark.parametrize(
    "options", [{"ttl": "12h"}, {"ttl": 30}, {"mode": "explicit", "prewarm": True}, {"mode": ["explicit"]}]
)
@pytest.mark.parametrize("parse", [parse_chat, parse_responses])
def test_a_cache_that_costs_more_is_refused_by_the_option_s_name(options: dict[str, Any], parse: Any) -> None:
    body = {"messages": [{"role": "user", "content": "hello"}]} if parse is parse_chat else {"input": "hello"}

    with pytest.raises(NotBounded, match=r"^prompt_cache_options\.\w+: .*leave it out"):
        parse(body | {"prompt_cache_options": options}, Attribution(), default_model="dear")


@pytest.mark.parametrize("name", [*MESSAGE_REFUSED, "attachments"])
def test_a_field_of_a_message_that_cannot_be_bounded_is_refused_by_name(name: str) -> None:
    with pytest.raises(NotBounded, match=rf"messages\.0\.{name}"):
        a_chat(message={name: {"id": "audio_1"}})


def test_an_answer_can_be_sent_back_as_the_sdk_dumps_it() -> None:
    dumped = {
        "role": "assistant",
        "content": "ok",
        "audio": None,
        "refusal": None,
        "annotations": [],
        "tool_calls": None,
    }

    assert a_chat(message=dumped).body["messages"] == [dumped]


@pytest.mark.parametrize("kind", ["web_search", "file_search", "mcp", 5, ["function"]])
def test_a_hosted_tool_is_refused_by_name(kind: Any) -> None:
    with pytest.raises(NotBounded, match=r"tools\.0: .*'function' or 'custom'"):
        a_chat(tools=[{"type": kind}])


@pytest.mark.parametrize("tools", ["x", {"type": "function"}, ["x"]])
def test_tools_that_are_no_list_of_objects_are_refused(tools: Any) -> None:
    with pytest.raises(RequestInvalid, match="tools must be a list"):
        a_chat(tools=tools)


def test_a_field_of_a_tool_that_is_not_known_is_refused() -> None:
    with pytest.raises(NotBounded, match="defer_loading"):
        a_chat(tools=[{"type": "function", "function": {"name": "f"}, "defer_loading": True}])


def test_a_custom_tool_is_bounded_by_its_bytes() -> None:
    plain, with_tool = a_chat(), a_chat(tools=[{"type": "custom", "custom": CUSTOM}])

    more = bound_by_bytes(with_tool, a_tenant(), DEAR).input - bound_by_bytes(plain, a_tenant(), DEAR).input
    assert 500 < more < 900


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_a_refused_field_says_what_to_do(name: str) -> None:
    with pytest.raises(NotBounded, match=rf"{name}: .*(leave|ask|search)"):
        a_chat(**{name: {"anything": 1}})


@pytest.mark.parametrize("depth", [DEPTH_MAX + 1, 900, 200_000])
def test_a_body_that_is_nested_too_deeply_is_refused_before_anything_walks_it(depth: int) -> None:
    nested: Any = "x"
    for _ in range(depth):
        nested = [nested]

    with pytest.raises(RequestInvalid, match="nested more than"):
        a_chat(metadata={"runId": nested})


def test_a_deep_schema_that_is_not_too_deep_is_let_through() -> None:
    schema: dict[str, Any] = {"type": "string"}
    for _ in range(20):
        schema = {"type": "object", "properties": {"inner": schema}}

    assert a_chat(tools=[{"type": "function", "function": {"name": "f", "parameters": schema}}]).overhead_tokens > 0


@pytest.mark.parametrize("place", ["message", "tool", "metadata", "name of a field"])
def test_a_lone_surrogate_is_refused_wherever_it_stands(place: str) -> None:
    fields: dict[str, Any] = {
        "message": {"message": {"content": "a\ud800b"}},
        "tool": {"tools": [{"type": "function", "function": {"name": "f", "description": "\udfff"}}]},
        "metadata": {"metadata": {"runId": "\ud83d"}},
        "name of a field": {"response_format": {"\ud83d": 1}},
    }[place]

    with pytest.raises(RequestInvalid, match="lone surrogate"):
        a_chat(**fields)
