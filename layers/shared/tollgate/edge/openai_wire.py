"""Chat in OpenAI's words on `/v1`, and in ours on `/api`."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any

from pydantic import Field

from tollgate.domain.chat import ChatRequest, parse_chat
from tollgate.domain.downgrade import Menu
from tollgate.domain.errors import RequestInvalid
from tollgate.domain.money import to_usd, usd_number
from tollgate.domain.span import Attribution
from tollgate.domain.tenant import TenantSettings
from tollgate.domain.window import window_at
from tollgate.edge.cost_wire import CheckAsked, Labels, TenantId, attribution_of, window_views
from tollgate.edge.http import Body, read_json, write_json
from tollgate.ports import PriceBook, TokenCounter
from tollgate.usecases.complete_chat import ChatReply, chat_menu
from tollgate.usecases.take_hold import Taken

LABELS = {"agent": "agent", "runId": "run_id", "jobId": "job_id", "bookingId": "booking_id", "callId": "call_id"}


class ChatAsked(Body):
    """The body of POST /api/chat."""

    tenant_id: TenantId | None = None
    model: Annotated[str, Field(min_length=1, max_length=128)] | None = None
    messages: Annotated[list[dict[str, Any]], Field(min_length=1)]
    max_output_tokens: Annotated[int, Field(ge=1, le=10**7)] | None = None
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    tools: list[dict[str, Any]] | None = None
    tool_choice: str | dict[str, Any] | None = None
    response_format: dict[str, Any] | None = None
    metadata: Labels = Labels()


def api_chat(asked: ChatAsked, headers: Mapping[str, str], *, default_model: str) -> ChatRequest:
    body = asked.model_dump(
        include={"model", "messages", "temperature", "tools", "tool_choice", "response_format"}, exclude_none=True
    )
    body = _with_floats(body)
    if asked.max_output_tokens is not None:
        body["max_completion_tokens"] = asked.max_output_tokens
    chat = parse_chat(body, attribution_of(asked.metadata, headers), default_model=default_model)
    return replace(chat, only_as_asked=only_as_asked(headers))


def _with_floats(value: Any) -> Any:
    """Money is read as Decimal on `/api`; a schema's numbers go upstream as the JSON that they came in."""
    match value:
        case Decimal():
            return float(value)
        case dict():
            return {name: _with_floats(inner) for name, inner in value.items()}
        case list():
            return [_with_floats(inner) for inner in value]
        case _:
            return value


def v1_chat(text: str | None, headers: Mapping[str, str], *, default_model: str) -> ChatRequest:
    """Raises RequestInvalid for what is not a JSON object."""
    try:
        body = read_json(text or "", number=float)
    except ValueError as error:
        raise RequestInvalid("The body is not valid JSON.") from error
    if not isinstance(body, dict):
        raise RequestInvalid("The body must be a JSON object.")
    chat = parse_chat(body, attribution_of(labels_of(body.get("metadata")), headers), default_model=default_model)
    return replace(chat, only_as_asked=only_as_asked(headers))


def only_as_asked(headers: Mapping[str, str]) -> bool:
    """`x-tollgate-downgrade: never`: a refusal rather than another model or a smaller call. Raises RequestInvalid."""
    lower = {name.lower(): value for name, value in headers.items()}
    said = lower.get("x-tollgate-downgrade", "").strip().lower()
    if said not in ("", "allow", "never"):
        raise RequestInvalid("x-tollgate-downgrade must be allow or never.", param="x-tollgate-downgrade")
    return said == "never"


def labels_of(metadata: Any) -> Labels:
    """OpenAI's metadata is the caller's own; only our five names in it are ours."""
    if metadata is None:
        return Labels()
    if not isinstance(metadata, dict):
        raise RequestInvalid("metadata must be an object.", param="metadata")
    ours = {ours: metadata[theirs] for theirs, ours in LABELS.items() if metadata.get(theirs) is not None}
    ours |= {name: metadata[name] for name in LABELS.values() if name not in ours and metadata.get(name) is not None}
    if not all(isinstance(value, str) for value in ours.values()):
        raise RequestInvalid("The values of metadata must be strings.", param="metadata")
    return Labels(**ours)


def check_menu(
    asked: CheckAsked,
    settings: TenantSettings,
    attribution: Attribution,
    *,
    prices: PriceBook,
    counter: TokenCounter,
    at: datetime,
) -> Menu:
    """The ways in which a checked call could be held. Raises RequestInvalid, NotBounded, ModelNotPriced."""
    if (asked.messages is None) == (asked.input_tokens is None):
        raise RequestInvalid("Send either messages or inputTokens.", param="messages")
    body: dict[str, Any] = {"model": asked.model, "max_completion_tokens": asked.max_output_tokens, "n": asked.n}
    body |= {
        "messages": asked.messages or [{"role": "user", "content": ""}],
        "tools": asked.tools,
        "response_format": asked.response_format,
    }
    chat = parse_chat(body, attribution, default_model=asked.model)
    chat = replace(chat, is_ours_to_send=False)
    if asked.input_tokens is not None:
        # What the agent counted itself needs no tokenizer.
        chat = replace(chat, tokens_given=asked.input_tokens, texts=())
    return chat_menu(chat, settings, prices, counter, at=at)


# ---- answers ----------------------------------------------------------------------------------------------------------------


def call_facts(reply: ChatReply, now: datetime) -> dict[str, Any]:
    """What a served call's answer says of the call, whether in its headers or in a stream's last event. Dollars are Decimal."""
    facts = {"cost_usd": to_usd(reply.settlement.cost), **hold_facts(reply.taken, reply.requested_model)}
    if reply.page is None:
        facts["unsettled"] = True
    else:
        daily, monthly = _windows(reply, now)
        facts["remaining_daily_usd"] = Decimal(str(daily["remainingUsd"]))
        facts["remaining_monthly_usd"] = Decimal(str(monthly["remainingUsd"]))
    return facts


def hold_facts(taken: Taken, requested_model: str) -> dict[str, Any]:
    """What is known of a call as soon as it is held."""
    facts: dict[str, Any] = {
        "hold_id": str(taken.hold_id),
        "model_requested": requested_model,
        "model_served": taken.offer.price.model,
    }
    if taken.offer.bound.output:
        facts["max_output_tokens"] = taken.offer.bound.output
    if taken.offer.downgrade_reason is not None:
        facts["downgrade_reason"] = taken.offer.downgrade_reason
    if taken.offer.fit_reason is not None:
        facts["fit_reason"] = taken.offer.fit_reason
    if taken.would_have is not None:
        facts["would_have"] = taken.would_have
    return facts


def chat_headers(reply: ChatReply, now: datetime) -> dict[str, str]:
    return headers_of(call_facts(reply, now))


def headers_of(facts: Mapping[str, Any]) -> dict[str, str]:
    return {f"x-tollgate-{name.replace('_', '-')}": _header(fact) for name, fact in facts.items()}


def _header(fact: Any) -> str:
    match fact:
        case bool():
            return str(fact).lower()
        case Decimal():
            return f"{fact:f}"
        case _:
            return str(fact)


def api_reply(reply: ChatReply, request_id: str, now: datetime) -> dict[str, Any]:
    """The body of POST /api/chat's answer; `budget` as it stood after the settlement."""
    body = reply.answer.body
    choice = (body.get("choices") or [{}])[0]
    daily, monthly = _windows(reply, now)
    view = {
        "tenantId": reply.taken.page.tenant_id,
        "message": choice.get("message"),
        "finishReason": choice.get("finish_reason"),
        "requestedModel": reply.requested_model,
        "model": reply.taken.offer.price.model,
        "downgraded": reply.downgraded,
        "usage": body.get("usage"),
        "costUsd": usd_number(reply.settlement.cost),
        "holdId": str(reply.taken.hold_id),
        "budget": {"daily": daily, "monthly": monthly},
        "requestId": request_id,
    }
    if reply.downgraded:
        view["downgradeReason"] = reply.taken.offer.downgrade_reason
    if reply.taken.offer.fit_reason is not None:
        view |= {"fitReason": reply.taken.offer.fit_reason, "maxOutputTokens": reply.output_tokens}
    if reply.taken.would_have is not None:
        view["wouldHave"] = reply.taken.would_have
    if reply.page is None:
        view["unsettled"] = True
    return view


def stream_text(reply: ChatReply, now: datetime, *, shows_usage: bool) -> str:
    """The provider's chunks as server-sent events; the chunk with the usage only for callers who asked for it.

    The last of them has `tollgate`, our facts of the call: a chunk of our own could break a client that reads `choices[0]` of each.
    """
    told = [chunk for chunk in reply.answer.body["chunks"] if shows_usage or not _is_usage_chunk(chunk)]
    if told:
        told[-1] = {**told[-1], "tollgate": call_facts(reply, now)}
    return "".join(chunk_event(chunk, shows_usage=shows_usage) or "" for chunk in told) + "data: [DONE]\n\n"


def chunk_event(chunk: Mapping[str, Any], *, shows_usage: bool) -> str | None:
    """A chunk as it goes over the wire; none where it would only say what this caller did not ask for."""
    if shows_usage:
        return f"data: {write_json(chunk)}\n\n"
    return None if _is_usage_chunk(chunk) else f"data: {write_json(_without_usage(chunk))}\n\n"


def _is_usage_chunk(chunk: Mapping[str, Any]) -> bool:
    return bool(chunk.get("usage")) and not chunk.get("choices")


def _without_usage(chunk: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in chunk.items() if name != "usage"}


def _windows(reply: ChatReply, now: datetime) -> tuple[dict[str, Any], dict[str, Any]]:
    taken = reply.taken
    page = reply.page or taken.page
    return window_views(taken.settings, page, window_at(now, taken.settings.zones), now)
