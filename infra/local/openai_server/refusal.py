"""The faults that are ordinary errors of the API, as it words them."""

from __future__ import annotations

from dataclasses import replace

from infra.local.openai_server.api_error import ApiError, bad_request, model_not_found, server_error
from infra.local.openai_server.fault import Fault, FaultKind

QUOTA = "insufficient_quota"
RATE_LIMIT = ApiError(
    status=429,
    message="Rate limit reached for requests in organization org-local. Please try again later.",
    type="requests",
    code="rate_limit_exceeded",
)
REFUSALS = {
    FaultKind.ERROR_500: server_error(),
    FaultKind.ERROR_503: ApiError(
        status=503,
        message="The server is overloaded or not ready yet.",
        type="server_error",
        code="server_is_overloaded",
    ),
    FaultKind.RATE_LIMIT: RATE_LIMIT,
    FaultKind.RATE_LIMIT_RETRY_AFTER: RATE_LIMIT,
    FaultKind.INSUFFICIENT_QUOTA: ApiError(
        status=429,
        message="You exceeded your current quota, please check your plan and billing details.",
        type=QUOTA,
        code=QUOTA,
    ),
    FaultKind.BAD_REQUEST: bad_request("Invalid request, as the test asked for.", param="messages"),
}


def refusal_of(fault: Fault, model: str) -> ApiError | None:
    if fault.kind is FaultKind.MODEL_NOT_FOUND:
        return model_not_found(model)
    refusal = REFUSALS.get(fault.kind)
    if refusal is None:
        return None
    # Each is raised for itself: an exception carries its own traceback.
    return replace(refusal, code=fault.code or refusal.code, headers=wait_headers(fault))


def wait_headers(fault: Fault) -> dict[str, str]:
    if fault.kind is not FaultKind.RATE_LIMIT_RETRY_AFTER:
        return {}
    milliseconds = round(fault.retry_after_s * 1_000)
    return {"retry-after": str(max(1, round(fault.retry_after_s))), "retry-after-ms": str(milliseconds)}
