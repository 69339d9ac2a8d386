"""A span in OpenTelemetry's words: GenAI's semantic conventions where they have a name, `tollgate.*` where they have none (money).

Names: open-telemetry/semantic-conventions-genai, docs/registry/attributes/gen-ai.md. The form is OTLP's JSON: ids in
hexadecimal, whole numbers of 64 bits as strings, enumerations as numbers. It is made by hand, because it is these few lines; the
exporter's libraries bring protobuf and a queue with a thread, which a frozen function would lose spans in.
"""

from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Any

from tollgate.domain.money import to_usd
from tollgate.domain.place import PlacedSpan
from tollgate.domain.placed_call import began_and_ended, hold_of, is_call, operation_of
from tollgate.domain.span import Outcome

KIND_INTERNAL, KIND_CLIENT = 1, 3
STATUS_ERROR = 2
FAULTS = frozenset({Outcome.REJECTED, Outcome.FAILED, Outcome.UNKNOWN, Outcome.LAPSED})

# Attribute -> its value; one that is None is left out. Cached and written tokens are inside the input, as the conventions have it.
CALL_ATTRIBUTES: Mapping[str, Callable[[PlacedSpan], Any]] = {
    "gen_ai.operation.name": operation_of,
    "gen_ai.provider.name": lambda _: "openai",
    # What the agent asked for, and what served it: they differ after a downgrade.
    "gen_ai.request.model": lambda placed: placed.span.requested_model or placed.span.model,
    "gen_ai.response.model": lambda placed: placed.span.model,
    "gen_ai.usage.input_tokens": lambda placed: placed.input_tokens,
    "gen_ai.usage.output_tokens": lambda placed: placed.span.output,
    "gen_ai.usage.cache_read.input_tokens": lambda placed: placed.span.cached,
    "gen_ai.usage.cache_creation.input_tokens": lambda placed: placed.span.written,
    "gen_ai.usage.reasoning.output_tokens": lambda placed: placed.span.reasoning,
    "openai.response.service_tier": lambda placed: placed.span.service_tier,
}
ATTRIBUTES: Mapping[str, Callable[[PlacedSpan], Any]] = {
    "error.type": lambda placed: placed.span.error_code or (placed.span.outcome.value if is_fault(placed) else None),
    # By how much the books moved, exactly; the dollars are for charts.
    "tollgate.cost_nanousd": lambda placed: placed.span.cost_nanousd,
    "tollgate.cost_usd": lambda placed: float(to_usd(placed.span.cost_nanousd)),
    "tollgate.held_nanousd": lambda placed: placed.span.held_nanousd,
    "tollgate.saved_nanousd": lambda placed: placed.span.saved_nanousd,
    "tollgate.would_have": lambda placed: placed.span.would_have,
    "tollgate.reason": lambda placed: placed.span.reason,
    "tollgate.tenant": lambda placed: placed.place.tenant_id,
    "tollgate.outcome": lambda placed: placed.span.outcome.value,
    "tollgate.posting": lambda placed: placed.span.posting,
    "tollgate.hold": hold_of,
    "tollgate.epoch": lambda placed: placed.place.epoch,
    "tollgate.seq": lambda placed: placed.place.seq,
    "tollgate.downgrade_reason": lambda placed: placed.span.downgrade_reason,
    "tollgate.agent": lambda placed: placed.span.agent,
    "tollgate.run_id": lambda placed: placed.span.run_id,
    "tollgate.job_id": lambda placed: placed.span.job_id,
    "tollgate.booking_id": lambda placed: placed.span.booking_id,
    "tollgate.call_id": lambda placed: placed.span.call_id,
    "tollgate.request_id": lambda placed: placed.span.request_id,
    "tollgate.upstream_id": lambda placed: placed.span.upstream_id,
    "tollgate.opened_at": lambda placed: placed.span.opened_at and placed.span.opened_at.isoformat(),
    "tollgate.upstream_ms": lambda placed: placed.span.upstream_ms,
}


def otlp_span(placed: PlacedSpan) -> dict[str, Any]:
    """The same for each telling: the ids are drawn from the hold and from the place in the books."""
    span, about_call = placed.span, is_call(placed)
    began, ended = began_and_ended(placed)
    table = {**(CALL_ATTRIBUTES if about_call else {}), **ATTRIBUTES}
    values = {name: read(placed) for name, read in table.items()}
    return {
        "traceId": trace_id(placed),
        "spanId": span_id(placed),
        "name": f"{operation_of(placed)} {span.model}" if about_call else f"tollgate {span.posting}",
        "kind": KIND_CLIENT if about_call else KIND_INTERNAL,
        "startTimeUnixNano": str(began),
        "endTimeUnixNano": str(ended),
        "attributes": [{"key": name, "value": _any(value)} for name, value in values.items() if value is not None],
        "status": {"code": STATUS_ERROR} if is_fault(placed) else {},
    }


def trace_id(placed: PlacedSpan) -> str:
    """One trace for a hold: a call that lapsed and was settled late is two spans of it."""
    return _digest(placed.place.tenant_id, hold_of(placed))[:32]


def span_id(placed: PlacedSpan) -> str:
    place = placed.place
    return _digest(place.tenant_id, place.month, str(place.epoch), str(place.seq))[:16]


def is_fault(placed: PlacedSpan) -> bool:
    return placed.span.outcome in FAULTS


def _digest(*words: str) -> str:
    """Never all zeros, which OpenTelemetry takes for no id (nobody will see that happen)."""
    return sha256("\0".join(words).encode()).hexdigest()


def _any(value: Any) -> dict[str, Any]:
    match value:
        case int():
            return {"intValue": str(value)}
        case float():
            return {"doubleValue": value}
        case _:
            return {"stringValue": str(value)}
