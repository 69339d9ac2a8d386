from dataclasses import replace
from datetime import UTC, datetime
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tollgate.adapters.openai_usage import usage_of
from tollgate.adapters.price_book import FilePriceBook
from tollgate.domain.errors import NotBounded
from tollgate.domain.price import TOKENS_PER_MTOK, Bound, LongContext, Price, Rates, TierRates, cost_of, worst_case
from tollgate.domain.usage import CLASSES, Usage

NOW = datetime(2026, 11, 23, tzinfo=UTC)
BOOK = FilePriceBook()
RATE = st.integers(0, 200 * 10**9)
PRICES = st.sampled_from([BOOK.price_of(model, NOW) for model in BOOK.models()])


@st.composite
def cards(draw: st.DrawFn) -> TierRates:
    plain = {name: draw(RATE) for name in ("input", "cached", "output")}
    apart = {name: draw(st.none() | RATE) for name in ("cache_write", "audio_input", "audio_output")}
    dearer = {name: None if rate is None else rate + draw(RATE) for name, rate in (plain | apart).items()}
    # A class that only plain tokens have a rate for costs as much as they do, past the step too.
    long = LongContext(above=draw(st.integers(0, 300_000)), rates=Rates(**dearer))  # type: ignore[arg-type]
    return TierRates(rates=Rates(**plain, **apart), long_context=long if draw(st.booleans()) else None)


@st.composite
def made_up_prices(draw: st.DrawFn) -> Price:
    """Every class may be the dearest; long context is never cheaper than short."""
    standard, own = draw(cards()), draw(cards())
    factor = draw(st.fractions(min_value=Fraction(1, 10), max_value=3, max_denominator=100))
    return Price(
        model="made-up",
        rates=standard.rates,
        input_max=10**6,
        output_max=10**6,
        long_context=standard.long_context,
        tiers={"default": factor, "flex": Fraction(1, 2)},
        region=Fraction(11, 10),
        own_tiers={"priority": own},
    )


@st.composite
def used_within(draw: st.DrawFn, bound: Bound) -> Usage:
    uncached = draw(st.integers(0, bound.input))
    cached = draw(st.integers(0, bound.input - uncached))
    written = draw(st.integers(0, bound.input - uncached - cached))
    heard = draw(st.integers(0, bound.input - uncached - cached - written))
    output = draw(st.integers(0, bound.output * bound.choices))
    spoken = draw(st.integers(0, bound.output * bound.choices - output))
    return Usage(
        uncached=uncached,
        cached=cached,
        written=written,
        audio_input=heard,
        output=output,
        audio_output=spoken,
        reasoning=draw(st.integers(0, output)),
    )


BOUNDS = st.builds(Bound, input=st.integers(0, 400_000), output=st.integers(0, 128_000), choices=st.integers(1, 16))


@given(st.data(), made_up_prices() | PRICES, BOUNDS)
def test_no_call_within_its_bound_costs_more_than_its_worst_case_at_any_tier(
    data: st.DataObject, price: Price, bound: Bound
) -> None:
    usage = data.draw(used_within(bound))
    tier = data.draw(st.sampled_from(sorted({*price.tiers, *price.own_tiers, "fast"})))

    if price.serves(tier):
        assert cost_of(usage, price, tier=tier) <= worst_case(bound, price, tier=tier)


@given(st.data(), made_up_prices() | PRICES, BOUNDS)
def test_a_call_of_one_token_more_costs_no_less(data: st.DataObject, price: Price, bound: Bound) -> None:
    usage = data.draw(used_within(bound))
    tier = data.draw(st.sampled_from(sorted({*price.tiers, *price.own_tiers, "unheard-of"})))
    more = replace(usage, **{(name := data.draw(st.sampled_from(CLASSES))): getattr(usage, name) + 1})

    assert cost_of(more, price, tier=tier) >= cost_of(usage, price, tier=tier)


@given(st.data(), made_up_prices() | PRICES, BOUNDS)
def test_a_tier_that_nobody_knows_costs_no_less_than_any_that_is_known(
    data: st.DataObject, price: Price, bound: Bound
) -> None:
    usage = data.draw(used_within(bound))

    for tier in (*price.tiers, *price.own_tiers):
        assert cost_of(usage, price, tier=tier) <= cost_of(usage, price, tier="unheard-of")


@pytest.mark.parametrize("model", ["gpt-4o-mini", "gpt-5.4", "gpt-6-luna"])
def test_fast_and_priority_are_one_tier(model: str) -> None:
    price, usage = BOOK.price_of(model, NOW), Usage(uncached=1001, cached=333, output=77)

    assert cost_of(usage, price, tier="fast") == cost_of(usage, price, tier="priority") > cost_of(usage, price)
    bound = Bound(input=10, output=10)
    assert worst_case(bound, price, tier="fast") == worst_case(bound, price, tier="priority")


@given(made_up_prices(), BOUNDS)
def test_a_cost_is_rounded_up_once_by_less_than_one_nano_dollar(price: Price, bound: Bound) -> None:
    usage = Usage(uncached=bound.input, output=bound.output)
    rates = price.rates_for(bound.input)
    exact = Fraction(bound.input * rates.input + bound.output * rates.output, TOKENS_PER_MTOK) * price.factor("default")

    assert 0 <= cost_of(usage, price) - exact < 1


COUNT = st.integers(0, 10**6)
CLASS_COUNTS = st.fixed_dictionaries(dict.fromkeys(CLASSES, COUNT))


@given(CLASS_COUNTS, st.fractions(0, 1))
def test_each_token_of_a_chat_is_in_one_class_alone(counts: dict[str, int], thought: Fraction) -> None:
    counts |= {"written_12h": 0}
    prompt = sum(counts[name] for name in ("uncached", "cached", "written", "audio_input"))
    reasoning = int(thought * counts["output"])
    told = {
        "prompt_tokens": prompt,
        "prompt_tokens_details": {
            "cached_tokens": counts["cached"],
            "cache_write_tokens": counts["written"],
            "audio_tokens": counts["audio_input"],
            "image_tokens": counts["uncached"] // 3,
        },
        "completion_tokens": counts["output"] + counts["audio_output"],
        "completion_tokens_details": {"reasoning_tokens": reasoning, "audio_tokens": counts["audio_output"]},
    }

    usage = usage_of(told)

    assert usage == Usage(**counts, reasoning=reasoning)
    assert usage.total == told["prompt_tokens"] + told["completion_tokens"]  # type: ignore[operator]


@given(COUNT, COUNT, COUNT, COUNT, COUNT)
def test_each_token_of_a_response_is_in_one_class_alone(
    uncached: int, cached: int, written: int, written_12h: int, output: int
) -> None:
    told = {
        "input_tokens": uncached + cached + written + written_12h,
        "input_tokens_details": {
            "cached_tokens": cached,
            "cache_write_tokens": written + written_12h,
            "cache_write_tokens_details": {"ttl_30m_tokens": written, "ttl_12h_tokens": written_12h},
        },
        "output_tokens": output,
        "output_tokens_details": {"reasoning_tokens": output // 2},
    }

    usage = usage_of(told)

    assert usage == Usage(
        uncached=uncached,
        cached=cached,
        written=written,
        written_12h=written_12h,
        output=output,
        reasoning=output // 2,
    )
    assert usage.total == told["input_tokens"] + output  # type: ignore[operator]


@given(COUNT)
def test_an_embedding_is_input_alone(tokens: int) -> None:
    assert usage_of({"prompt_tokens": tokens, "total_tokens": tokens}) == Usage(uncached=tokens)


def test_a_usage_whose_classes_overlap_is_no_usage() -> None:
    with pytest.raises(ValueError, match="uncached"):
        usage_of(
            {
                "prompt_tokens": 10,
                "prompt_tokens_details": {"cached_tokens": 6, "cache_write_tokens": 5},
                "completion_tokens": 0,
            }
        )


@pytest.mark.parametrize("usage", [{"output": 1, "reasoning": 2}, *({name: -1} for name in (*CLASSES, "reasoning"))])
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
    price = BOOK.price_of("gpt-6-sol", NOW)
    usage = Usage(uncached=1000, output=1000)

    assert cost_of(usage, price, tier="priority-plus") == 2 * cost_of(usage, price)
    assert cost_of(usage, price, tier="flex") * 2 == cost_of(usage, price)


def test_a_part_of_a_nano_dollar_costs_a_whole_one() -> None:
    price = Price(model="tiny", rates=Rates(input=1, cached=0, output=0), input_max=10, output_max=10)

    assert [cost_of(Usage(uncached=tokens), price) for tokens in (0, 1)] == [0, 1]
