"""A request to the Responses API, in the terms of a chat: only what needs nothing stored and no hosted tool."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from infra.local.openai_server import fields
from infra.local.openai_server.api_error import ApiError, bad_request, missing, wrong_type, wrong_value
from infra.local.openai_server.chat_request import check_effort, check_sampling, model_name
from infra.local.openai_server.fields import Json
from infra.local.openai_server.message import check_messages
from infra.local.openai_server.model import Model, answered_name, find_model
from infra.local.openai_server.output_format import OutputFormat, checked_format
from infra.local.openai_server.service_tier import served_tier
from infra.local.openai_server.tool import ToolChoice, parse_choice, parse_tools

NAMES = """
    background conversation include input instructions max_output_tokens max_tool_calls metadata model
    parallel_tool_calls previous_response_id prompt prompt_cache_key prompt_cache_options prompt_cache_retention
    reasoning safety_identifier service_tier store stream stream_options temperature text tool_choice tools
    top_logprobs top_p truncation user
"""
KNOWN = frozenset(NAMES.split())
NEEDS_STORE = ("background", "conversation", "previous_response_id", "prompt")
OUTPUT_LEAST = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class ResponsesRequest:
    requested: str
    model: Model
    messages: list[Json]
    tools: list[Json]
    tool_choice: ToolChoice
    format: OutputFormat
    effort: str
    service_tier: str
    output_limit: int | None
    stream: bool
    is_cached: bool
    metadata: dict[str, str]
    user: str | None

    @property
    def answered(self) -> str:
        return answered_name(self.requested, self.model)


def parse_responses(body: Json) -> ResponsesRequest:
    """Raises ApiError."""
    requested = model_name(body)
    model = find_model(requested)
    fields.check_known(body, KNOWN)
    for name in NEEDS_STORE:
        if body.get(name):
            message = f"The local OpenAI keeps nothing, so it takes no '{name}'."
            raise bad_request(message, param=name, code="unsupported_parameter")
    effort = parse_effort(body, model)
    check_sampling(body, model, effort)
    messages = check_messages({"messages": list(as_messages(body))})
    nested = {"tools": [as_chat_tool(tool, index) for index, tool in enumerate(fields.things(body, "tools"))]}
    tools = parse_tools(nested)
    form = fields.thing(fields.thing(body, "text"), "format")
    return ResponsesRequest(
        requested=requested,
        model=model,
        messages=messages,
        tools=tools,
        tool_choice=parse_choice(body, tools),
        format=checked_format(form, form, messages, at="text.format") if form else OutputFormat(),
        effort=effort,
        service_tier=served_tier(body, model),
        output_limit=fields.whole(body, "max_output_tokens", least=OUTPUT_LEAST, most=model.output_max),
        stream=fields.flag(body, "stream"),
        is_cached=fields.thing(body, "prompt_cache_options").get("mode") != "explicit",
        metadata=fields.metadata(body),
        user=fields.text(body, "user") or fields.text(body, "safety_identifier"),
    )


def parse_effort(body: Json, model: Model) -> str:
    effort = fields.thing(body, "reasoning").get("effort")
    return check_effort({"reasoning_effort": effort}, model)


def as_messages(body: Json) -> Iterator[Json]:
    if instructions := fields.text(body, "instructions"):
        yield {"role": "developer", "content": instructions}
    given = body.get("input")
    if given is None:
        raise missing("input")
    if isinstance(given, str):
        yield {"role": "user", "content": given}
        return
    for index, item in enumerate(fields.things(body, "input")):
        yield from as_message(item, f"input[{index}]")


def as_message(item: Json, at: str) -> Iterator[Json]:
    match item.get("type", "message"):
        case "message":
            yield {"role": item.get("role"), "content": as_content(item.get("content"), at)}
        case "function_call":
            inner = {"name": item.get("name", ""), "arguments": item.get("arguments", "")}
            yield {
                "role": "assistant",
                "tool_calls": [{"id": item.get("call_id"), "type": "function", "function": inner}],
            }
        case "custom_tool_call":
            inner = {"name": item.get("name", ""), "input": item.get("input", "")}
            yield {"role": "assistant", "tool_calls": [{"id": item.get("call_id"), "type": "custom", "custom": inner}]}
        case "function_call_output" | "custom_tool_call_output":
            yield {"role": "tool", "tool_call_id": item.get("call_id"), "content": as_content(item.get("output"), at)}
        case "reasoning":
            # Encrypted thoughts of an earlier turn: nobody outside OpenAI knows how many tokens they are.
            return
        case "item_reference":
            text = f"Item with id '{item.get('id')}' not found. Items are not persisted when `store` is set to false."
            raise ApiError(status=404, message=text, param="input")
        case kind:
            raise wrong_value(f"{at}.type", kind, ("message", "function_call", "function_call_output", "reasoning"))


def as_content(content: object, at: str) -> Any:
    if not isinstance(content, list):
        return content
    return [as_part(part, f"{at}.content[{index}]") for index, part in enumerate(content)]


def as_part(part: Any, at: str) -> Json:
    match part:
        case {"type": "input_text" | "output_text" | "text", "text": str(text)}:
            return {"type": "text", "text": text}
        case {"type": "refusal", "refusal": str(text)}:
            return {"type": "refusal", "refusal": text}
        case {"type": "input_image", "image_url": str(url)}:
            return {"type": "image_url", "image_url": {"url": url, "detail": part.get("detail") or "auto"}}
        case {"type": "input_file", "file_data": str(data)}:
            return {"type": "file", "file": {"file_data": data}}
        case {"type": str(kind)}:
            raise wrong_value(f"{at}.type", kind, ("input_text", "input_image", "output_text", "refusal", "input_file"))
        case _:
            raise wrong_type(at, expected="an object", got=part)


def as_chat_tool(tool: Json, index: int) -> Json:
    kind = tool.get("type")
    if kind not in ("function", "custom"):
        text = f"The local OpenAI has no hosted tools, so it takes no '{kind}'."
        raise bad_request(text, param=f"tools[{index}].type", code="unsupported_value")
    return {"type": kind, kind: {name: value for name, value in tool.items() if name != "type"}}
