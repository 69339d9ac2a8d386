"""One low-level DynamoDB client, and what its errors mean for a write."""

from enum import StrEnum
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    NoCredentialsError,
    NoRegionError,
    ParamValidationError,
)

# One attempt each: whether a try had an answer decides what a gate must do next, so the tries are ours to count (LEDGER.md, "Holding").
CONFIG = Config(
    connect_timeout=1, read_timeout=2, retries={"mode": "standard", "total_max_attempts": 1}, tcp_keepalive=True
)


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


def new_client() -> Any:
    return boto3.client("dynamodb", config=CONFIG)


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
