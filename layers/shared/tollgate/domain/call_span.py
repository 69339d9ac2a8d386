"""The span of a governed call: what its settlement says of it."""

from dataclasses import dataclass
from datetime import datetime

from tollgate.domain.money import NanoUsd
from tollgate.domain.outcome import Settlement
from tollgate.domain.page import Hold
from tollgate.domain.price import Price, cost_of
from tollgate.domain.span import Attribution, Span, clipped

TIER_BYTES_MAX = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class CallFacts:
    """`requested` and `served`: the prices of the two models, which differ after a downgrade; the hold may be of the dearer one."""

    requested: Price
    served: Price
    attribution: Attribution
    request_id: str
    downgrade_reason: str | None = None
    upstream_id: str | None = None
    latency_ms: int | None = None
    upstream_ms: int | None = None
    would_have: str | None = None


def span_of(settlement: Settlement, hold: Hold, facts: CallFacts, at: datetime) -> Span:
    usage, labels = settlement.usage, facts.attribution
    return Span(
        posting="settle",
        hold=hold.key,
        at=at,
        day=hold.day,
        outcome=settlement.outcome,
        cost_nanousd=settlement.cost,
        held_nanousd=hold.amount,
        saved_nanousd=_saved(settlement, facts),
        model=facts.served.model,
        requested_model=facts.requested.model,
        downgrade_reason=facts.downgrade_reason,
        service_tier=clipped(settlement.tier, TIER_BYTES_MAX),
        uncached=usage.uncached + usage.audio_input,
        cached=usage.cached,
        written=usage.written + usage.written_12h,
        output=usage.completion,
        reasoning=usage.reasoning,
        latency_ms=facts.latency_ms,
        upstream_ms=facts.upstream_ms,
        agent=labels.agent,
        run_id=labels.run_id,
        job_id=labels.job_id,
        booking_id=labels.booking_id,
        call_id=labels.call_id,
        request_id=clipped(facts.request_id),
        upstream_id=clipped(facts.upstream_id),
        error_code=clipped(settlement.error_code),
        would_have=facts.would_have,
    )


def _saved(settlement: Settlement, facts: CallFacts) -> NanoUsd:
    """The same tokens at the requested model's price, less what they cost: an estimate, since another model writes another answer."""
    if facts.downgrade_reason is None or facts.requested.model == facts.served.model:
        return NanoUsd(0)
    return NanoUsd(max(0, cost_of(settlement.usage, facts.requested) - settlement.cost))
