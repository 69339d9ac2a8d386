from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes.ledger_world import CHEAP, DEAR, a_menu, a_price
from tollgate.domain.downgrade import MONEY_FAULTS, Menu, Offer, menu_of, next_offer
from tollgate.domain.posting import Fault
from tollgate.domain.price import Bound

REFUSALS = st.sampled_from(sorted(MONEY_FAULTS | {Fault.SOFT_ZONE}))


@st.composite
def menus(draw: st.DrawFn) -> Menu:
    bound = Bound(input=draw(st.integers(0, 100)), output=draw(st.integers(0, 100)))
    price = a_price("other", per_token=draw(st.sampled_from([100_000, 500_000, 900_000, 1_000_000, 2_000_000])))
    counted = draw(st.integers(0, bound.input))
    cheaper = Offer(price=price, bound=bound, under_soft_cap=False) if draw(st.booleans()) else None
    return menu_of(
        Offer(price=DEAR, bound=bound, under_soft_cap=False), cheaper, lambda offer: replace(offer.bound, input=counted)
    )


@given(menus(), st.lists(REFUSALS, min_size=1, max_size=6))
def test_each_try_asks_for_less_and_the_tries_end(menu: Menu, faults: list[Fault]) -> None:
    tried, tries = menu.asked, 1
    for fault in faults:
        following = next_offer(menu, tried, fault)
        if following is None:
            break
        tries += 1
        assert following.amount <= tried.amount
        assert (following.amount, following.bound.tokens) != (tried.amount, tried.bound.tokens)
        tried = following

    assert tries <= 4


@given(menus(), st.sampled_from([fault for fault in Fault if fault not in MONEY_FAULTS | {Fault.SOFT_ZONE}]))
def test_a_cheaper_call_mends_only_a_want_of_money(menu: Menu, fault: Fault) -> None:
    assert next_offer(menu, menu.asked, fault) is None


@given(menus())
def test_the_soft_zone_bars_a_model_only_where_a_cheaper_one_is_there(menu: Menu) -> None:
    assert menu.asked.under_soft_cap is (menu.cheaper is not None)
    assert menu.cheaper is None or menu.cheaper.amount < menu.asked.amount


@pytest.mark.parametrize(("fault", "reason"), [(Fault.SOFT_ZONE, "soft_cap"), (Fault.DAILY_BUDGET, "daily_budget")])
def test_a_downgrade_says_why(fault: Fault, reason: str) -> None:
    offer = next_offer(a_menu(10, cheaper=True), a_menu(10, cheaper=True).asked, fault)

    assert offer is not None
    assert (offer.price, offer.amount, offer.downgrade_reason) == (CHEAP, 5, reason)


def test_the_input_is_counted_before_a_cheaper_model_is_taken() -> None:
    menu = a_menu(10, cheaper=True, counted=7)

    counted = next_offer(menu, menu.asked, Fault.DAILY_BUDGET)
    assert counted is not None
    cheaper = next_offer(menu, counted, Fault.DAILY_BUDGET)
    assert cheaper is not None
    last = next_offer(menu, cheaper, Fault.DAILY_BUDGET)
    assert last is not None

    offers = (counted, cheaper, last)
    assert [(offer.price.model, offer.amount, offer.downgrade_reason) for offer in offers] == [
        ("dear", 7, None), ("cheap", 5, "daily_budget"), ("cheap", 4, "daily_budget"),
    ]  # fmt: skip
    assert next_offer(menu, last, Fault.DAILY_BUDGET) is None


def test_a_soft_zone_met_after_the_count_leads_to_no_dearer_try() -> None:
    """Half of ten bytes is more than three tokens: an earlier try that lands late would not cover the cheaper call."""
    menu = a_menu(10, cheaper=True, counted=3)
    counted = next_offer(menu, menu.asked, Fault.DAILY_BUDGET)
    assert counted is not None

    cheaper = next_offer(menu, counted, Fault.SOFT_ZONE)

    assert cheaper is not None
    assert (counted.amount, cheaper.amount, cheaper.price) == (3, 2, CHEAP)


def test_a_soft_zone_met_by_the_counted_offer_leads_to_the_cheaper_model_too() -> None:
    menu = a_menu(10, cheaper=True, counted=7)
    counted = next_offer(menu, menu.asked, Fault.MONTHLY_BUDGET)
    assert counted is not None

    cheaper = next_offer(menu, counted, Fault.SOFT_ZONE)

    assert cheaper is not None
    assert cheaper.price == CHEAP
