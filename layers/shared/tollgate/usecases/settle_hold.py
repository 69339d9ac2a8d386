"""Settles a hold: one write where nothing is in the way, tried until the function's time ends (LEDGER.md, "Settling")."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from tollgate.domain.money import NanoUsd
from tollgate.domain.outcome import Settlement
from tollgate.domain.page import Hold, Page
from tollgate.domain.posting import Posting, settle_hold, settle_late
from tollgate.domain.span import Span
from tollgate.ports import Ledger, Posted, Refused, Unreachable

ROUNDS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a hold stands, and what is known of how it got there."""

    tenant_id: str
    month: str
    hold: Hold
    seen: Page | None = None
    unanswered: bool = False


def settle(
    place: Place, settlement: Settlement, span: Span, ledger: Ledger, *, clock: Callable[[], datetime], until: datetime
) -> Page | None:
    """The page with the settlement in it; None where the ledger could not be reached until `until`: then the hold lapses in full.

    `span` is of the settlement as asked; where somebody else closed the hold meanwhile, the difference is booked, with a span of it.
    """
    posting = _first(place, settlement, span, clock())
    for _ in range(ROUNDS):
        result = ledger.post(posting, None, tenant_id=place.tenant_id, month=place.month, until=until)
        match result:
            case Posted(page=page):
                return page
            case Unreachable() | Refused(page=None):
                return None
            case Refused(page=Page() as refusing):
                following = _next(refusing, place, settlement, span, clock())
                if following is None:
                    return refusing
                posting = following
    return None


def _first(place: Place, settlement: Settlement, span: Span, at: datetime) -> Posting:
    return settle_hold(
        place.hold,
        cost=settlement.cost,
        tokens=settlement.tokens,
        span=span,
        at=at,
        seen=place.seen,
        bury=place.unanswered,
    )


def _next(page: Page, place: Place, settlement: Settlement, span: Span, at: datetime) -> Posting | None:
    """Which of three it was: another amount or day, closed by somebody else, or an earlier try of this very write."""
    there, closed = page.holds.get(place.hold.key), page.closed.get(place.hold.key)
    if there is not None:
        return _first(
            replace(place, hold=there), settlement, replace(span, held_nanousd=there.amount, day=there.day), at
        )
    if closed is None or closed.booked == settlement.cost:
        return None
    change = NanoUsd(settlement.cost - closed.booked)
    late = replace(span, posting="late", cost_nanousd=change, day=closed.day)
    return settle_late(place.hold.key, closed, cost=settlement.cost, tokens=settlement.tokens, span=late, at=at)
