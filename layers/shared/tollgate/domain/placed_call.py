"""What a span in its place says of a call, for those who are told of calls."""

from datetime import datetime, timedelta

from tollgate.domain.place import PlacedSpan
from tollgate.domain.rollup import CALLS

EMBEDDINGS = "text-embedding"


def is_call(placed: PlacedSpan) -> bool:
    """A hold that was given back is no call of a model; money that was recorded without a model is none either."""
    return placed.span.outcome in CALLS and placed.span.model is not None


def operation_of(placed: PlacedSpan) -> str:
    """By the model, which serves one of the two only."""
    return "embeddings" if (placed.span.model or "").startswith(EMBEDDINGS) else "chat"


def hold_of(placed: PlacedSpan) -> str:
    """The hold's public id; of a record without a hold, its own id in the same form."""
    return f"{placed.place.month}.{placed.span.day}.{placed.span.hold}"


def began_and_ended(placed: PlacedSpan) -> tuple[int, int]:
    """In nanoseconds since 1970, whole: a float would lose the last hundreds of them."""
    at = placed.span.at
    ended = max(0, (at - datetime.fromtimestamp(0, at.tzinfo)) // timedelta(microseconds=1)) * 1000
    return max(0, ended - (placed.span.latency_ms or 0) * 1_000_000), ended
