"""What goes wrong on demand, for which requests and how often."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from random import Random
from typing import Any

from infra.local.openai_server.fields import Json


class FaultKind(StrEnum):
    # Answered at once, and not billed.
    ERROR_500 = "error_500"
    ERROR_503 = "error_503"
    RATE_LIMIT = "rate_limit"
    RATE_LIMIT_RETRY_AFTER = "rate_limit_retry_after"
    INSUFFICIENT_QUOTA = "insufficient_quota"
    BAD_REQUEST = "bad_request"
    MODEL_NOT_FOUND = "model_not_found"
    HTML_502 = "html_502"
    RESET_BEFORE_WORK = "reset_before_work"
    # Billed: the work was done.
    SLOW = "slow"
    HANG = "hang"
    RESET_BEFORE_HEADERS = "reset_before_headers"
    RESET_AFTER_HEADERS = "reset_after_headers"
    TRUNCATED_BODY = "truncated_body"
    WRONG_JSON = "wrong_json"
    # Billed, streams only; other requests pass them by.
    STREAM_CUT_BEFORE_USAGE = "stream_cut_before_usage"
    STREAM_USAGE_MISSING = "stream_usage_missing"
    STREAM_ERROR_EVENT = "stream_error_event"

    @property
    def is_for_streams(self) -> bool:
        return self.startswith("stream_")


ORGANIZATION = "/v1/organization/"


class FaultInvalid(Exception):
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    kind: FaultKind
    probability: float = 1.0
    model: str | None = None
    contains: str | None = None
    endpoint: str | None = None
    delay_s: float | None = None
    retry_after_s: float = 20.0
    code: str | None = None

    def concerns(self, *, models: tuple[str, ...], endpoint: str, body: bytes, stream: bool) -> bool:
        # Nobody who breaks calls means the figures that are fetched beside them.
        is_meant = self.endpoint is not None or not endpoint.startswith(ORGANIZATION)
        return (
            is_meant
            and (stream or not self.kind.is_for_streams)
            and (self.model is None or self.model in models)
            and (self.endpoint is None or endpoint.endswith(self.endpoint))
            and (self.contains is None or self.contains.encode() in body)
        )


@dataclass(slots=True, kw_only=True)
class Order:
    """A fault, and how often it is still to happen."""

    id: int
    fault: Fault
    asked: Json
    left: int | None
    hits: int = 0

    def as_json(self) -> Json:
        return {**self.asked, "id": self.id, "left": self.left, "hits": self.hits}


class Faults:
    def __init__(self) -> None:
        self._orders: list[Order] = []
        self._random = Random(0)  # noqa: S311
        self._made = 0

    def __iter__(self) -> Iterator[Order]:
        return iter(self._orders)

    def add(self, asked: Json) -> Order:
        """Raises FaultInvalid."""
        times = asked.get("times")
        if times is not None and (not isinstance(times, int) or times < 1):
            raise FaultInvalid("times is a whole number from 1 on, or null for always")
        fault = parse_fault(asked)
        self._made += 1
        order = Order(id=self._made, fault=fault, asked=asked, left=times)
        self._orders.append(order)
        return order

    def clear(self) -> None:
        self._orders.clear()

    def take(self, *, models: tuple[str, ...], endpoint: str, body: bytes, stream: bool) -> Fault | None:
        """The first one that concerns the request; it has happened then."""
        for order in self._orders:
            if order.left == 0 or not order.fault.concerns(models=models, endpoint=endpoint, body=body, stream=stream):
                continue
            if order.fault.probability < 1 and self._random.random() >= order.fault.probability:
                continue
            order.hits += 1
            if order.left is not None:
                order.left -= 1
            return order.fault
        return None


def parse_fault(asked: Json) -> Fault:
    known = {"kind", "times", "probability", "match", "delaySeconds", "retryAfterSeconds", "code"}
    match_on: Any = asked.get("match") or {}
    unknown = asked.keys() - known | match_on.keys() - {"model", "contains", "endpoint"}
    if unknown:
        raise FaultInvalid(f"unknown: {', '.join(sorted(unknown))}")
    try:
        kind = FaultKind(str(asked.get("kind")))
    except ValueError as error:
        raise FaultInvalid(f"kind is one of: {', '.join(FaultKind)}") from error
    values = {
        "probability": asked.get("probability"),
        "delay_s": asked.get("delaySeconds"),
        "retry_after_s": asked.get("retryAfterSeconds"),
    }
    if not all(value is None or (isinstance(value, int | float) and value >= 0) for value in values.values()):
        raise FaultInvalid("probability, delaySeconds and retryAfterSeconds are numbers from 0 on")
    return Fault(
        kind=kind,
        model=match_on.get("model"),
        contains=match_on.get("contains"),
        endpoint=match_on.get("endpoint"),
        code=asked.get("code"),
        **{name: value for name, value in values.items() if value is not None},
    )
