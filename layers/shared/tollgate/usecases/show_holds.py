"""What a tenant holds now, and its admin's hand on a hold: every hold has a name, an age and an end."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from tollgate.domain.errors import HoldNotFound, LedgerUnavailable
from tollgate.domain.hold_id import HoldId
from tollgate.domain.money import NanoUsd
from tollgate.domain.page import Hold, HoldKind, Page
from tollgate.domain.posting import Posting, lapse_hold, void_hold
from tollgate.domain.span import Outcome
from tollgate.domain.tenant import TenantSettings
from tollgate.ports import Ledger, Posted, Unreachable
from tollgate.usecases.change_limits import months_around
from tollgate.usecases.sweep_holds import closing_span

ROUNDS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenHold:
    hold_id: HoldId
    hold: Hold


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosedHold:
    """`booked`: the whole amount of a call, whose money may be gone; nothing for a check."""

    hold_id: HoldId
    hold: Hold
    outcome: Outcome
    booked: NanoUsd
    page: Page


def holds_of(settings: TenantSettings, ledger: Ledger, *, now: datetime) -> Sequence[OpenHold]:
    """The oldest first, also those of a page whose month has just ended. Raises LedgerUnavailable."""
    pages = [ledger.read_page(settings.tenant_id, month) for month in months_around(settings, now)]
    found = [
        OpenHold(hold_id=HoldId(page.month, hold.day, hold.key), hold=hold)
        for page in pages
        if page is not None
        for hold in page.holds.values()
    ]
    return sorted(found, key=lambda entry: (entry.hold.opened_at, entry.hold.key))


def close_hold(tenant_id: str, hold_id: HoldId, ledger: Ledger, *, clock: Callable[[], datetime]) -> ClosedHold:
    """Voids a `check` hold, and closes a `call` at its full amount, also a live one: its holder settles late.

    Raises HoldNotFound, LedgerUnavailable.
    """
    for _ in range(ROUNDS):
        hold = _find(tenant_id, hold_id, ledger)
        posting = _closing(hold, clock())
        result = ledger.post(posting, None, tenant_id=tenant_id, month=hold_id.month)
        match result:
            case Posted(page=page):
                assert posting.span is not None
                return ClosedHold(
                    hold_id=hold_id,
                    hold=hold,
                    outcome=posting.span.outcome,
                    booked=posting.span.cost_nanousd,
                    page=page,
                )
            case Unreachable():
                break
    raise LedgerUnavailable("The ledger cannot be reached now; the hold may be closed already. Look again in a moment.")


def _find(tenant_id: str, hold_id: HoldId, ledger: Ledger) -> Hold:
    page = ledger.read_page(tenant_id, hold_id.month)
    hold = page.holds.get(hold_id.key) if page is not None else None
    if hold is None or hold.day != hold_id.day:
        raise HoldNotFound(f"There is no open hold {hold_id}: it was settled, or has expired.")
    return hold


def _closing(hold: Hold, at: datetime) -> Posting:
    if hold.kind is HoldKind.CALL:
        return lapse_hold(hold, span=closing_span(hold, at, "lapse", Outcome.LAPSED, hold.amount), at=at)
    # Buried: its agent does not know, and a record that comes later counts as one without a hold.
    return void_hold(hold, span=closing_span(hold, at, "void", Outcome.VOIDED, NanoUsd(0)), at=at, bury=True)
