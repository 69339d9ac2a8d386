from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tollgate.domain.money import NANO_PER_USD, ceil_div, from_usd, to_usd, usd_number, usd_text

AMOUNTS = st.integers(-(10**18), 10**18)
DOLLARS = st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**9), max_value=10**9)


@given(AMOUNTS)
def test_nano_dollars_survive_the_way_to_dollars_and_back(amount: int) -> None:
    assert from_usd(to_usd(amount)) == amount


@given(DOLLARS)
def test_dollars_are_rounded_up_by_less_than_one_nano_dollar(usd: Decimal) -> None:
    exact = Fraction(usd) * NANO_PER_USD

    assert 0 <= from_usd(usd) - exact < 1


@given(AMOUNTS, st.integers(1, 10**12))
def test_a_division_rounds_up_by_less_than_one(dividend: int, divisor: int) -> None:
    assert 0 <= ceil_div(dividend, divisor) - Fraction(dividend, divisor) < 1


@given(st.integers(0, 8_388_607 * NANO_PER_USD))
def test_the_number_at_the_edge_is_exact_up_to_eight_million_dollars(amount: int) -> None:
    assert from_usd(Decimal(repr(usd_number(amount)))) == amount


@given(AMOUNTS)
def test_the_text_says_the_same_amount_with_cents_or_with_every_digit(amount: int) -> None:
    text = usd_text(amount)

    assert text.startswith("$")
    assert from_usd(Decimal(text[1:])) == amount


@pytest.mark.parametrize(
    ("amount", "text"),
    [(12_500_000_000, "$12.50"), (412_000, "$0.000412"), (0, "$0.00"), (1, "$0.000000001"), (10**18, "$1000000000.00")],
)
def test_text_hides_no_money_behind_cents(amount: int, text: str) -> None:
    assert usd_text(amount) == text


@pytest.mark.parametrize("usd", ["NaN", "sNaN", "Infinity", "-Infinity"])
def test_what_is_not_a_finite_number_is_no_money(usd: str) -> None:
    with pytest.raises(ValueError, match="finite"):
        from_usd(Decimal(usd))
