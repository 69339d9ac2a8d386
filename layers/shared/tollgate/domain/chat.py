"""A chat request: which fields it may have, how each is bounded, and what is sent upstream in its place.

Sources of the overheads and traps: OpenAI's cookbook "How to count tokens with tiktoken" and its reference of Chat Completions.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tollgate.domain.chat_fields import FIELDS, REFUSED, TOOLS, Bounded
from tollgate.domain.chat_parts import check_messages, images_in, with_details, without_images
from tollgate.domain.errors import NotBounded, RequestInvalid
from tollgate.domain.governed_request import ROUTES
from tollgate.domain.image import Image
from tollgate.domain.image_tokens import image_tokens
from tollgate.domain.loop import fingerprint_of
from tollgate.domain.model import Capability, Kind, Model
from tollgate.domain.price import STANDARD_TIER, Bound, Price
from tollgate.domain.request_fields import (
    check_cache_options,
    check_depth,
    check_fields,
    check_unicode,
    fields_in,
    flag,
    strings_in,
    whole,
)
from tollgate.domain.rewriting import can_serve, rewritten
from tollgate.domain.span import Attribution
from tollgate.domain.tenant import TenantSettings

# Documented: 3 or 4 tokens a message, 1 for a name, 3 for the reply; twelve and a few for tools. Held with room to spare.
TOKENS_PER_MESSAGE = 16
TOKENS_PER_REPLY = 8
TOKENS_PER_TOOL = 32
TOKENS_PER_PROPERTY = 16
CHOICES_MAX = 16
FORMAT_NAMES = frozenset({"role", "content", "type"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatRequest:
    """A request that can be bounded. `body` is the caller's own, checked; `output_asked`: the maximum that he names, if he names one.

    `texts`: all that is billed as input text; `overhead_tokens`: the most that the format adds to it; `tokens_given`: the input tokens
    that the caller counted himself, where he sends no text; `only_as_asked`: he takes no other model and no smaller call;
    `is_ours_to_send`: false where he makes the call himself, by whatever route he likes.
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
    images: tuple[Image, ...] = ()
    is_ours_to_send: bool = True

    @property
    def input_bytes(self) -> int:
        return sum(len(text.encode()) for text in self.texts)

    # GovernedRequest

    @property
    def path(self) -> str:
        return ROUTES[Kind.CHAT]

    @property
    def kinds(self) -> frozenset[Kind]:
        return frozenset({Kind.CHAT})

    @property
    def fingerprint(self) -> str | None:
        return fingerprint_of(self.body)

    def check(self, model: Model, /) -> None:
        check_model(self, model)

    def can_be_served_by(self, model: Model, /) -> bool:
        return can_serve(self.body, model, has_images=bool(self.images))

    def input_tokens(self, text_tokens: int | None, model: str, /) -> int:
        return input_tokens(self, self.input_bytes if text_tokens is None else text_tokens, model)

    def by_bytes(self, settings: TenantSettings, price: Price, /) -> Bound:
        return bound_by_bytes(self, settings, price)

    def by_count(self, text_tokens: int, settings: TenantSettings, price: Price, /) -> Bound:
        return bound_by_count(self, text_tokens, settings, price)

    def sent(self, model: Model, price: Price, /, *, output_tokens: int) -> dict[str, Any]:
        return upstream_body(self, price, model, output_tokens=output_tokens)


def parse_chat(body: Mapping[str, Any], attribution: Attribution, *, default_model: str) -> ChatRequest:
    """A Chat Completions body. Raises RequestInvalid and NotBounded, which name the field."""
    check_depth(body)
    check_unicode(body)
    _check_fields(body)
    _check_tools(body)
    messages = check_messages(body.get("messages"))
    model = body.get("model") or default_model
    if not isinstance(model, str):
        raise RequestInvalid("model must be a string.", param="model")
    return ChatRequest(
        model=model,
        body=body,
        texts=_billed_texts(body),
        overhead_tokens=_overhead(body, len(messages)),
        output_asked=_output_asked(body),
        choices=whole("n", body.get("n"), most=CHOICES_MAX) or 1,
        streams=flag("stream", body.get("stream")),
        shows_usage=_shows_usage(body),
        attribution=attribution,
        images=images_in(messages),
    )


def _check_fields(body: Mapping[str, Any]) -> None:
    check_fields(body, FIELDS, REFUSED)
    if body.get("service_tier") not in (None, "auto", STANDARD_TIER):
        raise NotBounded(
            "service_tier: this tenant is served at the 'default' tier; leave it out.", param="service_tier"
        )
    check_cache_options(body.get("prompt_cache_options"))
    if body.get("modalities") not in (None, ["text"]):
        raise NotBounded("modalities: only text can be bounded; leave it out.", param="modalities")


def _check_tools(body: Mapping[str, Any]) -> None:
    for name in ("tools", "functions"):
        tools = body.get(name)
        if tools is not None and not (isinstance(tools, list) and all(isinstance(tool, dict) for tool in tools)):
            raise RequestInvalid(f"{name} must be a list of objects.", param=name)
    for index, tool in enumerate(body.get("tools") or ()):
        place, kind = f"tools.{index}", tool.get("type", "function")
        if not isinstance(kind, str) or kind not in TOOLS:
            raise NotBounded(
                f"{place}: a tool of type {str(kind)[:40]!r} is billed by what it does; send 'function' or 'custom' tools.",
                param=place,
            )
        if unknown := sorted(tool.keys() - TOOLS[kind]):
            raise NotBounded(f"{place}: the field {unknown[0][:40]!r} is not known; leave it out.", param=place)


def _billed_texts(body: Mapping[str, Any]) -> tuple[str, ...]:
    sent = {**body, "messages": without_images(body["messages"])}
    billed = [sent[name] for name, how in FIELDS.items() if how is Bounded.BY_BYTES and sent.get(name) is not None]
    return tuple(text for value in billed for text in strings_in(value, unbilled=FORMAT_NAMES))


def _overhead(body: Mapping[str, Any], messages: int) -> int:
    tools = [*(body.get("tools") or []), *(body.get("functions") or [])]
    properties = sum(fields_in(tool) for tool in tools) + fields_in(body.get("response_format"))
    return (
        messages * TOKENS_PER_MESSAGE
        + TOKENS_PER_REPLY
        + len(tools) * TOKENS_PER_TOOL
        + properties * TOKENS_PER_PROPERTY
    )


def _output_asked(body: Mapping[str, Any]) -> int | None:
    asked = [whole(name, body.get(name)) for name in ("max_completion_tokens", "max_tokens")]
    named = [tokens for tokens in asked if tokens is not None]
    return min(named) if named else None


def _shows_usage(body: Mapping[str, Any]) -> bool:
    options = body.get("stream_options")
    if options is not None and not isinstance(options, dict):
        raise RequestInvalid("stream_options must be an object.", param="stream_options")
    return bool((options or {}).get("include_usage"))


def check_model(chat: ChatRequest, model: Model) -> None:
    """Whether Chat Completions serves it, and it sees what it is shown. Raises RequestInvalid."""
    route = {Kind.RESPONSES: "POST /v1/responses", Kind.EMBEDDING: "POST /v1/embeddings"}.get(model.kind)
    if route is not None and chat.is_ours_to_send:
        raise RequestInvalid(f"The model {model.name[:80]!r} takes no chat completions: ask {route}.", param="model")
    if chat.images and Capability.VISION not in model.capabilities:
        raise RequestInvalid(
            f"The model {model.name[:80]!r} takes no images: send text, or ask a model with vision.", param="messages"
        )


# ---- bounds, and what is sent -----------------------------------------------------------------------------------------------


def bound_by_bytes(chat: ChatRequest, settings: TenantSettings, price: Price) -> Bound:
    """The bound that needs no tokenizer: a token has at least one byte."""
    return _bound(chat, chat.input_bytes, settings, price)


def bound_by_count(chat: ChatRequest, text_tokens: int, settings: TenantSettings, price: Price) -> Bound:
    """The tighter bound, by the tokens that a tokenizer counted in `chat.texts`; never above the one by bytes."""
    return _bound(chat, min(text_tokens, chat.input_bytes), settings, price)


def _bound(chat: ChatRequest, text_tokens: int, settings: TenantSettings, price: Price) -> Bound:
    tokens = input_tokens(chat, text_tokens, price.model)
    return Bound(input=min(tokens, price.input_max), output=output_limit(chat, settings, price), choices=chat.choices)


def input_tokens(chat: ChatRequest, text_tokens: int, model: str) -> int:
    """The most input tokens that it costs on this model, however many that takes. Raises NotBounded for images without a rule."""
    if chat.tokens_given is not None:
        return chat.tokens_given
    return text_tokens + chat.overhead_tokens + sum(image_tokens(model, image) for image in chat.images)


def output_limit(chat: ChatRequest, settings: TenantSettings, price: Price) -> int:
    """The output tokens of one choice that are sent as the maximum: the caller's, else the tenant's default. Raises RequestInvalid."""
    if chat.output_asked is not None and chat.output_asked > settings.output_tokens_max:
        most = settings.output_tokens_max
        raise RequestInvalid(
            f"This tenant may ask for at most {most} output tokens a call.", param="max_completion_tokens"
        )
    return min(chat.output_asked or settings.default_output_tokens, price.output_max)


def upstream_body(chat: ChatRequest, price: Price, model: Model, *, output_tokens: int) -> dict[str, Any]:
    """What is sent in the caller's place: what is held is what can be spent, so the gate names model, maximum and tier itself.

    A model that serves in place of the one that was asked for gets the request as it needs it.
    """
    body = {
        name: value
        for name, value in chat.body.items()
        if value is not None and name not in ("max_tokens", "max_completion_tokens")
    }
    # OpenAI takes metadata only with stored completions, and ours is for attribution.
    if not body.get("store"):
        body.pop("metadata", None)
    if chat.images:
        body["messages"] = with_details(body["messages"], price.model, is_downgrade=price.model != chat.model)
    if price.model != chat.model:
        body = rewritten(body, model)
    body["model"] = price.model
    body["max_completion_tokens" if price.max_tokens_refused else "max_tokens"] = output_tokens
    body["service_tier"] = STANDARD_TIER
    if chat.streams:
        body["stream_options"] = {**(body.get("stream_options") or {}), "include_usage": True}
    return body
