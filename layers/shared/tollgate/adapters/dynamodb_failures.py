"""What DynamoDB's errors mean for a write, whoever sent it; and how long its answers are waited for."""

from collections.abc import Callable
from enum import StrEnum
from typing import Any

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    NoCredentialsError,
    NoRegionError,
    ParamValidationError,
)

CONNECT_TIMEOUT_S, READ_TIMEOUT_S = 1, 2


class Failure(StrEnum):
    """How a try failed. Only `UNANSWERED` leaves open whether it was carried out."""

    REFUSED = "refused"
    CONFLICT = "conflict"
    THROTTLED = "throttled"
    NOT_SENT = "not_sent"
    UNANSWERED = "unanswered"
    BROKEN = "broken"


# Our own mistakes, found before anything is sent: to try again would only hide them.
OURS = (NoCredentialsError, NoRegionError, ParamValidationError)
MEANINGS = {
    "ConditionalCheckFailedException": Failure.REFUSED,
    "TransactionConflictException": Failure.CONFLICT,
    "TransactionInProgressException": Failure.CONFLICT,
    "ThrottlingException": Failure.THROTTLED,
    "Throttling": Failure.THROTTLED,
    "ProvisionedThroughputExceededException": Failure.THROTTLED,
    "RequestLimitExceeded": Failure.THROTTLED,
}


def failure_of(error: ClientError | BotoCoreError) -> Failure:
    if isinstance(error, (EndpointConnectionError, ConnectTimeoutError)):
        return Failure.NOT_SENT
    if not isinstance(error, ClientError):
        return Failure.BROKEN if isinstance(error, OURS) else Failure.UNANSWERED
    code = error.response.get("Error", {}).get("Code", "")
    if code == "TransactionCanceledException":
        return _cancelled(error)
    if code in MEANINGS:
        return MEANINGS[code]
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 500)
    return Failure.UNANSWERED if status >= 500 else Failure.BROKEN


def _cancelled(error: ClientError) -> Failure:
    """Why a transaction was cancelled: a refused condition says most, since the others may only be its company."""
    codes = {reason.get("Code") for reason in reasons_of(error)}
    if "ConditionalCheckFailed" in codes:
        return Failure.REFUSED
    if "TransactionConflict" in codes:
        return Failure.CONFLICT
    if codes & {"ThrottlingError", "ProvisionedThroughputExceeded"}:
        return Failure.THROTTLED
    return Failure.BROKEN


def reasons_of(error: ClientError) -> list[dict[str, Any]]:
    """One reason for each write of a cancelled transaction, in order."""
    response: Any = error.response
    reasons: list[dict[str, Any]] = response.get("CancellationReasons", [])
    return reasons


def all_items(ask: Callable[..., Any], **request: Any) -> list[dict[str, Any]]:
    """Of a query or a scan, page by page."""
    found: list[dict[str, Any]] = []
    start: dict[str, Any] = {}
    while True:
        answer = ask(**request, **start)
        found += answer["Items"]
        if "LastEvaluatedKey" not in answer:
            return found
        start = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}
