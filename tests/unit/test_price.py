from datetime import UTC, datetime
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tollgate.adapters.openai_usage import usage_of
from tollgate.adapters.price_book import FilePriceBook
from tollgate.domain.errors import NotBounded
from tollgate.domain.price import TOKENS_PER_MTOK, Bound, LongContext, Price, Rates, cost_of, worst_case
from tollgate.domain.usage import Usage

NOW = datetime(2026, 11, 23, tzinfo=UTC)
BOOK = FilePriceBook()
RATE = st.integers(0, 200 * 10**9)
PRICES = st.sampled_from([BOOK.price_of(model, NOW) for model in BOOK.models()])


@st.composite
def made_up_prices(draw: st.DrawFn) -> Price:
    """Every class may be the dearest; long context is never cheaper than short."""
    rates = Rates(input=draw(RATE), cached=draw(RATE), output=draw(RATE), cache_write=draw(st.none() | RATE))
    dearer = {name: rate + draw(RATE) for name in ("input", "cached", "output") for rate in [getattr(rates, name)]}
    write = None if rates.cache_write is None else rates.cache_write + draw(RATE)
    long = (
        LongContext(above=draw(st.integers(0, 300_000)), rates=Rates(**dearer, cache_write=write))
        if draw(st.booleans())
        else None
    )
    factor = draw(st.fractions(min_value=Fraction(1, 10), max_value=3, max_denominator=100))
    return Price(
        model="made-up",
        rates=rates,
        input_max=10**6,
        output_max=10**6,
        long_context=long,
        tiers={"default": factor},
        region=Fraction(11, 10),
    )


@st.composite
def used_within(draw: st.DrawFn, bound: Bound) -> Usage:
    uncached = draw(st.integers(0, bound.input))
    cached = draw(st.integers(0, bound.input - uncached))
    written = draw(st.integers(0, bound.input - uncached - cached))
    output = draw(st.integers(0, bound.output * bound.choices))
    return Usage(
        uncached=uncached, cached=cached, written=written, output=output, reasoning=draw(st.integers(0, output))
    )


BOUNDS = st.builds(Bound, input=st.integers(0, 400_000), output=st.integers(0, 128_000), choices=st.integers(1, 16))


@given(st.data(), made_up_prices() | PRICES, BOUNDS)
def test_no_call_within_its_bound_costs_more_than_its_worst_case(
    data: st.DataObject, price: Price, bound: Bound
) -> None:
    usage = data.draw(used_within(bound))

    assert cost_of(usage, price) <= worst_case(bound, price)


@given(st.data(), PRICES, BOUNDS)
def test_a_shipped_price_is_never_cheaper_past_its_long_context(
    data: st.DataObject, price: Price, bound: Bound
) -> None:
    usage = data.draw(used_within(bound))
    more = Usage(uncached=usage.uncached + 1, cached=usage.cached, written=usage.written, output=usage.output)

    assert cost_of(more, price) >= cost_of(usage, price)


@given(made_up_prices(), BOUNDS)
def test_a_cost_is_rounded_up_once_by_less_than_one_nano_dollar(price: Price, bound: Bound) -> None:
    usage = Usage(uncached=bound.input, output=bound.output)
    rates = price.rates_for(bound.input)
    exact = Fraction(bound.input * rates.input + bound.output * rates.output, TOKENS_PER_MTOK) * price.factor("default")

    assert 0 <= cost_of(usage, price) - exact < 1


@given(st.integers(0, 10**6), st.integers(0, 10**6), st.integers(0, 10**6), st.integers(0, 10**6))
def test_each_token_of_a_usage_is_in_one_class_alone(uncached: int, cached: int, written: int, output: int) -> None:
    told = {
        "prompt_tokens": uncached + cached + written,
        "prompt_tokens_details": {"cached_tokens": cached, "cache_write_tokens": written},
        "completion_tokens": output,
        "completion_tokens_details": {"reasoning_tokens": output // 2},
    }

    usage = usage_of(told)

    assert usage == Usage(uncached=uncached, cached=cached, written=written, output=output, reasoning=output // 2)
    assert usage.total == told["prompt_tokens"] + told["completion_tokens"]  # type: ignore[operator]


def test_a_usage_whose_classes_overlap_is_no_usage() -> None:
    with pytest.raises(ValueError, match="uncached"):
        usage_of(
            {
                "prompt_tokens": 10,
                "prompt_tokens_details": {"cached_tokens": 6, "cache_write_tokens": 5},
                "completion_tokens": 0,
            }
        )


@pytest.mark.parametrize("usage", [{"output": 1, "reasoning": 2}, {"uncached": -1}])
def test_a_usage_that_cannot_be_is_refused(usage: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="tokens"):
        Usage(**usage)


@pytest.mark.parametrize(("tokens", "cost"), [(272_000, 272_000 * 8_000), (272_001, 272_001 * 16_000)])
def test_long_context_makes_the_whole_request_dearer_from_one_token_past_its_step(tokens: int, cost: int) -> None:
    price = BOOK.price_of("gpt-6.2-astra", NOW)

    assert cost_of(Usage(uncached=tokens), price) == cost


def test_writing_the_cache_is_what_an_input_token_may_cost() -> None:
    price = BOOK.price_of("gpt-6.2-sol", NOW)

    assert worst_case(Bound(input=1000, output=0), price) == cost_of(Usage(written=1000), price) == 2_500_000


def test_a_tier_that_has_no_price_is_not_held() -> None:
    with pytest.raises(NotBounded, match="service_tier"):
        worst_case(Bound(input=1, output=1), BOOK.price_of("gpt-6.2-sol", NOW), tier="priority-plus")


def test_a_tier_that_nobody_knows_is_settled_at_the_dearest() -> None:
    price = BOOK.price_of("gpt-6.2-sol", NOW)
    usage = Usage(uncached=1000, output=1000)

    assert cost_of(usage, price, tier="priority-plus") == 2 * cost_of(usage, price)
    assert cost_of(usage, price, tier="flex") * 2 == cost_of(usage, price)


def test_a_part_of_a_nano_dollar_costs_a_whole_one() -> None:
    price = Price(model="tiny", rates=Rates(input=1, cached=0, output=0), input_max=10, output_max=10)

    assert [cost_of(Usage(uncached=tokens), price) for tokens in (0, 1)] == [0, 1]
