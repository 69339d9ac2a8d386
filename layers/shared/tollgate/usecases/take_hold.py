"""Holds money for one call: one write where nothing is in the way (LEDGER.md, "Holding")."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from tollgate.domain.downgrade import Menu, Offer, least_amount
from tollgate.domain.errors import BudgetRefused, LedgerUnavailable, TenantNotFound, TollgateError
from tollgate.domain.hold_id import HoldId
from tollgate.domain.looking import look, would_have
from tollgate.domain.page import Hold, HoldKind, Page
from tollgate.domain.posting import Fault, Posting, open_hold, refusal_of
from tollgate.domain.refusing import refusal_from
from tollgate.domain.span import Attribution
from tollgate.domain.tenant import TenantSettings
from tollgate.domain.window import Window
from tollgate.ports import Accounts, Ledger, Posted, Unreachable
from tollgate.usecases.cancel_hold import cancel
from tollgate.usecases.remember_refusals import RefusalMemory

# As asked, counted, cheaper, counted again, a page to open, two changes of settings, a tidying: more is a fault of ours.
ROUNDS = 12
STALE_READS = 2
FORGET_AT_ONCE = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is drawn once for a call: every later try goes to the same page and day under the same key."""

    tenant_id: str
    key: str
    kind: HoldKind
    window: Window
    expires_at: datetime
    attribution: Attribution


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """The hold as it stands on `page`. `unanswered`: some try had no answer, so its settlement bars the key; `would_have`: what enforcing
    would have done, where the tenant is only observed."""

    hold: Hold
    hold_id: HoldId
    offer: Offer
    page: Page
    settings: TenantSettings
    unanswered: bool
    would_have: str | None = None


@dataclass(slots=True)
class _Holding:
    """One call's way to its hold."""

    wanted: Wanted
    menu: Menu
    settings: TenantSettings
    ledger: Ledger
    accounts: Accounts
    clock: Callable[[], datetime]
    until: datetime
    offer: Offer = field(init=False)
    opened_at: datetime = field(init=False)
    unanswered: bool = False
    stale_reads: int = 0
    forgot: bool = False

    def __post_init__(self) -> None:
        self.offer, self.opened_at = self.menu.asked, self.clock()

    def run(self) -> Taken:
        try:
            return self._rounds()
        except TollgateError:
            if self.unanswered:
                self._cancel()
            raise

    def _rounds(self) -> Taken:
        for _ in range(ROUNDS):
            taken = self._try()
            if taken is not None:
                return taken
        raise LedgerUnavailable("The ledger did not come to a decision; nothing is spent. Try again.")

    def _try(self) -> Taken | None:
        posting = open_hold(self._hold(), at=self.clock(), under_soft_cap=self.offer.under_soft_cap)
        result = self.ledger.post(
            posting, self.settings, tenant_id=self.wanted.tenant_id, month=self.wanted.window.month
        )
        self.unanswered = self.unanswered or result.unanswered
        match result:
            case Posted(page=page):
                return self._taken(self._hold(), page)
            case Unreachable():
                raise LedgerUnavailable("The ledger cannot be reached now, so nothing is spent. Try again in a moment.")
            case _:
                return self._after_refusal(result.page, posting)

    def _after_refusal(self, page: Page | None, posting: Posting) -> Taken | None:
        fault = refusal_of(page, self.settings, posting)
        match fault:
            case None | Fault.NO_PAGE:
                self._open_page()
            case Fault.HOLD_THERE:
                return self._earlier_try(page)
            case Fault.KEY_CLOSED:
                self.unanswered = True
                raise LedgerUnavailable("This hold was closed before its call was made; nothing is spent. Try again.")
            case Fault.VERSION:
                self._read_settings()
            case Fault.CLOSED_FULL if not self.forgot:
                self._forget_closed(page)
            case _:
                self._ask_for_less(page, posting.at)
        return None

    def _ask_for_less(self, page: Page | None, at: datetime) -> None:
        """Goes on to what this page would take: a refused write is billed, so none is sent that it shows to be in vain."""
        assert page is not None
        outlook = look(page, self.menu, self._hold_of, self.settings, at=at, first=self.offer)
        if outlook.fault is not None:
            raise BudgetRefused(refusal_from(page, self.settings, outlook.posting, outlook.fault))
        self.offer = outlook.offer

    def _earlier_try(self, page: Page | None) -> Taken:
        """An earlier try got through: what stands there *is* the hold, if it covers what is asked now."""
        assert page is not None
        hold = page.holds[self.wanted.key]
        if hold.amount < self.offer.amount:
            self.unanswered = True
            raise LedgerUnavailable("An earlier try of this hold does not cover the call; nothing is spent. Try again.")
        return self._taken(hold, page)

    def _open_page(self) -> None:
        if not self.ledger.open_page(self.settings, self.wanted.window.month):
            self._read_settings()

    def _read_settings(self) -> None:
        if self.stale_reads == STALE_READS:
            raise LedgerUnavailable("This tenant's settings are changing; nothing is spent. Try again in a moment.")
        self.stale_reads += 1
        settings = self.accounts.read(self.wanted.tenant_id)
        if settings is None:
            raise TenantNotFound(self.wanted.tenant_id)
        self.settings = settings

    def _forget_closed(self, page: Page | None) -> None:
        self.forgot = True
        assert page is not None
        now = self.clock().timestamp()
        old = sorted((entry.until, key) for key, entry in page.closed.items() if entry.until < now)[:FORGET_AT_ONCE]
        if old:
            self.ledger.forget_closed(page.tenant_id, page.month, {key: until for until, key in old})

    def _hold(self) -> Hold:
        return self._hold_of(self.offer)

    def _hold_of(self, offer: Offer) -> Hold:
        agent = self.wanted.attribution.agent
        return Hold(
            key=self.wanted.key,
            kind=self.wanted.kind,
            amount=offer.amount,
            tokens=offer.bound.tokens,
            day=self.wanted.window.day,
            opened_at=int(self.opened_at.timestamp()),
            expires_at=int(self.wanted.expires_at.timestamp()),
            model=offer.price.model,
            agent=agent,
            counted=agent in self.settings.agents,
        )

    def _taken(self, hold: Hold, page: Page) -> Taken:
        hold_id = HoldId(page.month, hold.day, hold.key)
        return Taken(
            hold=hold,
            hold_id=hold_id,
            offer=self.offer,
            page=page,
            settings=self.settings,
            unanswered=self.unanswered,
            would_have=would_have(page, hold, self.menu, self.settings, at=self.clock()),
        )

    def _cancel(self) -> None:
        cancel(self._hold(), self.wanted.window.month, self.settings, self.ledger, clock=self.clock, until=self.until)


def take_hold(
    wanted: Wanted,
    menu: Menu,
    settings: TenantSettings,
    *,
    ledger: Ledger,
    accounts: Accounts,
    clock: Callable[[], datetime],
    until: datetime,
    memory: RefusalMemory | None = None,
) -> Taken:
    """Raises BudgetRefused with the page's word, or with what `memory` has of it; LedgerUnavailable, TenantNotFound.

    What may have landed is cancelled before it raises.
    """
    if memory is not None:
        _recall(memory, wanted, menu, settings, clock())
    holding = _Holding(
        wanted=wanted, menu=menu, settings=settings, ledger=ledger, accounts=accounts, clock=clock, until=until
    )
    try:
        return holding.run()
    except BudgetRefused as error:
        if memory is None:
            raise
        told = memory.learn(error.refusal, wanted.window, version=holding.settings.version, now=clock())
        raise BudgetRefused(told) from error


def _recall(memory: RefusalMemory, wanted: Wanted, menu: Menu, settings: TenantSettings, now: datetime) -> None:
    refusal = memory.recall(
        wanted.tenant_id,
        wanted.window,
        wanted.attribution.agent,
        least=lambda: least_amount(menu),
        version=settings.version,
        now=now,
    )
    if refusal is not None:
        raise BudgetRefused(refusal)
