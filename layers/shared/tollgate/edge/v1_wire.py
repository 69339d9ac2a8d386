"""What comes by `/v1` besides chat, in OpenAI's words: embeddings and responses."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from tollgate.domain.embeddings import TOKENS_MAX, EmbeddingsRequest, parse_embeddings
from tollgate.domain.errors import RequestInvalid
from tollgate.domain.json_size import VALUES_MAX
from tollgate.domain.responses import ResponsesRequest, parse_responses
from tollgate.edge.cost_wire import Labels, attribution_of
from tollgate.edge.http import read_json, write_json
from tollgate.edge.openai_wire import call_facts, labels_of, only_as_asked
from tollgate.usecases.complete_chat import ChatReply


def v1_embeddings(text: str | None, headers: Mapping[str, str]) -> EmbeddingsRequest:
    """Raises RequestInvalid for what is not a JSON object. It has no metadata, so whose work it is stands in the headers."""
    return parse_embeddings(_json_object(text, most=VALUES_MAX + TOKENS_MAX), attribution_of(Labels(), headers))


def v1_responses(text: str | None, headers: Mapping[str, str], *, default_model: str) -> ResponsesRequest:
    """Raises RequestInvalid for what is not a JSON object."""
    body = _json_object(text)
    attribution = attribution_of(labels_of(body.get("metadata")), headers)
    request = parse_responses(body, attribution, default_model=default_model)
    return replace(request, only_as_asked=only_as_asked(headers))


def events_text(reply: ChatReply, now: datetime) -> str:
    """The provider's events as they came; this route has no `[DONE]`. The response in the last of them has `tollgate`, our facts of the
    call, so that a client which keeps only the response has them."""
    *events, last = reply.answer.body["chunks"]
    return "".join(map(response_event, [*events, _with_facts(last, call_facts(reply, now))]))


def response_event(event: Mapping[str, Any]) -> str:
    """An event as it goes over the wire."""
    return f"event: {event.get('type', 'message')}\ndata: {write_json(event)}\n\n"


def _with_facts(event: Mapping[str, Any], facts: Mapping[str, Any]) -> dict[str, Any]:
    response = event.get("response")
    if isinstance(response, dict):
        return {**event, "response": {**response, "tollgate": facts}}
    return {**event, "tollgate": facts}


def _json_object(text: str | None, *, most: int = VALUES_MAX) -> dict[str, Any]:
    try:
        body = read_json(text or "", number=float, most=most)
    except ValueError as error:
        raise RequestInvalid("The body is not valid JSON.") from error
    if not isinstance(body, dict):
        raise RequestInvalid("The body must be a JSON object.")
    return body
