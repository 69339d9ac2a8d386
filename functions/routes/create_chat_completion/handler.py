"""POST /v1/chat/completions, POST /api/chat, POST /v1/responses and POST /v1/embeddings

Every governed call is made here: a warm environment has its SDK, its connection, its breakers and its refusal memory for all of them.
"""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Annotated, Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Body as FromBody

from tollgate import wiring
from tollgate.domain.governed_request import GovernedRequest
from tollgate.edge.http import caller, entry, reply, request_id, rest_app, settings_for
from tollgate.edge.idempotency_wire import attempt_of, given_key, respond_once
from tollgate.edge.live import EVENT_STREAM, Listen, listen
from tollgate.edge.openai_wire import (
    ChatAsked,
    api_chat,
    api_reply,
    chat_headers,
    chunk_event,
    headers_of,
    hold_facts,
    stream_text,
    v1_chat,
)
from tollgate.edge.v1_wire import events_text, response_event, v1_embeddings, v1_responses
from tollgate.usecases.complete_chat import ChatReply, complete_chat
from tollgate.usecases.take_hold import Taken

app = rest_app()


@app.post("/v1/chat/completions")
def create_chat_completion() -> Response[str]:
    event, tenant_id = app.current_event, _v1_tenant()
    chat = v1_chat(event.decoded_body, event.headers, default_model=wiring.settings().default_model)
    shows_usage = chat.shows_usage
    return _v1(
        chat, tenant_id, partial(stream_text, shows_usage=shows_usage), partial(chunk_event, shows_usage=shows_usage)
    )


@app.post("/v1/responses")
def create_response() -> Response[str]:
    event, tenant_id = app.current_event, _v1_tenant()
    asked = v1_responses(event.decoded_body, event.headers, default_model=wiring.settings().default_model)
    return _v1(asked, tenant_id)


@app.post("/v1/embeddings")
def create_embeddings() -> Response[str]:
    event, tenant_id = app.current_event, _v1_tenant()
    return _v1(v1_embeddings(event.decoded_body, event.headers), tenant_id)


@app.post("/api/chat")
def chat(body: Annotated[ChatAsked, FromBody()]) -> Response[str]:
    tenant_id = caller(app).tenant(body.tenant_id)
    chat = api_chat(body, app.current_event.headers, default_model=wiring.settings().default_model)

    def answer() -> Response[str]:
        done, now = _complete(chat, tenant_id), wiring.clock()
        return reply(app, api_reply(done, request_id(app), now), headers=chat_headers(done, now))

    return _once(tenant_id, answer)


def _v1_tenant() -> str:
    return caller(app).tenant(app.current_event.headers.get("x-tollgate-tenant"))


def _v1(
    asked: GovernedRequest,
    tenant_id: str,
    stream: Callable[[ChatReply, datetime], str] = events_text,
    event: Callable[[Mapping[str, Any]], str | None] = response_event,
) -> Response[str]:
    """In the provider's own words; `stream` says them event by event, where that was asked for, and `event` each alone, while they come."""

    def headers(taken: Taken) -> Mapping[str, str]:
        return {"x-request-id": request_id(app), **headers_of(hold_facts(taken, asked.model))}

    def answer() -> Response[str]:
        live = listen(app.lambda_context, asked, headers, render=event)
        done, now = _complete(asked, tenant_id, live), wiring.clock()
        told = {**done.answer.headers, "x-request-id": request_id(app), **chat_headers(done, now)}
        if asked.streams:
            return Response(200, EVENT_STREAM, stream(done, now), told)
        return reply(app, done.answer.body, headers=told)

    return _once(tenant_id, answer)


def _once(tenant_id: str, answer: Callable[[], Response[str]]) -> Response[str]:
    """A request without Idempotency-Key reads and writes nothing for it."""
    key = given_key(app)
    if key is None:
        return answer()
    deadline = _deadline()
    attempt = attempt_of(
        app,
        tenant_id,
        key,
        token=wiring.new_call_key(),
        deadline=deadline,
        expires_at=wiring.keys_forgotten_at(wiring.clock()),
    )
    return respond_once(app, attempt, answer, wiring.once_ports(), deadline=deadline)


def _complete(chat: GovernedRequest, tenant_id: str, live: Listen | None = None) -> ChatReply:
    settings = settings_for(app, tenant_id, wiring.known_settings())
    done = complete_chat(
        chat, settings, wiring.chat_ports(), request_id=request_id(app), deadline=_deadline(), listen=live
    )
    wiring.known_settings().saw(done.taken.settings)
    return done


def _deadline() -> datetime:
    """When this function's time ends."""
    return wiring.clock() + timedelta(milliseconds=app.lambda_context.get_remaining_time_in_millis())


handle = entry(app)
