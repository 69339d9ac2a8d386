"""Closes what nobody closed: `check` holds expire, `call` holds lapse in full (LEDGER.md, "When a hold expires")."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from tollgate.domain.errors import LedgerUnavailable
from tollgate.domain.money import NanoUsd
from tollgate.domain.page import Hold, HoldKind, Page, imbalances
from tollgate.domain.posting import Posting, expire_hold, lapse_hold
from tollgate.domain.span import Outcome, Span
from tollgate.domain.tenant import TenantSettings
from tollgate.domain.window import window_at
from tollgate.ports import Accounts, Ledger, Posted

# Clocks of gates differ: a hold is given up only when it is past its time by this.
GRACE = timedelta(seconds=60)
DAYS_KEPT = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Swept:
    """`unbalanced`: (tenant, window) -> nano-dollars by which used is not spent + held; anything in it is an alarm."""

    pages: int
    lapsed: int
    expired: int
    skipped: int
    unbalanced: dict[str, int]


def sweep_holds(ledger: Ledger, accounts: Accounts, *, clock: Callable[[], datetime]) -> Swept:
    """Safe to run twice at once: each giving-up is conditional, and one wins. Raises LedgerUnavailable."""
    lapsed = expired = skipped = 0
    unbalanced: dict[str, int] = {}
    due = ledger.due_pages(clock() - GRACE)
    for tenant_id, month in due:
        try:
            page, closed = _sweep_page(tenant_id, month, ledger, accounts, clock)
        except LedgerUnavailable:
            skipped += 1
            continue
        lapsed += sum(hold.kind is HoldKind.CALL for hold in closed)
        expired += sum(hold.kind is HoldKind.CHECK for hold in closed)
        unbalanced |= {f"{tenant_id} {window}": amount for window, amount in imbalances(page).items()}
    return Swept(pages=len(due), lapsed=lapsed, expired=expired, skipped=skipped, unbalanced=unbalanced)


def _sweep_page(
    tenant_id: str, month: str, ledger: Ledger, accounts: Accounts, clock: Callable[[], datetime]
) -> tuple[Page, list[Hold]]:
    page = ledger.read_page(tenant_id, month)
    if page is None:
        raise LedgerUnavailable(f"the page {month} of {tenant_id} went away under the sweep")
    closed: list[Hold] = []
    for hold in page.holds.values():
        if hold.expires_at <= (clock() - GRACE).timestamp():
            result = ledger.post(_closing(hold, clock()), None, tenant_id=tenant_id, month=month)
            if isinstance(result, Posted):
                page = result.page
                closed.append(hold)
    _tidy(page, ledger, accounts, clock())
    return page, closed


def _closing(hold: Hold, at: datetime) -> Posting:
    if hold.kind is HoldKind.CALL:
        return lapse_hold(hold, span=closing_span(hold, at, "lapse", Outcome.LAPSED, hold.amount), at=at)
    return expire_hold(hold, span=closing_span(hold, at, "expire", Outcome.EXPIRED, NanoUsd(0)), at=at)


def closing_span(hold: Hold, at: datetime, posting: str, outcome: Outcome, cost: NanoUsd) -> Span:
    """What is known of a hold that somebody other than its holder closes."""
    return Span(
        posting=posting,
        hold=hold.key,
        at=at,
        opened_at=datetime.fromtimestamp(hold.opened_at, UTC),
        day=hold.day,
        outcome=outcome,
        cost_nanousd=cost,
        held_nanousd=hold.amount,
        model=hold.model,
        requested_model=hold.model,
        agent=hold.agent,
    )


def _tidy(page: Page, ledger: Ledger, accounts: Accounts, now: datetime) -> None:
    """Forgets what is past its time, drops old days, and sets when the page is due again."""
    past = now.timestamp() - GRACE.total_seconds()
    keys = sorted(key for key, closed in page.closed.items() if closed.until <= past)
    left = [hold.expires_at for hold in page.holds.values()] + [
        closed.until for key, closed in page.closed.items() if key not in keys
    ]
    minutes = sorted(minute for minute in page.minutes if minute < int(now.timestamp()) // 60 - 1)
    if page.due is not None:
        ledger.set_due(page, keys=keys, minutes=minutes, due=min(left, default=None))
    settings = accounts.read(page.tenant_id)
    days = old_days(page, settings, now) if settings else []
    if days:
        ledger.drop_days(page, days)


def old_days(page: Page, settings: TenantSettings, now: datetime) -> list[str]:
    """The days whose numbers may go: two days past their end, and named by nothing that is held or closed."""
    today = date.fromisoformat(window_at(now, settings.zones).date)
    named = {hold.day for hold in page.holds.values()} | {closed.day for closed in page.closed.values()}
    ended = [day for day in page.days if date.fromisoformat(f"{page.month}-{day}") < today - timedelta(days=DAYS_KEPT)]
    return sorted(set(ended) - named)
