"""The first source: genai-prices, as it is installed. Names are matched exactly; its own matching takes more than OpenAI does."""

from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal
from functools import cache
from importlib.metadata import version
from re import escape
from typing import Any

from infra.prices.card import Card, Listed

# Its name for each class. What is billed by the search or the hour is not ours: such tools are refused.
NAMES = {
    "input_mtok": "input",
    "cache_read_mtok": "cached",
    "cache_write_mtok": "cache_write",
    "output_mtok": "output",
    "input_audio_mtok": "audio_input",
    "output_audio_mtok": "audio_output",
}
NOT_TOKENS = {"web_searches_kcount", "storage_searches_kcount"}


def source_version() -> str:
    return version("genai-prices")


def listed(name: str) -> list[Listed]:
    """Oldest first; empty where the library has no model of exactly this name."""
    model = _models().get(name)
    if model is None:
        return []
    prices = model.prices if isinstance(model.prices, list) else [_Always(model.prices)]
    dated = [Listed(start=_start(entry), tiers={"default": _card(_rates(entry.prices))}) for entry in prices]
    newest = dated[-1]
    return [*dated[:-1], Listed(start=newest.start, tiers={**newest.tiers, **_variants(model, prices[-1].prices)})]


def dated_names(name: str) -> list[str]:
    """The dated names that the library lists one by one beside this one."""
    model = _models().get(name)
    return sorted(other for other in _exact(model.match) if other.startswith(f"{name}-20")) if model else []


def takes_any_date(name: str) -> bool:
    """Whether the library expects dated names of this model that nobody has seen yet."""
    model = _models().get(name)
    pattern = rf"^{escape(name)}-\d{{4}}-\d{{2}}-\d{{2}}$".replace(r"\-", "-")
    return model is not None and any(getattr(clause, "regex", None) == pattern for clause in _clauses(model.match))


class _Always:
    constraint = None

    def __init__(self, prices: Any) -> None:
        self.prices = prices


@cache
def _models() -> Mapping[str, Any]:
    """By every name that is matched exactly."""
    from genai_prices.data import providers  # noqa: PLC0415 - 1.6 MB, only where it is needed

    [openai] = [provider for provider in providers if provider.id == "openai"]
    named = {name: model for model in openai.models for name in _exact(model.match)}
    return {model.id: model for model in openai.models} | named


def _clauses(match: Any) -> list[Any]:
    return list(getattr(match, "or_", [match]))


def _exact(match: Any) -> Iterator[str]:
    yield from (str(clause.equals) for clause in _clauses(match) if hasattr(clause, "equals"))


def _start(entry: Any) -> date | None:
    start: date | None = entry.constraint.start_date if entry.constraint is not None else None
    return start


def _variants(model: Any, standard: Any) -> dict[str, Card]:
    """Each tier; a variant names only the rates in which it differs from the standard ones."""
    cards: dict[str, Card] = {}
    for variant in model.price_variants or []:
        own = _rates(variant.prices)
        # Batches are no tier of a call, and no route takes them.
        tier = variant.when.get("service_tier", "batch")
        if tier in ("default", "batch") or not own:
            continue
        card = _card(_rates(standard) | own)
        if tier == "fast":
            assert card == cards["priority"], f"{model.id}: fast and priority are two names of one tier"
        else:
            cards[tier] = card
    return cards


def _rates(prices: Any) -> dict[str, Any]:
    named = {name: value for name, value in vars(prices).items() if value is not None and name not in NOT_TOKENS}
    unknown = named.keys() - NAMES.keys()
    if unknown:
        raise ValueError(f"a class of tokens that we do not price: {sorted(unknown)}")
    return {NAMES[name]: value for name, value in named.items()}


def _card(rates: Mapping[str, Any]) -> Card:
    """Every class that has a long-context rate has it from the same number of tokens on."""
    steps = {name: value.tiers for name, value in rates.items() if hasattr(value, "tiers")}
    starts = {tier.start for tiers in steps.values() for tier in tiers}
    base = {name: Decimal(getattr(value, "base", value)) for name, value in rates.items()}
    if not steps:
        return Card(rates=base)
    [above] = starts
    return Card(rates=base, above=above, long=base | {name: Decimal(tiers[0].price) for name, tiers in steps.items()})
