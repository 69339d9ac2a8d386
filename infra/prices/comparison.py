"""Where the two sources disagree, and whether by_hand.json says why."""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from infra.prices import litellm_source
from infra.prices.by_hand import by_hand
from infra.prices.card import CLASSES, Card
from infra.prices.price_list import listed_prices, names_of

TIERS = ("default", "flex", "priority", "ultrafast")


def faults() -> list[str]:
    """A sentence for each difference that is not explained, and for each explanation of a difference that is gone."""
    found = {name: differences(name, ours) for name, ours in by_hand().models.items()}
    explained = by_hand().differs
    unexplained = [
        f"{name}: {what}: {said}, and by_hand.json does not say why"
        for name, differs in found.items()
        for what, said in differs.items()
        if what not in explained.get(name, {})
    ]
    stale = [
        f"{name}: {what}: by_hand.json explains a difference that is not there"
        for name, reasons in explained.items()
        for what in reasons
        if what not in found.get(name, {})
    ]
    return unexplained + stale


def differences(name: str, ours: Mapping[str, Any]) -> dict[str, str]:
    """What differs -> what each says. One difference for a model that the second source does not have."""
    theirs = ours.get("litellm", name)
    if not litellm_source.facts(theirs):
        return {"model": "only one source has it"}
    # Of today's price alone: the second source keeps no history.
    cards = listed_prices(name, ours)[-1].tiers
    found: dict[str, str] = {}
    for tier in TIERS:
        found |= _card_differences(tier, cards.get(tier), litellm_source.card(theirs, tier))
    return found | dict(_shutdown_differences(name, ours))


def _card_differences(tier: str, ours: Card | None, theirs: Card | None) -> dict[str, str]:
    if ours is None or theirs is None:
        return {} if ours is theirs else {tier: f"only {'LiteLLM' if ours is None else 'genai-prices'} has it"}
    pairs = {name: (ours.rates.get(name), theirs.rates.get(name)) for name in CLASSES}
    # Where the second source lists no long context for a tier, ours follows the standard rates (price_list.py).
    if theirs.long or tier == "default":
        pairs |= {f"long.{name}": (ours.long.get(name), theirs.long.get(name)) for name in CLASSES}
    return {
        f"{tier}.{name}": f"{ours} here, {theirs} in LiteLLM"
        for name, (ours, theirs) in pairs.items()
        if (ours or Decimal(0)) != (theirs or Decimal(0))
    }


def _shutdown_differences(name: str, ours: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for each in (name, *names_of(name, ours)):
        said = litellm_source.facts(each).get("deprecation_date")
        if said is not None and said != ours.get("shutdown"):
            yield f"shutdown.{each}", f"{ours.get('shutdown')} here, {said} in LiteLLM"
