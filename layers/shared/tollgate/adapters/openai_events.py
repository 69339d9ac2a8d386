"""What the events of a stream say of its cost: Chat's chunks, which carry it themselves, and the events of Responses, whose last has it in
its response."""

from collections.abc import Mapping, Sequence
from typing import Any


def usage_chunk(chunks: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """The last that has a usage, as one with `usage`, `service_tier` and `id`."""
    return next((facts for facts in map(_facts, reversed(chunks)) if facts.get("usage")), None)


def tier_of(chunks: Sequence[Mapping[str, Any]]) -> str:
    return next(
        (facts["service_tier"] for facts in map(_facts, reversed(chunks)) if facts.get("service_tier")), "default"
    )


def _facts(chunk: Mapping[str, Any]) -> Mapping[str, Any]:
    inner = chunk.get("response")
    return inner if isinstance(inner, dict) else chunk
