"""What enforcing would have done to a tenant who is only observed: the same word as a page that enforces would give."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes.ledger_desk import Desk
from tests.fakes.ledger_world import NOON, a_hold, a_menu, a_tenant, books_in_memory
from tests.fakes.memory_ledger import MemoryTable
from tollgate.domain.downgrade import Menu
from tollgate.domain.looking import look, would_have
from tollgate.domain.money import NanoUsd
from tollgate.domain.page import Hold, Page
from tollgate.domain.posting import open_hold
from tollgate.domain.refusing import REASONS
from tollgate.domain.tenant import AgentLimits, Mode


def observed(*before: int, amount: int, menu: Menu, **fields: Any) -> tuple[str | None, Page, Page, Desk, Hold]:
    """A hold of `amount` after some that are settled: what enforcing would have done, and the pages around the hold."""
    desk = Desk(books=books_in_memory(MemoryTable()), settings=a_tenant())
    desk.start(mode=Mode.OBSERVE, **fields)
    agent = next(iter(fields.get("agents", {})), None)
    for index, cost in enumerate(before):
        desk.settle(desk.held(f"spent{index}", cost, agent=agent), cost)
    hold = a_hold("one", amount, agent=agent)
    page = desk.page
    after = desk.post(open_hold(hold, at=NOON, under_soft_cap=menu.asked.under_soft_cap))
    assert isinstance(after, Page)
    return would_have(after, hold, menu, desk.settings, at=NOON), page, after, desk, hold


@pytest.mark.parametrize(
    ("spent", "fields", "said"),
    [
        (50, {}, None),
        (91, {}, "refuse:daily_budget"),
        (90, {}, None),
        (0, {"monthly_limit": NanoUsd(9)}, "refuse:monthly_budget"),
        (0, {"daily_token_limit": 9}, "refuse:token_budget"),
        (5, {"agents": {"a": AgentLimits(daily=NanoUsd(14))}}, "refuse:agent_budget"),
        (5, {"requests_per_minute": 1}, "refuse:rate"),
        (5, {"requests_per_minute": 2}, None),
    ],
)
def test_it_says_what_enforcing_would_have_refused(spent: int, fields: dict[str, Any], said: str | None) -> None:
    assert observed(spent, amount=10, menu=a_menu(10), **fields)[0] == said


def test_it_says_where_a_cheaper_model_would_have_served() -> None:
    menu = a_menu(10, cheaper=True)

    assert observed(85, amount=10, menu=menu, soft_cap=Decimal("0.8"))[0] == "downgrade:soft_cap"
    assert observed(92, amount=10, menu=menu, soft_cap=Decimal(1))[0] == "downgrade:daily_budget"


def test_a_tenant_who_is_not_observed_is_told_nothing() -> None:
    _, _, after, desk, hold = observed(91, amount=10, menu=a_menu(10))

    assert would_have(after, hold, a_menu(10), replace(desk.settings, mode=Mode.ENFORCE), at=NOON) is None


@given(
    spent=st.integers(0, 120),
    amount=st.integers(0, 120),
    cheaper=st.booleans(),
    counted=st.none() | st.integers(0, 60),
    per_minute=st.integers(0, 3),
)
def test_it_is_the_word_of_the_page_as_it_was(
    spent: int, amount: int, cheaper: bool, counted: int | None, per_minute: int
) -> None:
    menu = a_menu(amount, cheaper=cheaper, counted=counted)

    said, before, _, desk, hold = observed(spent, amount=amount, menu=menu, requests_per_minute=per_minute)

    enforcing = replace(desk.settings, mode=Mode.ENFORCE)
    outlook = look(
        before,
        menu,
        lambda offer: replace(hold, amount=offer.amount, tokens=offer.bound.tokens),
        enforcing,
        at=NOON,
    )
    if outlook.fault is not None:
        assert said == f"refuse:{REASONS[outlook.fault]}"
    else:
        why = outlook.offer.downgrade_reason
        assert said == (f"downgrade:{why}" if why else None)
