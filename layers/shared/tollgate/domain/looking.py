"""What a page would say of a call that nothing is written for: for a check that holds nothing, and for a tenant who is observed."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from tollgate.domain.downgrade import Menu, Offer, next_offer
from tollgate.domain.page import AgentUse, Hold, Page, Use
from tollgate.domain.posting import Fault, Posting, left_for, open_hold, refusal_of
from tollgate.domain.refusing import REASONS
from tollgate.domain.tenant import Mode, TenantSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """`fault`: why the last way that was left, `posting`, is refused; None where `offer` is let in."""

    offer: Offer
    posting: Posting
    fault: Fault | None


def look(
    page: Page,
    menu: Menu,
    hold_for: Callable[[Offer], Hold],
    settings: TenantSettings,
    *,
    at: datetime,
    first: Offer | None = None,
) -> Outlook:
    """Walks the offers of a menu, from `first` on, to the first that this page takes, or to the last."""
    offer = first or menu.asked
    while True:
        posting = open_hold(hold_for(offer), at=at, under_soft_cap=offer.under_soft_cap)
        fault = refusal_of(page, settings, posting)
        if fault is None:
            return Outlook(offer=offer, posting=posting, fault=None)
        following = next_offer(menu, offer, fault, left_for(page, settings, posting))
        if following is None:
            return Outlook(offer=offer, posting=posting, fault=fault)
        offer = following


def would_have(page: Page, hold: Hold, menu: Menu, settings: TenantSettings, *, at: datetime) -> str | None:
    """What enforcing would have done to this call of an observed tenant: `refuse:<reason>`, `downgrade:<reason>`, or None.

    `page` is that of the hold's answer, with the hold in it; what calls before it spent that enforcing would have refused is in it too.
    """
    if settings.enforces:
        return None
    return if_enforced(
        _before(page, hold, minute=int(at.timestamp()) // 60),
        menu,
        lambda offer: replace(hold, amount=offer.amount, tokens=offer.bound.tokens, model=offer.price.model),
        settings,
        at=at,
    )


def if_enforced(
    page: Page, menu: Menu, hold_for: Callable[[Offer], Hold], settings: TenantSettings, *, at: datetime
) -> str | None:
    """As `would_have`, of a page that the call is not on yet; None too for a tenant who is not observed."""
    if settings.enforces:
        return None
    outlook = look(page, menu, hold_for, replace(settings, mode=Mode.ENFORCE), at=at)
    if outlook.fault is not None:
        reason = REASONS.get(outlook.fault)
        return f"refuse:{reason}" if reason is not None else None
    why = outlook.offer.downgrade_reason
    return f"downgrade:{why}" if why is not None else None


def _before(page: Page, hold: Hold, *, minute: int) -> Page:
    """The page without this hold."""
    label = hold.counted_agent
    agents = dict(page.agents)
    if label is not None:
        agent = page.agent(label)
        today = agent.days.get(hold.day, Use())
        agents[label] = AgentUse(month=_less(agent.month, hold), days={**agent.days, hold.day: _less(today, hold)})
    return replace(
        page,
        use=_less(page.use, hold),
        days={**page.days, hold.day: _less(page.day(hold.day), hold)},
        agents=agents,
        minutes={**page.minutes, minute: max(0, page.minutes.get(minute, 0) - 1)},
        holds={key: other for key, other in page.holds.items() if key != hold.key},
    )


def _less(use: Use, hold: Hold) -> Use:
    return use.moved(used=-hold.amount, spent=0, tokens=-hold.tokens)
