"""POST /v1/chat/completions and POST /api/chat"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Body as FromBody

from tollgate import wiring
from tollgate.domain.chat import ChatRequest
from tollgate.edge.http import caller, entry, reply, request_id, rest_app, settings_for
from tollgate.edge.idempotency_wire import attempt_of, given_key, respond_once
from tollgate.edge.openai_wire import ChatAsked, api_chat, api_reply, chat_headers, stream_text, v1_chat
from tollgate.usecases.complete_chat import ChatReply, complete_chat

app = rest_app()


@app.post("/v1/chat/completions")
def create_chat_completion() -> Response[str]:
    event = app.current_event
    tenant_id = caller(app).tenant(event.headers.get("x-tollgate-tenant"))
    chat = v1_chat(event.decoded_body, event.headers, default_model=wiring.settings().default_model)
    return _once(tenant_id, lambda: _v1_answer(chat, tenant_id))


def _v1_answer(chat: ChatRequest, tenant_id: str) -> Response[str]:
    done = _complete(chat, tenant_id)
    headers = {**done.answer.headers, "x-request-id": request_id(app), **chat_headers(done, wiring.clock())}
    if not chat.streams:
        return reply(app, done.answer.body, headers=headers)
    return Response(200, "text/event-stream; charset=utf-8", stream_text(done, shows_usage=chat.shows_usage), headers)


@app.post("/api/chat")
def chat(body: Annotated[ChatAsked, FromBody()]) -> Response[str]:
    tenant_id = caller(app).tenant(body.tenant_id)
    chat = api_chat(body, app.current_event.headers, default_model=wiring.settings().default_model)
    return _once(tenant_id, lambda: _api_answer(chat, tenant_id))


def _api_answer(chat: ChatRequest, tenant_id: str) -> Response[str]:
    done = _complete(chat, tenant_id)
    now = wiring.clock()
    return reply(app, api_reply(done, request_id(app), now), headers=chat_headers(done, now))


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


def _complete(chat: ChatRequest, tenant_id: str) -> ChatReply:
    settings = settings_for(app, tenant_id, wiring.known_settings())
    done = complete_chat(chat, settings, wiring.chat_ports(), request_id=request_id(app), deadline=_deadline())
    wiring.known_settings().saw(done.taken.settings)
    return done


def _deadline() -> datetime:
    """When this function's time ends."""
    return wiring.clock() + timedelta(milliseconds=app.lambda_context.get_remaining_time_in_millis())


handle = entry(app)
