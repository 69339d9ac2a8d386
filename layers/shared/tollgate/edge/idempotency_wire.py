"""The header Idempotency-Key around a governed call, and what a repetition's answer says of itself."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from aws_lambda_powertools.event_handler import APIGatewayRestResolver, Response

from tollgate.domain.errors import IdempotencyNotKept, TollgateError, UpstreamUnknown
from tollgate.domain.idempotency import Attempt, KeptAnswer, fingerprint_of_request
from tollgate.edge.http import REPLAY, problem_answer, read_json, respond
from tollgate.usecases.answer_once import OncePorts, answer_once
from tollgate.usecases.complete_chat import EXPIRY_MARGIN

HEADER = "Idempotency-Key"


def given_key(app: APIGatewayRestResolver) -> str | None:
    key: str | None = app.current_event.headers.get(HEADER)
    return key


def attempt_of(
    app: APIGatewayRestResolver, tenant_id: str, key: str, *, token: str, deadline: datetime, expires_at: datetime
) -> Attempt:
    """`token`: this call's own; `deadline`: when its function's time ends; `expires_at`: when the key is forgotten.
    Raises RequestInvalid."""
    event = app.current_event
    text = event.decoded_body or ""
    return Attempt(
        tenant_id=tenant_id,
        key=key,
        # The route has read it, and found that it is not too large.
        fingerprint=fingerprint_of_request(event.path, read_json(text, float, most=len(text))),
        token=token,
        until=deadline + EXPIRY_MARGIN,
        expires_at=expires_at,
    )


def respond_once(
    app: APIGatewayRestResolver,
    attempt: Attempt,
    answer: Callable[[], Response[str]],
    ports: OncePorts,
    *,
    deadline: datetime,
) -> Response[str]:
    """Raises what `answer` raises where nothing was spent, IdempotencyConflict, IdempotencyInProgress, LedgerUnavailable."""
    told = answer_once(attempt, lambda: _kept(app, answer), ports, deadline=deadline)
    if not told.is_replay:
        return _response(told.answer)
    if told.answer.body is None:
        return _not_kept(app, told.answer)
    return _response(told.answer, REPLAY)


def _kept(app: APIGatewayRestResolver, answer: Callable[[], Response[str]]) -> KeptAnswer:
    """An error after which money may be gone is an answer too: its repetition must not spend again."""
    try:
        return _answer_of(answer())
    # All of them: what nobody foresaw may have struck after the provider was paid, and the edge above, which would answer it, comes too
    # late to keep that answer for the key.
    except Exception as error:
        if isinstance(error, TollgateError) and not isinstance(error, UpstreamUnknown):
            raise
        return _answer_of(respond(problem_answer(app, error)))


def _answer_of(response: Response[str]) -> KeptAnswer:
    return KeptAnswer(
        status=response.status_code,
        content_type=response.content_type or "application/json",
        headers={name: str(value) for name, value in response.headers.items() if name.lower() != "content-type"},
        body=response.body or "",
    )


def _response(answer: KeptAnswer, more: dict[str, str] | None = None) -> Response[str]:
    return Response(answer.status, answer.content_type, answer.body or "", {**answer.headers, **(more or {})})


def _not_kept(app: APIGatewayRestResolver, first: KeptAnswer) -> Response[str]:
    """What the first call cost, without what it said."""
    problem = problem_answer(
        app,
        IdempotencyNotKept(
            "This request was made already and is not made again, but its answer was not kept. "
            "A new Idempotency-Key makes, and pays for, a new call."
        ),
    )
    of_first = {name: value for name, value in first.headers.items() if name.lower().startswith("x-tollgate-")}
    return respond(replace(problem, headers={**of_first, **problem.headers, **REPLAY}))
