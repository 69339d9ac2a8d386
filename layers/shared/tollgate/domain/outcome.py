"""How the upstream call came out, and what that settles the hold at (LEDGER.md, the table of outcomes)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tollgate.domain.money import ZERO, NanoUsd
from tollgate.domain.page import Hold
from tollgate.domain.price import Price, cost_of
from tollgate.domain.span import Outcome
from tollgate.domain.usage import NO_USAGE, Usage


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """A 2xx with usage. `body` is the provider's JSON as it came; `tier` the one that it says it used."""

    body: Mapping[str, Any]
    usage: Usage
    tier: str
    upstream_id: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Declined:
    """The provider's own 4xx, 429 or 5xx, in its envelope: nothing was billed."""

    status: int
    body: Any
    message: str
    code: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class NotSent:
    """The request never left: DNS, connect, TLS; or `ours`: no time was left to send it, or no key to send it with."""

    message: str
    ours: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Unclear:
    """Sent, and no readable answer came: it may have been billed.

    `signed`: whether what came had the provider's request id, None where nothing came; `of_proxy`: it was a proxy of ours that spoke, so
    it says nothing of the provider.
    """

    message: str
    code: str
    signed: bool | None = None
    of_proxy: bool = False


UpstreamResult = Answered | Declined | NotSent | Unclear


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    """What goes into the books for a hold."""

    cost: NanoUsd
    tokens: int
    outcome: Outcome
    usage: Usage = NO_USAGE
    tier: str | None = None
    error_code: str | None = None


def settlement_of(result: UpstreamResult, hold: Hold, price: Price) -> Settlement:
    """Where nothing is known of the bill, the full hold: money that may be gone is booked as gone."""
    match result:
        case Answered(usage=usage, tier=tier):
            return Settlement(
                cost=cost_of(usage, price, tier=tier), tokens=usage.total, outcome=Outcome.OK, usage=usage, tier=tier
            )
        case Declined(status=status, code=code):
            outcome = Outcome.REJECTED if status < 500 and status != 429 else Outcome.FAILED
            return Settlement(cost=ZERO, tokens=0, outcome=outcome, error_code=code or str(status))
        case NotSent():
            return Settlement(cost=ZERO, tokens=0, outcome=Outcome.REJECTED, error_code="not_sent")
        case Unclear(code=code):
            return Settlement(cost=hold.amount, tokens=hold.tokens, outcome=Outcome.UNKNOWN, error_code=code)
