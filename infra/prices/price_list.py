"""The price list: what both sources and by_hand.json say, put together for data/prices.json."""

import json
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from infra.prices import genai_source, litellm_source
from infra.prices.by_hand import by_hand
from infra.prices.card import CLASSES, Card, Listed, Rates

# Past the step the whole request is billed so many times its short rate, where nothing else is listed.
LONG_FACTORS = {name: Decimal(2) for name in CLASSES} | {"output": Decimal("1.5"), "audio_output": Decimal("1.5")}
KINDS = {"chat": "chat", "responses": "responses", "embedding": "embedding"}
FLAGS = {
    "supports_vision": "vision",
    "supports_function_calling": "tools",
    "supports_response_schema": "structured_output",
    "supports_reasoning": "reasoning",
}
COPIED = ("max_tokens_refused", "effort_none", "chat_tools", "temperature", "shutdown", "replacement")


def price_list() -> str:
    """The text of data/prices.json: a line for each model."""
    models = {name: model_entry(name, ours) for name, ours in by_hand().models.items()}
    lines = ",\n".join(f"    {json.dumps(name)}: {json.dumps(entry)}" for name, entry in models.items())
    head = {
        "unit": "US dollars for each million tokens",
        "made_by": "make prices",
        "genai_prices": genai_source.source_version(),
        "litellm": litellm_source.source_version(),
    }
    said = "".join(f"  {json.dumps(name)}: {json.dumps(text)},\n" for name, text in head.items())
    return "{\n" + said + '  "models": {\n' + lines + "\n  }\n}\n"


def model_entry(name: str, ours: Mapping[str, Any]) -> dict[str, Any]:
    facts = litellm_source.facts(ours.get("litellm", name))
    capabilities = ours.get("capabilities") or [word for flag, word in FLAGS.items() if facts.get(flag)]
    prices = listed_prices(name, ours)
    entry = {
        "kind": ours.get("kind") or KINDS[facts["mode"]],
        "input_max": ours.get("input_max") or facts["max_input_tokens"],
        "output_max": ours.get("output_max") or facts.get("max_output_tokens", 0),
        "names": names_of(name, ours),
        "any_date": ours.get("any_date", genai_source.takes_any_date(name)),
        "capabilities": capabilities,
        "prices": [price_entry(listed) for listed in prices],
        "sources": sorted({"genai-prices" if genai_source.listed(name) else "by hand", *ours["sources"]}),
    } | {field: ours[field] for field in COPIED if field in ours}
    return {field: value for field, value in entry.items() if value not in (None, [], False)} | {
        "output_max": entry["output_max"]
    }


def names_of(name: str, ours: Mapping[str, Any]) -> list[str]:
    """The dated names that both sources list, and those by hand."""
    dated = [other for other in genai_source.dated_names(name) if litellm_source.facts(other)]
    return [*(other for other in dated if other not in ours.get("without", [])), *ours.get("names", [])]


def listed_prices(name: str, ours: Mapping[str, Any]) -> list[Listed]:
    """Oldest first. Raises ValueError for a model that no source prices."""
    found = genai_source.listed(name)
    if found and "rates" in ours:
        raise ValueError(f"by_hand.json prices {name}, which genai-prices has too: take it out there")
    if not found and "rates" not in ours:
        raise ValueError(f"no source has a price for {name}")
    dated = [_with_ours(listed, ours) for listed in found] or _by_hand(ours)
    # What is sold beside the standard tier today was not always sold at today's rates.
    return [*dated[:-1], _with_tiers(dated[-1], ours.get("tiers", {}))] if found else dated


def _by_hand(ours: Mapping[str, Any]) -> list[Listed]:
    rates = {name: Decimal(rate) for name, rate in ours["rates"].items()}
    above = ours.get("above")
    long = {name: rate * LONG_FACTORS[name] for name, rate in rates.items()} if above else {}
    standard = _with_ours(Listed(tiers={"default": Card(rates=rates, above=above, long=long)}), ours)
    dated = []
    for entry in ours.get("prices", [{}]):
        start = entry.get("from")
        listed = Listed(start=date.fromisoformat(start) if start else None, tiers=standard.tiers)
        dated.append(_with_tiers(listed, ours.get("tiers", {}) | entry.get("tiers", {})))
    return dated


def _with_ours(listed: Listed, ours: Mapping[str, Any]) -> Listed:
    """The classes that the library does not have, in each tier."""
    more = {name: Decimal(rate) for name, rate in ours.get("more_rates", {}).items()}
    kept_long = Decimal(ours["cache_write_12h"]) if "cache_write_12h" in ours else None

    def whole(rates: Rates) -> Rates:
        kept = {"cache_write_12h": rates["input"] * kept_long} if kept_long is not None else {}
        return {**rates, **more, **kept}

    tiers = {
        tier: Card(rates=whole(card.rates), above=card.above, long=whole(card.long) if card.long else {})
        for tier, card in listed.tiers.items()
    }
    return Listed(start=listed.start, tiers={tier: _with_long(card, tiers["default"]) for tier, card in tiers.items()})


def _with_long(card: Card, standard: Card) -> Card:
    """A tier without a long-context rate of its own is taken to rise as the standard one does: nobody says that it does not."""
    if card.long or not standard.long:
        return card
    long = {name: rate * standard.long[name] / standard.rates[name] for name, rate in card.rates.items()}
    return Card(rates=card.rates, above=standard.above, long=long)


def _with_tiers(listed: Listed, factors: Mapping[str, str]) -> Listed:
    more = {tier: multiplied(listed.tiers["default"], Decimal(factor)) for tier, factor in factors.items()}
    return Listed(start=listed.start, tiers={**listed.tiers, **more})


def multiplied(card: Card, factor: Decimal) -> Card:
    return Card(
        rates={name: rate * factor for name, rate in card.rates.items()},
        above=card.above,
        long={name: rate * factor for name, rate in card.long.items()},
    )


# ---- as JSON ----------------------------------------------------------------------------------------------------------------


def price_entry(listed: Listed) -> dict[str, Any]:
    standard = listed.tiers["default"]
    start = {"from": listed.start.isoformat()} if listed.start else {}
    others = {tier: _tier_entry(card, standard) for tier, card in listed.tiers.items() if tier != "default"}
    return start | card_entry(standard) | ({"tiers": others} if others else {})


def card_entry(card: Card) -> dict[str, Any]:
    entry: dict[str, Any] = dict(_texts(card.rates))
    return entry | ({"above": card.above, "long": _texts(card.long)} if card.long else {})


def _tier_entry(card: Card, standard: Card) -> str | dict[str, Any]:
    """One factor where it says it all, which it mostly does."""
    factor = card.rates["input"] / standard.rates["input"]
    is_exact = factor == round(factor, 4) and card == multiplied(standard, factor)
    return _text(factor) if is_exact else card_entry(card)


def _texts(rates: Rates) -> dict[str, str]:
    return {name: _text(rates[name]) for name in CLASSES if name in rates}


def _text(number: Decimal) -> str:
    return f"{number.normalize():f}"
