"""Every error's HTTP status and code, in one table, and the two shapes in which clients see them."""

from dataclasses import dataclass
from datetime import UTC, datetime
from math import ceil
from typing import Any

from tollgate.domain import errors
from tollgate.domain.money import usd_number
from tollgate.domain.refusal import Reason, Refusal


@dataclass(frozen=True, slots=True)
class Problem:
    """`retry` says whether the same request may succeed later by itself: `x-should-retry` for the SDKs that heed it."""

    status: int
    code: str
    retry: bool = False
    type: str = "invalid_request_error"


PROBLEMS: dict[type[errors.TollgateError], Problem] = {
    errors.RequestInvalid: Problem(400, "invalid_request"),
    errors.NotBounded: Problem(400, "not_bounded"),
    errors.ModelNotPriced: Problem(400, "model_not_priced"),
    errors.KeyUnknown: Problem(401, "invalid_api_key"),
    errors.Forbidden: Problem(403, "forbidden"),
    errors.TenantNotFound: Problem(404, "tenant_not_found"),
    errors.KeyNotFound: Problem(404, "key_not_found"),
    errors.RaiseNotFound: Problem(404, "raise_not_found"),
    errors.HoldNotFound: Problem(404, "hold_not_found"),
    errors.MonthNotFound: Problem(404, "month_not_found"),
    errors.ModelNotFound: Problem(404, "model_not_found"),
    errors.BreakerNotFound: Problem(404, "breaker_not_found"),
    errors.ConnectionNotFound: Problem(404, "connection_not_found"),
    errors.ConnectionExists: Problem(409, "connection_exists"),
    errors.ConnectionBusy: Problem(409, "connection_busy", retry=True),
    errors.ConnectionGiven: Problem(409, "connection_given"),
    errors.AppKeyMissing: Problem(409, "app_key_missing"),
    errors.RecordDiffers: Problem(409, "record_conflict"),
    errors.HoldNotYours: Problem(409, "record_conflict"),
    errors.CorrectionImpossible: Problem(409, "correction_impossible"),
    errors.IdempotencyInProgress: Problem(409, "idempotency_in_progress", retry=True),
    errors.IdempotencyNotKept: Problem(409, "idempotency_not_kept"),
    errors.IdempotencyConflict: Problem(422, "idempotency_conflict"),
    errors.VersionStale: Problem(412, "version_stale"),
    errors.BudgetRefused: Problem(429, "insufficient_quota", type="insufficient_quota"),
    # A retry by itself is what the loop does already.
    errors.LoopRefused: Problem(429, "rate_limit_exceeded", type="rate_limit_error"),
    errors.BreakerOpen: Problem(503, "upstream_unavailable", retry=True, type="server_error"),
    errors.UpstreamUnknown: Problem(504, "upstream_unknown", type="server_error"),
    errors.LedgerUnavailable: Problem(503, "ledger_unavailable", retry=True, type="server_error"),
    errors.SpansUnavailable: Problem(503, "spans_unavailable", retry=True, type="server_error"),
    errors.SecretsUnavailable: Problem(503, "secrets_unavailable", retry=True, type="server_error"),
}
PASSING_REFUSAL = Problem(429, "rate_limit_exceeded", retry=True, type="rate_limit_error")
LOOP = "loop"
# Most changes and checks of a connection are over by then.
BUSY_SECONDS = 5
INTERNAL = Problem(500, "internal_error", type="server_error")


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An HTTP answer before it is written: `body` is JSON or, where it is a str, already written."""

    status: int
    body: Any
    headers: dict[str, str]


def problem_of(error: Exception) -> Problem:
    if isinstance(error, errors.BudgetRefused) and error.refusal.reason.is_passing:
        return PASSING_REFUSAL
    for kind in type(error).__mro__:
        if kind in PROBLEMS:
            return PROBLEMS[kind]
    return INTERNAL


def answer_of(error: Exception, *, path: str, request_id: str, now: datetime | None = None) -> Answer:
    """The answer that a client gets for an error, in OpenAI's envelope on `/v1`, in ours elsewhere."""
    if isinstance(error, errors.UpstreamRejected):
        return _upstream_answer(error, path=path, request_id=request_id)
    problem = problem_of(error)
    message = (
        str(error) if problem is not INTERNAL else "Something broke on our side. The request id finds it in the logs."
    )
    seconds = _retry_after(error, now or datetime.now(UTC))
    headers = {"x-should-retry": "true" if problem.retry else "false"}
    if seconds is not None:
        headers["Retry-After"] = str(seconds)
    if isinstance(error, errors.BudgetRefused):
        headers["x-tollgate-refusal-reason"] = error.refusal.reason.value
    if isinstance(error, errors.LoopRefused):
        headers["x-tollgate-refusal-reason"] = LOOP
    body = (
        _v1_body(error, problem, message)
        if path.startswith("/v1/")
        else _api_body(error, problem, message, seconds, request_id)
    )
    return Answer(status=problem.status, body=body, headers=headers)


def _v1_body(error: Exception, problem: Problem, message: str) -> dict[str, Any]:
    if isinstance(error, errors.BudgetRefused):
        message = f"{message} {error.refusal.remedy}"
    if isinstance(error, errors.LoopRefused):
        message = f"{message} {error.remedy}"
    return {
        "error": {
            "message": message,
            "type": problem.type,
            "param": getattr(error, "param", None),
            "code": problem.code,
        }
    }


def _api_body(error: Exception, problem: Problem, message: str, seconds: int | None, request_id: str) -> dict[str, Any]:
    body: dict[str, Any] = {"code": problem.code, "message": message, "requestId": request_id}
    if getattr(error, "param", None) is not None:
        body["param"] = getattr(error, "param")  # noqa: B009
    if seconds is not None:
        body["retryAfterSeconds"] = seconds
    if isinstance(error, errors.BudgetRefused):
        body |= refusal_facts(error.refusal)
    if isinstance(error, errors.LoopRefused):
        body |= {"reason": LOOP, "remedy": error.remedy}
    return {"error": body}


def refusal_facts(refusal: Refusal) -> dict[str, Any]:
    """What a refusal says beside its message: reason, the window in figures, what was asked, what would help."""
    facts: dict[str, Any] = {
        "reason": refusal.reason.value,
        "askedUsd": usd_number(refusal.asked),
        "remedy": refusal.remedy,
    }
    window = refusal.window
    if window is not None:
        unit, number = ("Tokens", int) if refusal.reason is Reason.TOKEN_BUDGET else ("Usd", usd_number)
        facts["window"] = {
            "name": window.name,
            f"limit{unit}": number(window.limit),
            f"spent{unit}": number(window.spent),
            f"held{unit}": number(window.held),
            f"remaining{unit}": number(window.remaining),
        }
    return facts


def _retry_after(error: Exception, now: datetime) -> int | None:
    match error:
        case errors.BudgetRefused():
            return max(1, ceil((error.refusal.retry_at - now).total_seconds()))
        case errors.BreakerOpen() | errors.LoopRefused() | errors.IdempotencyInProgress():
            return max(1, ceil((error.retry_at - now).total_seconds()))
        case errors.LedgerUnavailable() | errors.SpansUnavailable() | errors.SecretsUnavailable():
            return 1
        case errors.ConnectionBusy():
            return BUSY_SECONDS
        case _:
            return None


def _upstream_answer(error: errors.UpstreamRejected, *, path: str, request_id: str) -> Answer:
    """The provider's own status and body on `/v1`; on `/api` its message in our shape."""
    if path.startswith("/v1/"):
        return Answer(status=error.status, body=error.body, headers=dict(error.headers))
    envelope = error.body.get("error") if isinstance(error.body, dict) else None
    code = envelope.get("code") if isinstance(envelope, dict) else None
    body = {"error": {"code": "upstream_rejected", "reason": code, "message": str(error), "requestId": request_id}}
    return Answer(status=error.status, body=body, headers=dict(error.headers))
