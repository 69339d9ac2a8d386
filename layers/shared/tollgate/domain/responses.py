"""A request to Responses that needs nothing stored and no hosted tool: which fields it may have, and how each is bounded.

Traps: OpenAI's reference of Responses; what is stored there is billed as input again, and hosted tools are billed apart.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tollgate.domain.chat import TOKENS_PER_MESSAGE, TOKENS_PER_PROPERTY, TOKENS_PER_REPLY, TOKENS_PER_TOOL
from tollgate.domain.chat_fields import Bounded
from tollgate.domain.errors import NotBounded, RequestInvalid
from tollgate.domain.governed_request import ROUTES, check_kind
from tollgate.domain.image import Image
from tollgate.domain.image_tokens import image_tokens
from tollgate.domain.loop import fingerprint_of
from tollgate.domain.model import Capability, Kind, Model, Taken
from tollgate.domain.price import STANDARD_TIER, Bound, Price
from tollgate.domain.request_fields import (
    check_cache_options,
    check_depth,
    check_fields,
    check_unicode,
    fields_in,
    flag,
    model_named,
    strings_in,
    thing,
    utf8_bytes,
    whole,
)
from tollgate.domain.response_items import (
    check_input,
    check_tool_choice,
    check_tools,
    images_in,
    with_details,
    without_images,
)
from tollgate.domain.span import Attribution
from tollgate.domain.tenant import TenantSettings

FIELDS: Mapping[str, Bounded] = {
    "model": Bounded.BY_GATE,
    "input": Bounded.BY_BYTES,
    "instructions": Bounded.BY_BYTES,
    "tools": Bounded.BY_BYTES,
    "tool_choice": Bounded.BY_BYTES,
    "text": Bounded.BY_BYTES,
    "max_output_tokens": Bounded.BY_ITSELF,
    "service_tier": Bounded.BY_GATE,
    "store": Bounded.BY_GATE,
    "stream": Bounded.BY_GATE,
    "stream_options": Bounded.FREE,
    "metadata": Bounded.FREE,
    "include": Bounded.FREE,
    "reasoning": Bounded.FREE,
    "truncation": Bounded.FREE,
    "parallel_tool_calls": Bounded.FREE,
    "temperature": Bounded.FREE,
    "top_p": Bounded.FREE,
    "top_logprobs": Bounded.FREE,
    "user": Bounded.FREE,
    "safety_identifier": Bounded.FREE,
    "prompt_cache_key": Bounded.FREE,
    "prompt_cache_options": Bounded.BY_GATE,
}
REFUSED: Mapping[str, str] = {
    "previous_response_id": "Stored turns are billed again as input; send them in input, and store false.",
    "conversation": "A stored conversation is billed again as input; send its turns in input, and store false.",
    "prompt": "A stored prompt cannot be bounded; send its text in instructions and input.",
    "background": "A call that runs on by itself cannot be settled; leave it out.",
    "context_management": "Compaction is billed beyond the answer; leave it out, and send a shorter input.",
    "max_tool_calls": "It is for hosted tools, which cannot be bounded; send function tools.",
    "prompt_cache_retention": "Cache lifetimes are priced apart; leave them out.",
}
INNER = {
    "text": frozenset({"format", "verbosity"}),
    "reasoning": frozenset({"effort", "summary", "generate_summary"}),
    "stream_options": frozenset({"include_obfuscation"}),
}
THOUGHTS = "reasoning.encrypted_content"
INCLUDED = frozenset({THOUGHTS, "message.output_text.logprobs"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ResponsesRequest:
    """A GovernedRequest. `body` is the caller's own, checked; `needs`: what a model must be able to do to answer it; `output_asked`: the
    maximum that he names, if he names one; `overhead_tokens`: the most that the format adds to `texts`."""

    model: str
    body: Mapping[str, Any]
    texts: tuple[str, ...]
    overhead_tokens: int
    output_asked: int | None
    needs: frozenset[Capability]
    streams: bool
    attribution: Attribution
    only_as_asked: bool = False
    images: tuple[Image, ...] = ()
    path: str = ROUTES[Kind.RESPONSES]
    kinds: frozenset[Kind] = frozenset({Kind.CHAT, Kind.RESPONSES})

    @property
    def fingerprint(self) -> str | None:
        return fingerprint_of(self.body)

    def check(self, model: Model, /) -> None:
        check_kind(self, model)
        if self.images and Capability.VISION not in model.capabilities:
            raise RequestInvalid(
                f"The model {model.name[:80]!r} takes no images: send text, or ask a model with vision.", param="input"
            )

    def can_be_served_by(self, model: Model, /) -> bool:
        """Not where another model would have to read the thoughts of the one that was asked for: they are encrypted for it."""
        if model.kind not in self.kinds or not self.needs <= model.capabilities or self._has_thoughts:
            return False
        samples = any(self.body.get(name) is not None for name in ("temperature", "top_p", "top_logprobs"))
        if not samples or Capability.REASONING not in model.capabilities:
            return True
        return model.temperature is Taken.EFFORT_NONE and not _thinks(self.body)

    def input_tokens(self, text_tokens: int | None, model: str, /) -> int:
        texts = self._bytes if text_tokens is None else text_tokens
        return texts + self.overhead_tokens + sum(image_tokens(model, image) for image in self.images)

    def by_bytes(self, settings: TenantSettings, price: Price, /) -> Bound:
        return self._bound(self._bytes, settings, price)

    def by_count(self, text_tokens: int, settings: TenantSettings, price: Price, /) -> Bound:
        return self._bound(min(text_tokens, self._bytes), settings, price)

    def sent(self, model: Model, price: Price, /, *, output_tokens: int) -> dict[str, Any]:
        """What is held is what can be spent, so the gate names model, maximum and tier itself; what is kept is billed again, so nothing
        is, unless the caller says so."""
        body = {name: value for name, value in self.body.items() if value is not None and name not in REFUSED}
        if model.name != self.model and model.effort_none and not _thinks(body):
            # In place of a model that may not think at all, one that would spend a short maximum on thinking.
            body["reasoning"] = {"effort": "none"}
        if model.name != self.model:
            # Older models refuse it, and without it the prompt is cached as usual.
            body.pop("prompt_cache_options", None)
        if self.images:
            body["input"] = with_details(body["input"], price.model, is_downgrade=price.model != self.model)
        if not body.get("store") and Capability.REASONING in model.capabilities:
            # Nothing keeps its thoughts, so an agent that sends its items back next turn needs them whole.
            body["include"] = [*dict.fromkeys([*(body.get("include") or []), THOUGHTS])]
        return body | {
            "model": price.model,
            "max_output_tokens": output_tokens,
            "service_tier": STANDARD_TIER,
            "store": bool(body.get("store")),
        }

    @property
    def _bytes(self) -> int:
        return sum(utf8_bytes(text) for text in self.texts)

    @property
    def _has_thoughts(self) -> bool:
        given = self.body["input"]
        return not isinstance(given, str) and any(item.get("type") == "reasoning" for item in given)

    def _bound(self, text_tokens: int, settings: TenantSettings, price: Price) -> Bound:
        most = settings.output_tokens_max
        if self.output_asked is not None and self.output_asked > most:
            raise RequestInvalid(
                f"This tenant may ask for at most {most} output tokens a call.", param="max_output_tokens"
            )
        output = min(self.output_asked or settings.default_output_tokens, price.output_max)
        return Bound(input=min(self.input_tokens(text_tokens, price.model), price.input_max), output=output)


def parse_responses(body: Mapping[str, Any], attribution: Attribution, *, default_model: str) -> ResponsesRequest:
    """Raises RequestInvalid and NotBounded, which name the field."""
    check_depth(body)
    check_unicode(body)
    check_fields(body, FIELDS, REFUSED)
    _check_values(body)
    flag("store", body.get("store"))
    items, tools = check_input(body.get("input")), check_tools(body.get("tools"))
    check_tool_choice(body.get("tool_choice"))
    images = images_in(body["input"])
    return ResponsesRequest(
        model=model_named(body, default_model),
        body=body,
        texts=_billed_texts(body),
        overhead_tokens=_overhead(body, items + 1, len(tools)),
        output_asked=whole("max_output_tokens", body.get("max_output_tokens")),
        needs=frozenset([*_needs(body), *([Capability.VISION] if images else [])]),
        streams=flag("stream", body.get("stream")),
        attribution=attribution,
        images=images,
    )


def _check_values(body: Mapping[str, Any]) -> None:
    for name, known in INNER.items():
        for inner, value in thing(name, body.get(name)).items():
            if inner not in known and value is not None:
                at = f"{name}.{inner[:80]}"
                raise NotBounded(f"{at} is not known, so its cost cannot be bounded; leave it out.", param=at)
    check_cache_options(body.get("prompt_cache_options"))
    thing("text.format", thing("text", body.get("text")).get("format"))
    if not isinstance(body.get("instructions") or "", str):
        raise RequestInvalid("instructions must be a text.", param="instructions")
    if body.get("service_tier") not in (None, "auto", STANDARD_TIER):
        raise NotBounded(
            "service_tier: this tenant is served at the 'default' tier; leave it out.", param="service_tier"
        )
    included = body.get("include") or []
    if not isinstance(included, list) or not all(isinstance(each, str) for each in included):
        raise RequestInvalid("include must be a list of texts.", param="include")
    if unknown := [each for each in included if each not in INCLUDED]:
        raise NotBounded(f"include: {unknown[0][:80]!r} cannot be bounded; leave it out.", param="include")


def _needs(body: Mapping[str, Any]) -> list[Capability]:
    form = thing("text", body.get("text")).get("format") or {}
    reasons = _thinks(body) or THOUGHTS in (body.get("include") or [])
    needed = {
        Capability.TOOLS: bool(body.get("tools")),
        Capability.STRUCTURED_OUTPUT: form.get("type") == "json_schema",
        Capability.REASONING: reasons,
    }
    return [capability for capability, is_needed in needed.items() if is_needed]


def _thinks(body: Mapping[str, Any]) -> bool:
    """Whether the caller says how the model is to reason."""
    return any(value is not None for value in (body.get("reasoning") or {}).values())


def _billed_texts(body: Mapping[str, Any]) -> tuple[str, ...]:
    sent = {**body, "input": without_images(body["input"])}
    billed = [sent[name] for name, how in FIELDS.items() if how is Bounded.BY_BYTES and sent.get(name) is not None]
    return tuple(text for value in billed for text in strings_in(value))


def _overhead(body: Mapping[str, Any], messages: int, tools: int) -> int:
    properties = fields_in(body.get("tools")) + fields_in(body.get("text"))
    return messages * TOKENS_PER_MESSAGE + TOKENS_PER_REPLY + tools * TOKENS_PER_TOOL + properties * TOKENS_PER_PROPERTY
