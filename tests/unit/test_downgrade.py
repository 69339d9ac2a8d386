"""The ways in which a call may be held: each asks for less than the one before, and the tenant says in which order."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes.ledger_world import CHEAP, DEAR, a_menu, a_price
from tollgate.domain.downgrade import MONEY_FAULTS, Menu, Offer, Way, least_amount, menu_of, next_offer
from tollgate.domain.posting import Fault, Left
from tollgate.domain.price import Bound

REFUSALS = st.sampled_from(sorted(MONEY_FAULTS | {Fault.SOFT_ZONE}))
NOTHING_LIMITS = Left(money=None, tokens=None)


@st.composite
def menus(draw: st.DrawFn) -> Menu:
    bound = Bound(input=draw(st.integers(0, 100)), output=draw(st.integers(0, 100)))
    rates = st.sampled_from([100_000, 500_000, 900_000, 1_000_000, 2_000_000])
    prices = [a_price(f"other{index}", per_token=rate) for index, rate in enumerate(draw(st.lists(rates, max_size=3)))]
    counted = draw(st.integers(0, bound.input))
    return menu_of(
        Offer(price=DEAR, bound=bound, under_soft_cap=False),
        [Offer(price=price, bound=bound, under_soft_cap=False) for price in prices],
        lambda offer: replace(offer.bound, input=counted),
        output_floor=draw(st.none() | st.integers(1, 100)),
        smaller_first=draw(st.booleans()),
        only_as_asked=draw(st.sampled_from([False, False, False, True])),
    )


LEFT = st.builds(Left, money=st.none() | st.integers(-10, 400), tokens=st.none() | st.integers(-10, 400))


@given(menus(), st.lists(st.tuples(REFUSALS, LEFT), min_size=1, max_size=20))
def test_each_try_asks_for_less_and_the_tries_end(menu: Menu, faults: list[tuple[Fault, Left]]) -> None:
    tried, tries = menu.asked, 1
    for fault, left in faults:
        following = next_offer(menu, tried, fault, left)
        if following is None:
            break
        tries += 1
        assert following.amount <= tried.amount
        assert following.bound.tokens <= tried.bound.tokens
        assert (following.amount, following.bound.tokens) != (tried.amount, tried.bound.tokens)
        assert following.amount >= least_amount(menu)
        tried = following

    assert tries <= 3 * (1 + len(menu.cheaper))


@given(menus(), REFUSALS, LEFT)
def test_a_smaller_call_fits_what_is_left_and_no_token_more_would(menu: Menu, fault: Fault, left: Left) -> None:
    offer: Offer | None = menu.asked
    while offer is not None and offer.way is not Way.SMALLER:
        offer = next_offer(menu, offer, fault, left)
    if offer is None:
        return

    assert left.money is None or offer.amount <= left.money
    assert left.tokens is None or offer.bound.tokens <= left.tokens
    assert menu.output_floor is not None
    assert offer.bound.output >= min(menu.output_floor, menu.asked.bound.output)
    more = replace(offer, bound=replace(offer.bound, output=offer.bound.output + 1))
    assert (
        offer.bound.output == menu.asked.bound.output
        or (left.money is not None and more.amount > left.money)
        or (left.tokens is not None and more.bound.tokens > left.tokens)
    )


@given(menus(), st.sampled_from([fault for fault in Fault if fault not in MONEY_FAULTS | {Fault.SOFT_ZONE}]))
def test_a_cheaper_call_mends_only_a_want_of_money(menu: Menu, fault: Fault) -> None:
    assert next_offer(menu, menu.asked, fault, NOTHING_LIMITS) is None


@given(menus())
def test_the_soft_zone_bars_a_model_only_where_a_cheaper_one_is_there(menu: Menu) -> None:
    assert menu.asked.under_soft_cap or not menu.cheaper
    assert all(offer.amount < menu.asked.amount and not offer.under_soft_cap for offer in menu.cheaper)


@given(menus(), LEFT)
def test_the_soft_zone_leads_to_another_model_never_to_less_of_the_same(menu: Menu, left: Left) -> None:
    offer = next_offer(menu, menu.asked, Fault.SOFT_ZONE, left)

    assert offer is None or offer.choice > 0


@pytest.mark.parametrize(("fault", "reason"), [(Fault.SOFT_ZONE, "soft_cap"), (Fault.DAILY_BUDGET, "daily_budget")])
def test_a_downgrade_says_why(fault: Fault, reason: str) -> None:
    menu = a_menu(10, cheaper=True)

    offer = next_offer(menu, menu.asked, fault, NOTHING_LIMITS)

    assert offer is not None
    assert (offer.price, offer.amount, offer.downgrade_reason) == (CHEAP, 5, reason)


def walk(menu: Menu, fault: Fault, left: Left = NOTHING_LIMITS) -> list[tuple[str, int, str | None, str | None]]:
    """Every offer after the first, as (model, amount, why another model, why smaller)."""
    found, offer = [], next_offer(menu, menu.asked, fault, left)
    while offer is not None:
        found.append((offer.price.model, int(offer.amount), offer.downgrade_reason, offer.fit_reason))
        offer = next_offer(menu, offer, fault, left)
    return found


def test_the_input_is_counted_before_a_cheaper_model_is_taken() -> None:
    assert walk(a_menu(10, cheaper=True, counted=7), Fault.DAILY_BUDGET) == [
        ("dear", 7, None, None),
        ("cheap", 4, "daily_budget", None),
    ]


def test_a_call_is_made_smaller_before_a_cheaper_model_is_taken_or_after_as_the_tenant_has_it() -> None:
    asked = {"cheaper": True, "output": 80, "output_floor": 10}
    left = Left(money=60, tokens=None)

    smaller_first = walk(a_menu(100, **asked), Fault.DAILY_BUDGET, left)
    cheaper_first = walk(a_menu(100, **asked, smaller_first=False), Fault.DAILY_BUDGET, left)

    assert smaller_first[0] == ("dear", 60, None, "daily_budget")
    assert cheaper_first[0] == ("cheap", 50, "daily_budget", None)


def test_a_call_that_does_not_fit_even_at_its_floor_is_not_made_smaller() -> None:
    assert walk(a_menu(100, output=80, output_floor=41), Fault.DAILY_BUDGET, Left(money=60, tokens=None)) == []
    assert walk(a_menu(100, output=80, output_floor=40), Fault.DAILY_BUDGET, Left(money=60, tokens=None)) == [
        ("dear", 60, None, "daily_budget")
    ]


def test_a_caller_who_takes_only_what_he_asked_for_is_offered_nothing_else() -> None:
    menu = a_menu(10, cheaper=True, output=5, output_floor=1, only_as_asked=True)

    assert menu.asked.under_soft_cap
    assert walk(menu, Fault.SOFT_ZONE) == []
    assert walk(menu, Fault.DAILY_BUDGET, Left(money=7, tokens=None)) == []


def test_a_soft_zone_met_after_the_count_leads_to_no_dearer_try() -> None:
    """Half of ten bytes is more than three tokens: an earlier try that lands late would not cover the cheaper call."""
    menu = a_menu(10, cheaper=True, counted=3)
    counted = next_offer(menu, menu.asked, Fault.DAILY_BUDGET, NOTHING_LIMITS)
    assert counted is not None

    cheaper = next_offer(menu, counted, Fault.SOFT_ZONE, NOTHING_LIMITS)

    assert cheaper is not None
    assert (counted.amount, cheaper.amount, cheaper.price) == (3, 2, CHEAP)
