"""The demo's own pricing: what a served call costs, worked out by hand."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from infra.local.demo.bill import bill_of, cost_of, read_prices

PRICES: Mapping[str, Any] = json.loads("""{
    "models": {
        "plain": {"prices": [{"input": "2.50", "cached": "1.25", "output": "10", "tiers": {"flex": "0.5"}}]},
        "fine": {"prices": [{"input": "0.15", "cached": "0.075", "output": "0.60", "tiers": {"flex": "0.5"}}]},
        "writing": {"prices": [{"input": "4", "cached": "0.40", "cache_write": "5", "output": "20", "above": 1000,
            "long": {"input": "8", "cached": "0.80", "cache_write": "10", "output": "30"}, "tiers": {"priority": "2"}}]}
    }
}""")


def tokens(*, uncached: int = 0, cached: int = 0, cache_write: int = 0, output: int = 0) -> dict[str, int]:
    return {"uncached": uncached, "cached": cached, "cacheWrite": cache_write, "output": output}


def served(user: str | None, *, output: int = 1, model: str = "plain") -> dict[str, Any]:
    return {"user": user, "model": model, "serviceTier": "default", "tokens": tokens(output=output)}


@pytest.mark.parametrize(
    ("model", "tier", "used", "nanousd"),
    [
        # 1,000 x $2.50 and 200 x $10, each for a million: $0.0025 + $0.002.
        ("plain", "default", tokens(uncached=1000, output=200), 4_500_000),
        ("plain", "default", tokens(uncached=1000, cached=1000), 3_750_000),
        # Without a price of its own a cache write is plain input.
        ("plain", "default", tokens(cache_write=2), 5_000),
        ("writing", "default", tokens(uncached=100, cache_write=100, output=10), 1_100_000),
        ("fine", "default", tokens(cached=1), 75),
        # 37.5 nano-dollars are 38: rounded up, once for a call.
        ("fine", "flex", tokens(cached=1), 38),
        ("fine", "flex", tokens(cached=3), 113),
        ("writing", "priority", tokens(output=1), 40_000),
        ("plain-2024-08-06", "default", tokens(output=1), 10_000),
        ("plain", "default", tokens(), 0),
    ],
)
def test_a_call_costs_what_it_costs_by_hand(model: str, tier: str, used: dict[str, int], nanousd: int) -> None:
    assert cost_of(model, tier, used, PRICES) == nanousd


def test_a_long_prompt_is_dearer_from_its_first_token_on() -> None:
    at_the_step = cost_of("writing", "default", tokens(uncached=900, cached=100, output=10), PRICES)
    one_more = cost_of("writing", "default", tokens(uncached=901, cached=100, output=10), PRICES)

    assert at_the_step == 900 * 4_000 + 100 * 400 + 10 * 20_000
    assert one_more == 901 * 8_000 + 100 * 800 + 10 * 30_000


def test_each_call_is_rounded_up_by_itself() -> None:
    half = {"user": "a", "model": "fine", "serviceTier": "flex", "tokens": tokens(cached=1)}

    assert bill_of([half, half], ["a"], PRICES).cost == {"a": 76}


def test_calls_of_others_are_counted_apart() -> None:
    bill = bill_of([served("a", output=2), served(None), served("somebody"), served("b")], ["a", "b", "c"], PRICES)

    assert bill.calls == {"a": 1, "b": 1, "c": 0}
    assert bill.cost == {"a": 20_000, "b": 10_000, "c": 0}
    assert bill.others == 2


def test_a_model_without_a_price_is_no_free_call() -> None:
    with pytest.raises(KeyError):
        bill_of([served("a", model="unheard-of")], ["a"], PRICES)


def test_the_price_file_has_what_the_demo_calls() -> None:
    prices = read_prices()

    assert cost_of("gpt-4o", "default", tokens(uncached=1_000_000), prices) == 2_500_000_000
    assert cost_of("gpt-4o-mini", "default", tokens(cached=1_000_000), prices) == 75_000_000
