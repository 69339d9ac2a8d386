"""Prices from the file in `data/`: loaded once, in milliseconds, and never fetched at run time."""

import json
import re
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from functools import cache
from importlib.resources import files
from typing import Any

from tollgate.domain.errors import ModelNotPriced
from tollgate.domain.money import from_usd
from tollgate.domain.price import LongContext, Price, Rates

DATED = re.compile(r"-\d{4}-\d{2}-\d{2}$")
CLASSES = ("input", "cached", "cache_write", "output")


class FilePriceBook:
    """The last entry of a model whose day (`from`, UTC) has come is its price.

    `gpt-4o-2024-08-06` resolves to `gpt-4o` where it has no price of its own; the dated name is what is sent.
    """

    def __init__(self, text: str | None = None, *, region: Fraction = Fraction(1)) -> None:
        self._book = _read(text) if text is not None else _shipped()
        self._region = region

    def price_of(self, model: str, at: datetime) -> Price:
        entries = self._book.get(model) or self._book.get(DATED.sub("", model)) or []
        day = at.date().isoformat()
        in_force = [entry for entry in entries if entry.get("from", "") <= day]
        if not in_force:
            raise ModelNotPriced(model)
        return _price(in_force[-1], model, self._region)

    def models(self) -> list[str]:
        return list(self._book)


@cache
def _shipped() -> Mapping[str, list[dict[str, Any]]]:
    return _read(files("tollgate.data").joinpath("prices.json").read_text(encoding="utf-8"))


def _read(text: str) -> Mapping[str, list[dict[str, Any]]]:
    book = json.loads(text)
    entries: dict[str, list[dict[str, Any]]] = {}
    for entry in book["models"]:
        entries.setdefault(entry["model"], []).append(entry | {"long_context": book["long_context"]})
    return {model: sorted(dated, key=lambda entry: entry.get("from", "")) for model, dated in entries.items()}


def _price(entry: dict[str, Any], model: str, region: Fraction) -> Price:
    above = entry.get("long_context_above")
    return Price(
        model=model,
        rates=_rates(entry, {}),
        input_max=entry["input_max"],
        output_max=entry["output_max"],
        long_context=LongContext(above=above, rates=_rates(entry, entry["long_context"])) if above else None,
        tiers={tier: Fraction(factor) for tier, factor in entry["tiers"].items()},
        region=region,
        max_tokens_refused=entry.get("max_tokens_refused", False),
    )


def _rates(entry: dict[str, Any], factors: Mapping[str, str]) -> Rates:
    def rate(name: str) -> int:
        return from_usd(Decimal(entry[name]) * Decimal(factors.get(name, "1")))

    return Rates(
        input=rate("input"),
        cached=rate("cached"),
        output=rate("output"),
        cache_write=rate("cache_write") if "cache_write" in entry else None,
    )
