"""The shop's page at any moment of its month, with any number of calls in flight."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from tests.bench.busy_shop import BOUND, a_menu, labels, settlement, wanted
from tollgate.domain.money import NanoUsd
from tollgate.domain.page import AgentUse, Hold, HoldKind, Page, Use
from tollgate.domain.posting import apply, open_hold, settle_hold
from tollgate.domain.tenant import TenantSettings

MONTH = "2026-11"
SPENT_A_DAY = 83_417_260_915
TOKENS_A_DAY = 21_834_177


def noon(day: int) -> datetime:
    return datetime(2026, 11, day, 18, tzinfo=UTC)


def page_with(in_flight: int, settings: TenantSettings, *, day: int, days_kept: int) -> Page:
    """`days_kept`: days whose numbers are still there; the sweep leaves three. The last write was a hold's, so there is no span."""
    page = _spent(settings, day=day, days_kept=days_kept)
    menu, at = a_menu(noon(day)), noon(day)
    for number in range(in_flight):
        asked = wanted(settings, at + timedelta(milliseconds=17 * number), number=number)
        agent = asked.attribution.agent
        hold = Hold(
            key=asked.key,
            kind=HoldKind.CALL,
            amount=menu.asked.amount,
            tokens=BOUND.tokens,
            day=asked.window.day,
            opened_at=int(at.timestamp()),
            expires_at=int(asked.expires_at.timestamp()),
            model=menu.asked.price.model,
            agent=agent,
            counted=agent in settings.agents,
        )
        page = apply(page, open_hold(hold, at=at, under_soft_cap=True))
    return page


def after_settlement(in_flight: int, settings: TenantSettings, *, day: int, days_kept: int) -> Page:
    """The same, where the last write was a settlement's: its span stands on the page."""
    page, at = page_with(in_flight + 1, settings, day=day, days_kept=days_kept), noon(day)
    hold = list(page.holds.values())[-1]
    settled, span = settlement(hold, a_menu(at), labels(settings, in_flight), at)
    return apply(page, settle_hold(hold, cost=settled.cost, tokens=settled.tokens, span=span, at=at))


def _spent(settings: TenantSettings, *, day: int, days_kept: int) -> Page:
    """What earlier days have left. The counters of this minute and of two before, which no settlement has taken away yet."""
    days = [f"{number:02}" for number in range(max(1, day - days_kept + 1), day + 1)]
    share = max(len(settings.agents), 1)
    minute = int(noon(day).timestamp()) // 60
    page = Page(
        tenant_id=settings.tenant_id,
        month=MONTH,
        version=settings.version,
        use=_use(day),
        days={name: _use(1) for name in days},
        minutes={minute - 2: 287, minute - 1: 291, minute: 104},
        seq=day * 9_412,
    )
    mine = AgentUse(month=_money(day, share), days={name: _money(1, share) for name in days})
    return replace(page, agents=dict.fromkeys(settings.agents, mine))


def _use(days: int) -> Use:
    return Use(used=NanoUsd(SPENT_A_DAY * days), spent=NanoUsd(SPENT_A_DAY * days), tokens=TOKENS_A_DAY * days)


def _money(days: int, share: int) -> Use:
    amount = NanoUsd(SPENT_A_DAY * days // share)
    return Use(used=amount, spent=amount)
