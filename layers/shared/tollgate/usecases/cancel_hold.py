"""Takes back a hold whose call is never made, where some try of it had no answer (LEDGER.md, "Cancel")."""

from collections.abc import Callable
from datetime import datetime

from tollgate.domain.errors import LedgerUnavailable
from tollgate.domain.money import ZERO, NanoUsd
from tollgate.domain.page import Hold, Page
from tollgate.domain.posting import Posting, bar_key, cancel_hold, settle_late
from tollgate.domain.span import Outcome, Span
from tollgate.domain.tenant import TenantSettings
from tollgate.ports import Ledger, Posted, Refused, Unreachable

ROUNDS = 20


def cancel(
    hold: Hold, month: str, settings: TenantSettings, ledger: Ledger, *, clock: Callable[[], datetime], until: datetime
) -> bool:
    """Bars the key, or gives back what landed. False where the ledger could not be reached until `until`: then the hold, if it landed,
    lapses, and reconciliation corrects it."""
    posting: Posting | None = bar_key(hold.key, day=hold.day, at=clock())
    can_open = True
    for _ in range(ROUNDS):
        if posting is None:
            return True
        result = ledger.post(posting, None, tenant_id=settings.tenant_id, month=month, until=until)
        match result:
            case Posted():
                return True
            case Unreachable():
                return False
            case Refused(page=None):
                if not can_open:
                    # The settings have moved: no page of their version can come any more, and no try names a newer one.
                    return True
                try:
                    can_open = ledger.open_page(settings, month)
                except LedgerUnavailable:
                    return False
            case Refused(page=Page() as page):
                posting = _next(page, hold, clock())
    return False


def _next(page: Page, hold: Hold, at: datetime) -> Posting | None:
    """The write that fits what the page shows; None where nothing is left to take back."""
    there, closed = page.holds.get(hold.key), page.closed.get(hold.key)
    if there is not None:
        return cancel_hold(there, span=_span(there, at, posting="cancel", cost=0), at=at)
    if closed is None:
        return bar_key(hold.key, day=hold.day, at=at)
    if closed.booked == ZERO:
        return None
    return settle_late(
        hold.key, closed, cost=ZERO, tokens=0, span=_span(hold, at, posting="late", cost=-closed.booked), at=at
    )


def _span(hold: Hold, at: datetime, *, posting: str, cost: int) -> Span:
    return Span(
        posting=posting,
        hold=hold.key,
        at=at,
        day=hold.day,
        outcome=Outcome.CANCELLED,
        cost_nanousd=NanoUsd(cost),
        held_nanousd=hold.amount,
        model=hold.model,
        agent=hold.agent,
    )
