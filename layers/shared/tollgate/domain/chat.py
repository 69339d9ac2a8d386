"""A chat request: which fields it may have, how each is bounded, and what is sent upstream in its place.

Sources of the overheads and traps: OpenAI's cookbook "How to count tokens with tiktoken" and its reference of Chat Completions.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from tollgate.domain.errors import NotBounded, RequestInvalid
from tollgate.domain.price import STANDARD_TIER, Bound, Price
from tollgate.domain.span import Attribution
from tollgate.domain.tenant import TenantSettings

# Documented: 3 or 4 tokens a message, 1 for a name, 3 for the reply; twelve and a few for tools. Held with room to spare.
TOKENS_PER_MESSAGE = 16
TOKENS_PER_REPLY = 8
TOKENS_PER_TOOL = 32
TOKENS_PER_PROPERTY = 16
CHOICES_MAX = 16


class Bounded(StrEnum):
    """How a field's cost is bounded."""

    BY_BYTES = "by its UTF-8 bytes, since every token has at least one"
    BY_ITSELF = "by its own number"
    BY_GATE = "set by the gate"
    FREE = "no known cost"


FIELDS: Mapping[str, Bounded] = {
    "model": Bounded.BY_GATE,
    "messages": Bounded.BY_BYTES,
    "tools": Bounded.BY_BYTES,
    "tool_choice": Bounded.BY_BYTES,
    "functions": Bounded.BY_BYTES,
    "function_call": Bounded.BY_BYTES,
    "response_format": Bounded.BY_BYTES,
    "max_completion_tokens": Bounded.BY_ITSELF,
    "max_tokens": Bounded.BY_ITSELF,
    "n": Bounded.BY_ITSELF,
    "service_tier": Bounded.BY_GATE,
    "stream": Bounded.BY_GATE,
    "stream_options": Bounded.BY_GATE,
    "metadata": Bounded.BY_GATE,
    "store": Bounded.BY_GATE,
    "modalities": Bounded.BY_GATE,
    "temperature": Bounded.FREE,
    "top_p": Bounded.FREE,
    "presence_penalty": Bounded.FREE,
    "frequency_penalty": Bounded.FREE,
    "logit_bias": Bounded.FREE,
    "logprobs": Bounded.FREE,
    "top_logprobs": Bounded.FREE,
    "seed": Bounded.FREE,
    "stop": Bounded.FREE,
    "user": Bounded.FREE,
    "safety_identifier": Bounded.FREE,
    "prompt_cache_key": Bounded.FREE,
    "parallel_tool_calls": Bounded.FREE,
    "reasoning_effort": Bounded.FREE,
    "verbosity": Bounded.FREE,
}

REFUSED: Mapping[str, str] = {
    "audio": "Audio output cannot be bounded yet; ask for text.",
    "prediction": "Rejected tokens of a prediction are billed beyond any maximum; leave it out.",
    "web_search_options": "Web search is billed by the search and by what it finds; leave it out.",
    "prompt_cache_options": "Cache lifetimes are priced apart; leave them out.",
    "prompt_cache_retention": "Cache lifetimes are priced apart; leave them out.",
}

TEXT_PARTS = frozenset({"text", "refusal"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatRequest:
    """A request that can be bounded. `body` is the caller's own, checked; `output_asked`: the maximum that he names, if he names one.

    `texts`: all that is billed as input text; `overhead_tokens`: the most that the format adds to it; `tokens_given`: the input tokens
    that the caller counted himself, where he sends no text; `only_as_asked`: he takes no other model and no smaller call.
    """

    model: str
    body: Mapping[str, Any]
    texts: tuple[str, ...]
    overhead_tokens: int
    output_asked: int | None
    choices: int
    streams: bool
    shows_usage: bool
    attribution: Attribution
    tokens_given: int | None = None
    only_as_asked: bool = False

    @property
    def input_bytes(self) -> int:
        return sum(len(text.encode()) for text in self.texts)


def parse_chat(body: Mapping[str, Any], attribution: Attribution, *, default_model: str) -> ChatRequest:
    """A Chat Completions body. Raises RequestInvalid and NotBounded, which name the field."""
    _check_unicode(body)
    _check_fields(body)
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages or not all(isinstance(message, dict) for message in messages):
        raise RequestInvalid("messages must be a list of at least one message.", param="messages")
    for index, message in enumerate(messages):
        _check_content(message.get("content"), f"messages.{index}.content")
    model = body.get("model") or default_model
    if not isinstance(model, str):
        raise RequestInvalid("model must be a string.", param="model")
    return ChatRequest(
        model=model,
        body=body,
        texts=_billed_texts(body),
        overhead_tokens=_overhead(body, len(messages)),
        output_asked=_output_asked(body),
        choices=_whole("n", body.get("n"), most=CHOICES_MAX) or 1,
        streams=_flag("stream", body.get("stream")),
        shows_usage=_shows_usage(body),
        attribution=attribution,
    )


def _check_fields(body: Mapping[str, Any]) -> None:
    for name in body:
        if name in REFUSED and body[name] is not None:
            raise NotBounded(f"{name}: {REFUSED[name]}", param=name)
        if name not in FIELDS and name not in REFUSED:
            raise NotBounded(
                f"The field {name[:80]!r} is not known, so its cost cannot be bounded; leave it out.", param=name[:80]
            )
    if body.get("service_tier") not in (None, "auto", STANDARD_TIER):
        raise NotBounded(
            "service_tier: this tenant is served at the 'default' tier; leave it out.", param="service_tier"
        )
    if body.get("modalities") not in (None, ["text"]):
        raise NotBounded("modalities: only text can be bounded; leave it out.", param="modalities")


def _check_content(content: Any, place: str) -> None:
    if content is None or isinstance(content, str):
        return
    if not isinstance(content, list):
        raise RequestInvalid(f"{place} must be a string or a list of parts.", param=place)
    for part in content:
        kind = part.get("type") if isinstance(part, dict) else None
        if kind not in TEXT_PARTS:
            raise NotBounded(
                f"{place}: a part of type {str(kind)[:40]!r} cannot be bounded yet; send text.", param=place
            )


def _billed_texts(body: Mapping[str, Any]) -> tuple[str, ...]:
    billed = [body[name] for name, how in FIELDS.items() if how is Bounded.BY_BYTES and body.get(name) is not None]
    return tuple(text for value in billed for text in _strings(value))


def _check_unicode(body: Mapping[str, Any]) -> None:
    """Of all that is sent on, billed or not: what cannot be encoded would break after the hold."""
    try:
        for text in _strings(dict(body)):
            text.encode()
    except UnicodeEncodeError as error:
        raise RequestInvalid("The text is not valid unicode (a lone surrogate); send it as valid UTF-8.") from error


def _strings(value: Any) -> Iterator[str]:
    """Every string in a JSON value, names of fields and the digits of numbers included: schemas are billed with their names."""
    match value:
        case str():
            yield value
        case dict():
            for name, inner in value.items():
                if name not in ("role", "content", "type"):
                    yield name
                yield from _strings(inner)
        case list():
            for inner in value:
                yield from _strings(inner)
        case bool() | None:
            yield "false"
        case _:
            yield str(value)


def _overhead(body: Mapping[str, Any], messages: int) -> int:
    tools = [*(body.get("tools") or []), *(body.get("functions") or [])]
    properties = sum(_fields_in(tool) for tool in tools) + _fields_in(body.get("response_format"))
    return (
        messages * TOKENS_PER_MESSAGE
        + TOKENS_PER_REPLY
        + len(tools) * TOKENS_PER_TOOL
        + properties * TOKENS_PER_PROPERTY
    )


def _fields_in(value: Any) -> int:
    match value:
        case dict():
            return len(value) + sum(_fields_in(inner) for inner in value.values())
        case list():
            return len(value) + sum(_fields_in(inner) for inner in value)
        case _:
            return 0


def _output_asked(body: Mapping[str, Any]) -> int | None:
    asked = [_whole(name, body.get(name)) for name in ("max_completion_tokens", "max_tokens")]
    named = [tokens for tokens in asked if tokens is not None]
    return min(named) if named else None


def _whole(name: str, value: Any, *, most: int = 10**7) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= most:
        raise RequestInvalid(f"{name} must be a whole number from 1 to {most}.", param=name)
    return value


def _flag(name: str, value: Any) -> bool:
    if value is not None and not isinstance(value, bool):
        raise RequestInvalid(f"{name} must be true or false.", param=name)
    return bool(value)


def _shows_usage(body: Mapping[str, Any]) -> bool:
    options = body.get("stream_options")
    if options is not None and not isinstance(options, dict):
        raise RequestInvalid("stream_options must be an object.", param="stream_options")
    return bool((options or {}).get("include_usage"))


# ---- bounds, and what is sent -----------------------------------------------------------------------------------------------


def bound_by_bytes(chat: ChatRequest, settings: TenantSettings, price: Price) -> Bound:
    """The bound that needs no tokenizer: a token has at least one byte."""
    return _bound(chat, chat.input_bytes, settings, price)


def bound_by_count(chat: ChatRequest, text_tokens: int, settings: TenantSettings, price: Price) -> Bound:
    """The tighter bound, by the tokens that a tokenizer counted in `chat.texts`; never above the one by bytes."""
    return _bound(chat, min(text_tokens, chat.input_bytes), settings, price)


def _bound(chat: ChatRequest, text_tokens: int, settings: TenantSettings, price: Price) -> Bound:
    tokens = text_tokens + chat.overhead_tokens if chat.tokens_given is None else chat.tokens_given
    return Bound(input=min(tokens, price.input_max), output=output_limit(chat, settings, price), choices=chat.choices)


def output_limit(chat: ChatRequest, settings: TenantSettings, price: Price) -> int:
    """The output tokens of one choice that are sent as the maximum: the caller's, else the tenant's default. Raises RequestInvalid."""
    if chat.output_asked is not None and chat.output_asked > settings.output_tokens_max:
        most = settings.output_tokens_max
        raise RequestInvalid(
            f"This tenant may ask for at most {most} output tokens a call.", param="max_completion_tokens"
        )
    return min(chat.output_asked or settings.default_output_tokens, price.output_max)


def upstream_body(chat: ChatRequest, price: Price, *, output_tokens: int) -> dict[str, Any]:
    """What is sent in the caller's place: what is held is what can be spent, so the gate names model, maximum and tier itself."""
    body = {
        name: value
        for name, value in chat.body.items()
        if value is not None and name not in ("max_tokens", "max_completion_tokens")
    }
    # OpenAI takes metadata only with stored completions, and ours is for attribution.
    if not body.get("store"):
        body.pop("metadata", None)
    body["model"] = price.model
    body["max_completion_tokens" if price.max_tokens_refused else "max_tokens"] = output_tokens
    body["service_tier"] = STANDARD_TIER
    if chat.streams:
        body["stream_options"] = {**(body.get("stream_options") or {}), "include_usage": True}
    return body
