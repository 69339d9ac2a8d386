"""A chat completion request, checked as OpenAI checks it, in what matters to cost or to clients."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from infra.local.openai_server import fields
from infra.local.openai_server.api_error import bad_request, unsupported_parameter, unsupported_value, wrong_type
from infra.local.openai_server.fields import Json
from infra.local.openai_server.message import check_messages
from infra.local.openai_server.model import Model, ToolUse, answered_name, find_model
from infra.local.openai_server.output_format import OutputFormat, parse_format
from infra.local.openai_server.service_tier import served_tier
from infra.local.openai_server.tool import ToolChoice, parse_choice, parse_tools

NAMES = """
    messages model audio frequency_penalty function_call functions logit_bias logprobs max_completion_tokens
    max_tokens metadata modalities moderation n parallel_tool_calls prediction presence_penalty prompt_cache_key
    prompt_cache_options prompt_cache_retention reasoning_effort response_format safety_identifier seed service_tier
    stop store stream stream_options temperature tool_choice tools top_logprobs top_p user verbosity
    web_search_options
"""
KNOWN = frozenset(NAMES.split())
EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
ONLY_WITHOUT_REASONING = ("presence_penalty", "frequency_penalty", "logit_bias", "logprobs", "top_logprobs")
STOPS_MOST = 4
NEVER_HERE = ("audio", "web_search_options", "functions", "function_call")


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatRequest:
    requested: str
    model: Model
    messages: list[Json]
    tools: list[Json]
    tool_choice: ToolChoice
    format: OutputFormat
    effort: str
    service_tier: str
    n: int
    output_limit: int | None
    stop: tuple[str, ...]
    prediction: str | None
    stream: bool
    include_usage: bool
    is_cached: bool
    metadata: dict[str, str]
    user: str | None

    @property
    def answered(self) -> str:
        return answered_name(self.requested, self.model)


def parse_chat(body: Json) -> ChatRequest:
    """Raises ApiError."""
    requested = model_name(body)
    model = find_model(requested)
    fields.check_known(body, KNOWN)
    for name in NEVER_HERE:
        if body.get(name) is not None:
            raise unsupported_parameter(name, "")
    messages = check_messages(body)
    effort = check_effort(body, model)
    check_sampling(body, model, effort)
    tools = parse_tools(body)
    check_tool_use(model, effort, tools)
    stream = fields.flag(body, "stream")
    return ChatRequest(
        requested=requested,
        model=model,
        messages=messages,
        tools=tools,
        tool_choice=parse_choice(body, tools),
        format=parse_format(body, messages),
        effort=effort,
        service_tier=served_tier(body, model),
        n=fields.whole(body, "n", least=1, most=128) or 1,
        output_limit=output_limit(body, model),
        stop=stop_sequences(body, model),
        prediction=prediction(body, model, tools),
        stream=stream,
        include_usage=include_usage(body, stream=stream),
        is_cached=is_cached(body, model, messages),
        metadata=fields.metadata(body),
        user=fields.text(body, "user") or fields.text(body, "safety_identifier"),
    )


def model_name(body: Json) -> str:
    name = fields.text(body, "model")
    if not name:
        raise bad_request("you must provide a model parameter")
    return name


def check_effort(body: Json, model: Model) -> str:
    effort = fields.word(body, "reasoning_effort", EFFORTS)
    if effort is None:
        return model.effort
    if not model.reasons:
        raise bad_request("Unrecognized request argument supplied: reasoning_effort")
    if effort not in model.efforts:
        words = ", ".join(f"'{word}'" for word in model.efforts)
        raise unsupported_value("reasoning_effort", effort, f"Supported values are: {words}.")
    return effort


def check_sampling(body: Json, model: Model, effort: str) -> None:
    temperature = fields.decimal(body, "temperature", least=0, most=2)
    top_p = fields.decimal(body, "top_p", least=0, most=1)
    for name in ("presence_penalty", "frequency_penalty"):
        fields.decimal(body, name, least=-2, most=2)
    if not model.reasons or effort == "none":
        return
    for name, value in (("temperature", temperature), ("top_p", top_p)):
        if value not in (None, 1):
            raise unsupported_value(name, value, "Only the default (1) value is supported.")
    for name in ONLY_WITHOUT_REASONING:
        if body.get(name):
            raise unsupported_parameter(name, "")


def check_tool_use(model: Model, effort: str, tools: list[Json]) -> None:
    if not tools or model.tools is ToolUse.ALWAYS:
        return
    if model.tools is ToolUse.NEVER:
        message = (
            f"Function tools are not supported for {model.name} in /v1/chat/completions. Please use /v1/responses."
        )
        raise bad_request(message, param="tools", code="unsupported_parameter")
    if effort != "none":
        message = (
            f"Function tools with reasoning_effort are not supported for {model.name} in /v1/chat/completions. "
            "To use function tools, use /v1/responses or set reasoning_effort to 'none'."
        )
        raise bad_request(message, param="reasoning_effort")


def output_limit(body: Json, model: Model) -> int | None:
    old = fields.whole(body, "max_tokens", least=1)
    new = fields.whole(body, "max_completion_tokens", least=1)
    if old is not None and model.reasons:
        raise unsupported_parameter("max_tokens", "Use 'max_completion_tokens' instead.")
    if old is not None and new is not None:
        message = "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported."
        raise bad_request(message, param="max_tokens")
    name, limit = ("max_tokens", old) if old is not None else ("max_completion_tokens", new)
    if limit is not None and limit > model.output_max:
        message = (
            f"{name} is too large: {limit}. This model supports at most {model.output_max} completion tokens, "
            f"whereas you provided {limit}."
        )
        raise bad_request(message, param=name, code="invalid_value")
    return limit


def stop_sequences(body: Json, model: Model) -> tuple[str, ...]:
    value: Any = body.get("stop")
    if value is None:
        return ()
    if model.reasons:
        raise unsupported_parameter("stop", "")
    stops = [value] if isinstance(value, str) else value
    if not isinstance(stops, list) or not all(isinstance(stop, str) for stop in stops):
        raise wrong_type("stop", expected="a string or an array of strings", got=value)
    if len(stops) > STOPS_MOST:
        raise bad_request(
            "Invalid 'stop': array too long. Expected at most 4.", param="stop", code="array_above_max_length"
        )
    return tuple(stop for stop in stops if stop)


def prediction(body: Json, model: Model, tools: list[Json]) -> str | None:
    content = fields.thing(body, "prediction").get("content")
    if content is None:
        return None
    if not model.takes_prediction:
        raise unsupported_parameter("prediction", "")
    for name in ("max_completion_tokens", "max_tokens"):
        if body.get(name) is not None:
            raise bad_request(f"'{name}' is not supported with predicted outputs.", param=name)
    if tools or (body.get("n") or 1) > 1:
        raise bad_request("Tools and n > 1 are not supported with predicted outputs.", param="prediction")
    return content if isinstance(content, str) else "".join(str(part.get("text", "")) for part in content)


def include_usage(body: Json, *, stream: bool) -> bool:
    options = fields.thing(body, "stream_options")
    if options and not stream:
        message = "The 'stream_options' parameter is only allowed when 'stream' is enabled."
        raise bad_request(message, param="stream_options")
    return fields.flag(options, "include_usage")


def is_cached(body: Json, model: Model, messages: list[Json]) -> bool:
    """In explicit mode only what carries a breakpoint is read from, or written to, the cache."""
    options = fields.thing(body, "prompt_cache_options")
    if options and not model.writes_cache:
        raise unsupported_parameter("prompt_cache_options", "")
    if options.get("mode") != "explicit":
        return True
    parts = (part for message in messages if isinstance(message.get("content"), list) for part in message["content"])
    return any("prompt_cache_breakpoint" in part for part in parts)
