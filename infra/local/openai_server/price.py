"""What OpenAI takes for one request, by line items as its bill names them: `gpt-4o-2024-08-06, input_tokens`.

The rates are those of the price list; how they add up is written here a second time, apart from the gate's own sums.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from fractions import Fraction
from functools import cache
from re import sub
from typing import Any

from infra.build import ROOT

PRICES = ROOT / "layers" / "shared" / "tollgate" / "data" / "prices.json"
# Class of tokens -> how the bill names it, and the rate that it goes by, or else by.
CLASSES = {
    "uncached": ("input_tokens", "input", "input"),
    "cached": ("cached_input_tokens", "cached", "input"),
    "cacheWrite": ("cache_write_input_tokens", "cache_write", "input"),
    "output": ("output_tokens", "output", "output"),
}
MILLION = 1_000_000


def line_items(
    model: str, named: str, tier: str, tokens: Mapping[str, int], at: datetime
) -> dict[str, tuple[Fraction, int]]:
    """Line item -> dollars and tokens. `named`: the dated name, which the bill shows."""
    rates, factor = rates_of(model, tier, sum(tokens[kind] for kind in CLASSES if kind != "output"), at)
    items = {}
    for kind, (words, name, instead) in CLASSES.items():
        if tokens[kind]:
            rate = Fraction(rates.get(name, rates[instead]))
            items[f"{named}, {words}"] = tokens[kind] * rate * factor / MILLION, tokens[kind]
    return items


def rates_of(model: str, tier: str, read: int, at: datetime) -> tuple[Mapping[str, str], Fraction]:
    models = prices()
    listed = models.get(model) or models[sub(r"-\d{4}-\d{2}-\d{2}$", "", model)]
    card = [price for price in listed["prices"] if price.get("from", "") <= at.date().isoformat()][-1]
    tiers = {"default": "1"} | card.get("tiers", {})
    # A tier that is served here and that nobody has a price of goes by the standard rates.
    of_tier = tiers.get("priority" if tier == "fast" else tier, "1")
    card, factor = (card, Fraction(of_tier)) if isinstance(of_tier, str) else (of_tier, Fraction(1))
    return (card["long"] if read > card.get("above", read) else card), factor


@cache
def prices() -> Mapping[str, Any]:
    models: Mapping[str, Any] = json.loads(PRICES.read_text(encoding="utf-8"))["models"]
    return models
