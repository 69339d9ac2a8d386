"""Usages as OpenAI tells them, and what they cost by its published prices, worked out by hand: a dollar for a million tokens is
1,000 nano-dollars for one."""

from datetime import UTC, datetime
from fractions import Fraction
from typing import Any

import pytest

from tollgate.adapters.openai_usage import usage_of
from tollgate.adapters.price_book import FilePriceBook
from tollgate.domain.price import cost_of

NOVEMBER = datetime(2026, 11, 23, tzinfo=UTC)


def chat(prompt: int, completion: int, *, audio: int = 0, spoken: int = 0, thought: int = 0, **inside: int) -> Any:
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "prompt_tokens_details": {**inside, "audio_tokens": audio},
        "completion_tokens_details": {"reasoning_tokens": thought, "audio_tokens": spoken},
    }


def response(prompt: int, output: int, *, cached: int = 0, short: int = 0, long: int = 0) -> Any:
    writes = {"ttl_30m_tokens": short, "ttl_12h_tokens": long}
    inside = {"cached_tokens": cached, "cache_write_tokens": short + long, "cache_write_tokens_details": writes}
    return {"input_tokens": prompt, "input_tokens_details": inside, "output_tokens": output}


@pytest.mark.parametrize(
    ("model", "tier", "usage", "nanousd"),
    [
        # 1,000 x 2,500 + 500 x 1,250 + 200 x 10,000
        ("gpt-4o", "default", chat(1500, 200, cached_tokens=500), 5_125_000),
        ("gpt-4o-2024-08-06", "default", chat(1500, 200, cached_tokens=500), 5_125_000),
        # 1.7 times that
        ("gpt-4o", "priority", chat(1500, 200, cached_tokens=500), 8_712_500),
        # 1,000 x 250 + 1,000 x 125 + 100 x 1,000: no one factor makes these of 150, 75 and 600
        ("gpt-4o-mini", "priority", chat(2000, 100, cached_tokens=1000), 475_000),
        ("gpt-4o-mini", "fast", chat(2000, 100, cached_tokens=1000), 475_000),
        # 1,000 x 300 + 100 x 1,200
        ("ft:gpt-4o-mini-2024-07-18:shop::abc", "default", chat(1000, 100), 420_000),
        # 300 x 1,250 + 2,000 x 10,000, of which 1,500 nobody sees
        ("gpt-5", "default", chat(300, 2000, thought=1500), 20_375_000),
        ("gpt-5", "flex", chat(300, 2000, thought=1500), 10_187_500),
        # 12.5 nano-dollars
        ("gpt-5-mini", "flex", chat(1, 0, cached_tokens=1), 13),
        # 1,000 x 130, where half of the standard rate is 125, + 10 x 7,500
        ("gpt-5.4", "flex", chat(1000, 10, cached_tokens=1000), 205_000),
        # 100 x 12,500 + 10 x 75,000
        ("gpt-5.5", "priority", chat(100, 10), 2_000_000),
        # 500 x 100 + 1,000 x 10 + 2,000 x 125 + 100 x 500
        ("gpt-6-luna", "default", chat(3500, 100, cached_tokens=1000, cache_write_tokens=2000), 360_000),
        ("gpt-6-luna", "default", response(3500, 100, cached=1000, short=2000), 360_000),
        ("gpt-6-luna", "fast", response(3500, 100, cached=1000, short=2000), 720_000),
        # 272,000 x 2,000 + 1,000 x 10,000; one token more: 272,001 x 4,000 + 1,000 x 15,000
        ("gpt-6.1-sol", "default", chat(272_000, 1000), 554_000_000),
        ("gpt-6.1-sol", "default", chat(272_001, 1000), 1_103_004_000),
        # Six times 10 x 2,000 + 5 x 10,000
        ("gpt-6.1-sol", "ultrafast", response(10, 5), 420_000),
        # 10 x 2,000 + 1,000 x 2,500 + 1,000 x 5,000
        ("gpt-6.2-sol", "default", response(2010, 0, short=1000, long=1000), 7_520_000),
        # 100 x 2,500 + 300 x 32,000 + 50 x 10,000 + 200 x 64,000
        ("gpt-audio-1.5", "default", chat(400, 250, audio=300, spoken=200), 23_150_000),
        # 7 x 20
        ("text-embedding-3-small", "default", {"prompt_tokens": 7, "total_tokens": 7}, 140),
        # 10 x 21,000 + 3 x 168,000
        ("gpt-5.2-pro", "default", response(10, 3), 714_000),
    ],
)
def test_a_known_usage_costs_what_the_published_prices_make_of_it(
    model: str, tier: str, usage: Any, nanousd: int
) -> None:
    price = FilePriceBook().price_of(model, NOVEMBER)

    assert cost_of(usage_of(usage), price, tier=tier) == nanousd


@pytest.mark.parametrize(("day", "nanousd"), [(20, 8_000_000), (21, 6_000_000)])
def test_a_call_costs_what_it_cost_on_its_day(day: int, nanousd: int) -> None:
    """gpt-5.6-sol: 1,000 x 5,000 + 100 x 30,000 until 2026-08-21, then 1,000 x 4,000 + 100 x 20,000."""
    price = FilePriceBook().price_of("gpt-5.6-sol", datetime(2026, 8, day, 23, 59, tzinfo=UTC))

    assert cost_of(usage_of(chat(1000, 100)), price) == nanousd


def test_a_regional_host_costs_a_tenth_more() -> None:
    price = FilePriceBook(region=Fraction(11, 10)).price_of("gpt-6.1-sol", NOVEMBER)

    assert cost_of(usage_of(chat(1000, 0)), price) == 2_200_000
