from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.fakes.ledger_world import DAY, MONTH, NOON, a_hold, a_span, a_tenant
from tollgate.domain.money import NanoUsd
from tollgate.domain.page import AgentUse, Page
from tollgate.domain.posting import Fault, apply, open_hold, refusal_of, settle_hold
from tollgate.domain.refusal import Reason, WindowFacts
from tollgate.domain.refusing import refusal_from
from tollgate.domain.tenant import AgentLimits, Raise
from tollgate.domain.window import ZoneFrom

MIDNIGHT = datetime(2024, 3, 6, tzinfo=UTC)
APRIL = datetime(2024, 4, 1, tzinfo=UTC)
DAY_NAME = f"{MONTH}-{DAY}"


def _a_page() -> Page:
    """Twenty nano-dollars spent, ten held, all of it by `agent`."""
    page = Page(tenant_id="shop", month=MONTH, version=1, agents={"agent": AgentUse()})
    spent, held = a_hold("spent", 20, agent="agent"), a_hold("held", 10, agent="agent")
    for posting in (
        open_hold(spent, at=NOON, under_soft_cap=False),
        settle_hold(spent, cost=NanoUsd(20), tokens=20, span=a_span(spent, 20), at=NOON),
        open_hold(held, at=NOON, under_soft_cap=False),
    ):
        page = apply(page, posting)
    return page


@pytest.mark.parametrize(
    ("fields", "reason", "window", "retry_at"),
    [
        ({"daily_limit": 100}, Reason.DAILY_BUDGET, WindowFacts(name=DAY_NAME, limit=100, spent=20, held=10), MIDNIGHT),
        (
            {"monthly_limit": 100, "daily_limit": 1000},
            Reason.MONTHLY_BUDGET,
            WindowFacts(name=MONTH, limit=100, spent=20, held=10),
            APRIL,
        ),
        (
            {"daily_token_limit": 100, "daily_limit": 1000},
            Reason.TOKEN_BUDGET,
            WindowFacts(name=DAY_NAME, limit=100, spent=30, held=0),
            MIDNIGHT,
        ),
        (
            {"monthly_token_limit": 100, "daily_limit": 1000},
            Reason.TOKEN_BUDGET,
            WindowFacts(name=MONTH, limit=100, spent=30, held=0),
            APRIL,
        ),
        (
            {"agents": {"agent": AgentLimits(daily=NanoUsd(100))}, "daily_limit": 1000},
            Reason.AGENT_BUDGET,
            WindowFacts(name=DAY_NAME, limit=100, spent=20, held=10),
            MIDNIGHT,
        ),
        (
            {"agents": {"agent": AgentLimits(daily=NanoUsd(1000), monthly=NanoUsd(100))}, "daily_limit": 1000},
            Reason.AGENT_BUDGET,
            WindowFacts(name=MONTH, limit=100, spent=20, held=10),
            APRIL,
        ),
        ({"suspended": True}, Reason.SUSPENDED, None, MIDNIGHT),
        ({"in_flight_max": 1, "daily_limit": 1000}, Reason.IN_FLIGHT, None, NOON + timedelta(seconds=2)),
        ({"requests_per_minute": 2, "daily_limit": 1000}, Reason.RATE, None, NOON + timedelta(minutes=1)),
    ],
)
def test_a_refusal_shows_every_figure_of_the_window_that_has_no_room(
    fields: dict[str, Any], reason: Reason, window: WindowFacts | None, retry_at: datetime
) -> None:
    page, settings = _a_page(), a_tenant(**fields)
    posting = open_hold(a_hold("asked", 80, agent="agent"), at=NOON, under_soft_cap=False)
    fault = refusal_of(page, settings, posting)
    assert fault is not None

    refusal = refusal_from(page, settings, posting, fault)

    assert (refusal.reason, refusal.window, refusal.retry_at, refusal.asked) == (reason, window, retry_at, 80)
    assert refusal.message
    assert refusal.remedy


def test_a_refusal_says_what_is_left_and_what_was_asked() -> None:
    posting = open_hold(a_hold("asked", 80), at=NOON, under_soft_cap=False)

    refusal = refusal_from(_a_page(), a_tenant(), posting, Fault.DAILY_BUDGET)

    assert refusal.message == (
        "The budget of tenant shop for 2024-03-05 has $0.00000007 of $0.0000001 left "
        "($0.00000002 spent, $0.00000001 held by calls in flight), and this call may cost $0.00000008."
    )


def test_a_limit_shows_its_raise_while_it_lasts() -> None:
    extra = Raise(raise_id="1", window=DAY_NAME, amount=NanoUsd(5), until=NOON + timedelta(seconds=1), reason="")
    posting = open_hold(a_hold("asked", 80), at=NOON, under_soft_cap=False)

    refusal = refusal_from(_a_page(), a_tenant(raises=(extra,)), posting, Fault.DAILY_BUDGET)

    assert refusal.window == WindowFacts(name=DAY_NAME, limit=105, spent=20, held=10)
    assert refusal.window.remaining == 75


def test_a_window_ends_by_the_tenant_s_own_clock() -> None:
    settings = a_tenant(zones=(ZoneFrom(month="1970-01", zone="America/Chicago"),))
    posting = open_hold(a_hold("asked", 80), at=NOON, under_soft_cap=False)

    assert refusal_from(_a_page(), settings, posting, Fault.DAILY_BUDGET).retry_at == datetime(
        2024, 3, 6, 6, tzinfo=UTC
    )
    assert refusal_from(_a_page(), settings, posting, Fault.MONTHLY_BUDGET).retry_at == datetime(
        2024, 4, 1, 5, tzinfo=UTC
    )


def test_what_is_overdrawn_shows_as_nothing_left() -> None:
    posting = open_hold(a_hold("asked", 1), at=NOON, under_soft_cap=False)

    refusal = refusal_from(_a_page(), a_tenant(daily_limit=NanoUsd(10)), posting, Fault.DAILY_BUDGET)

    assert "has $0.00 of" in refusal.message
