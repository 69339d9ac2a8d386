"""Tells an agent that calls OpenAI itself whether its call fits, and keeps the money where it asks for that."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Literal

from tollgate.domain.downgrade import Menu, Offer
from tollgate.domain.errors import BudgetRefused
from tollgate.domain.looking import if_enforced, look
from tollgate.domain.money import NanoUsd
from tollgate.domain.page import Hold, HoldKind, Page
from tollgate.domain.price import Bound, cost_of
from tollgate.domain.refusal import Refusal
from tollgate.domain.refusing import refusal_from
from tollgate.domain.span import Attribution
from tollgate.domain.tenant import TenantSettings
from tollgate.domain.usage import Usage
from tollgate.domain.window import Window, window_at
from tollgate.ports import Accounts, Ledger
from tollgate.usecases.take_hold import Taken, Wanted, take_hold


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """`hold_for`: how long the money is kept; None asks only."""

    menu: Menu
    attribution: Attribution
    hold_for: timedelta | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """`offer`: what may be called; for a denial, what was asked. `page`: as it stands, None where nothing was booked this month yet.

    `would_have`: what enforcing would have done, where the tenant is only observed.
    """

    decision: Literal["allow", "downgrade", "deny"]
    offer: Offer
    counted: Bound
    page: Page | None
    settings: TenantSettings
    refusal: Refusal | None = None
    taken: Taken | None = None
    would_have: str | None = None

    @property
    def estimated_cost(self) -> NanoUsd:
        """The counted input at the plain rate, and all the output that is allowed."""
        bound = self.counted
        return cost_of(Usage(uncached=bound.input, output=bound.output * bound.choices), self.offer.price)


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckPorts:
    ledger: Ledger
    accounts: Accounts
    clock: Callable[[], datetime]
    new_key: Callable[[], str]


def check_cost(check: Check, settings: TenantSettings, ports: CheckPorts, *, deadline: datetime) -> Verdict:
    """A denial is an answer, not an error. Raises LedgerUnavailable."""
    now = ports.clock()
    window = window_at(now, settings.zones)
    if check.hold_for is None:
        page = ports.ledger.read_page(settings.tenant_id, window.month) or _empty(settings, window)
        if page.version != settings.version:
            settings = ports.accounts.read(settings.tenant_id) or settings
        return _look(check, settings, replace(page, version=settings.version), window, now)
    wanted = Wanted(
        tenant_id=settings.tenant_id,
        key=ports.new_key(),
        kind=HoldKind.CHECK,
        window=window,
        expires_at=now + check.hold_for,
        attribution=check.attribution,
    )
    try:
        taken = take_hold(
            wanted,
            check.menu,
            settings,
            ledger=ports.ledger,
            accounts=ports.accounts,
            clock=ports.clock,
            until=deadline,
        )
    except BudgetRefused as error:
        seen = ports.ledger.read_page(settings.tenant_id, window.month)
        return _verdict(check, check.menu.asked, seen, settings, refusal=error.refusal)
    verdict = _verdict(check, taken.offer, taken.page, taken.settings, taken=taken)
    return replace(verdict, would_have=taken.would_have)


def _look(check: Check, settings: TenantSettings, page: Page, window: Window, now: datetime) -> Verdict:
    hold_for = partial(_would_hold, check=check, settings=settings, window=window)
    outlook = look(page, check.menu, hold_for, settings, at=now)
    if outlook.fault is None:
        observed = if_enforced(page, check.menu, hold_for, settings, at=now)
        return replace(_verdict(check, outlook.offer, page, settings), would_have=observed)
    refusal = refusal_from(page, settings, outlook.posting, outlook.fault)
    return _verdict(check, check.menu.asked, page, settings, refusal=refusal)


def _would_hold(offer: Offer, *, check: Check, settings: TenantSettings, window: Window) -> Hold:
    agent = check.attribution.agent
    return Hold(
        key="-" * 12,
        kind=HoldKind.CHECK,
        amount=offer.amount,
        tokens=offer.bound.tokens,
        day=window.day,
        opened_at=0,
        expires_at=0,
        model=offer.price.model,
        agent=agent,
        counted=agent in settings.agents,
    )


def _empty(settings: TenantSettings, window: Window) -> Page:
    return Page(tenant_id=settings.tenant_id, month=window.month, version=settings.version)


def _verdict(
    check: Check,
    offer: Offer,
    page: Page | None,
    settings: TenantSettings,
    *,
    refusal: Refusal | None = None,
    taken: Taken | None = None,
) -> Verdict:
    decision: Literal["allow", "downgrade", "deny"] = (
        "deny" if refusal else "downgrade" if offer.downgrade_reason else "allow"
    )
    counted = offer.bound if offer.counted else check.menu.count(offer)
    return Verdict(
        decision=decision, offer=offer, counted=counted, page=page, settings=settings, refusal=refusal, taken=taken
    )
