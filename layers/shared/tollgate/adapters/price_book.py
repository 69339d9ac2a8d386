"""Prices, models and their ends from the file in `data/`: loaded once, in milliseconds, and never fetched at run time."""

import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any

from tollgate.domain.errors import ModelGone, ModelNotPriced
from tollgate.domain.lifecycle import Lifetime, ending, successor
from tollgate.domain.model import Capability, Kind, Model, Taken
from tollgate.domain.money import from_usd
from tollgate.domain.price import STANDARD_TIER, LongContext, Price, Rates, TierRates
from tollgate.domain.tokenizer import tokenizer_of

DATED = re.compile(r"-\d{4}-\d{2}-\d{2}$")
FINE_TUNED = re.compile(r"^(ft:[^:]+):[^:]*:[^:]*:[^:]+$")
MORE_CLASSES = ("cache_write", "cache_write_12h", "audio_input", "audio_output")
PRICE_FIELDS = frozenset({"from", "input", "cached", "output", "above", "long", "tiers", *MORE_CLASSES})
MODEL_FIELDS = frozenset(
    {"kind", "input_max", "output_max", "names", "any_date", "capabilities", "prices", "sources", "max_tokens_refused"}
    | {"effort_none", "chat_tools", "temperature", "shutdown", "replacement"}
)
# A fine-tuned model has a name of its own, so that there is no end to names.
KEPT = 256
Entries = Mapping[str, Mapping[str, Any]]
Ends = Callable[[], Mapping[str, date | None]]


class FilePriceBook:
    """The last price of a model whose day (`from`, UTC) has come is its price.

    `gpt-4o-2024-08-06` and `ft:gpt-4o-mini:org::id` resolve to the entry that lists them; the name as asked is what is sent.
    `overrides`: entries as in the file, over its own. `ends`: shutdown days that OpenAI told since the file was made, over the
    file's. `warn`: called once for each model whose end is near. Raises ValueError for overrides that cannot be read.
    """

    def __init__(
        self,
        text: str | None = None,
        *,
        overrides: str = "",
        region: Fraction = Fraction(1),
        ends: Ends = dict,
        warn: Callable[[str], None] = lambda _: None,
    ) -> None:
        shipped = _read(text) if text is not None else _shipped()
        self._models = _with_overrides(shipped, overrides) if overrides else shipped
        self._names = {name: base for base, entry in self._models.items() for name in (*entry.get("names", ()), base)}
        self._region = region
        self._ends = ends
        self._warn = warn
        self._warned: set[str] = set()
        # Values, made from the file's texts at each call otherwise.
        self._kept_price = lru_cache(maxsize=KEPT)(self._price_at)
        self._kept_model = lru_cache(maxsize=KEPT)(self._model_in)

    def price_of(self, model: str, at: datetime) -> Price:
        lifetime, day = self.lifetime_of(model), at.astimezone(UTC).date()
        if lifetime.shutdown is not None and not lifetime.is_served(day):
            instead = lifetime.replacement and successor(lifetime.replacement, day, self._lifetime_or_none)
            raise ModelGone(model, since=lifetime.shutdown, replacement=instead)
        self._warn_once(model, day)
        return self.price_of_spent(model, at)

    def price_of_spent(self, model: str, at: datetime) -> Price:
        entry, day = self._models[self._base(model)], at.astimezone(UTC).date().isoformat()
        in_force = [number for number, price in enumerate(entry["prices"]) if price.get("from", "") <= day]
        if not in_force:
            raise ModelNotPriced(model)
        return self._kept_price(model, in_force[-1])

    def model_of(self, model: str) -> Model:
        return self._kept_model(self.lifetime_of(model))

    def _price_at(self, model: str, number: int) -> Price:
        entry = self._models[self._base(model)]
        return _price(model, entry, entry["prices"][number], self._region)

    def _model_in(self, lifetime: Lifetime) -> Model:
        return _model(lifetime.model, self._models[self._base(lifetime.model)], lifetime)

    def lifetime_of(self, model: str) -> Lifetime:
        base = self._base(model)
        entry, told = self._models[base], self._ends()
        shipped = date.fromisoformat(entry["shutdown"]) if "shutdown" in entry else None
        shutdown = told.get(model, told.get(base.removeprefix("ft:"), shipped))
        return Lifetime(model=model, shutdown=shutdown, replacement=entry.get("replacement"))

    def in_place_of(self, model: str, at: datetime) -> str | None:
        return successor(model, at.astimezone(UTC).date(), self._lifetime_or_none)

    def ending_of(self, model: str, at: datetime) -> str | None:
        lifetime = self._lifetime_or_none(model)
        return ending(lifetime, at.astimezone(UTC).date()) if lifetime is not None else None

    def models(self, at: datetime | None = None) -> list[str]:
        """Those that may be asked for by that name at that time; now, where none is given. A fine-tuned model has a name of its own."""
        day = (at or datetime.now(UTC)).astimezone(UTC).date()
        return [name for name in self._models if not name.startswith("ft:") and self.lifetime_of(name).is_served(day)]

    def shipped_ends(self) -> dict[str, date | None]:
        """The days of the file and the overrides, by every name that OpenAI lists."""
        days = {name: self._models[base].get("shutdown") for name, base in self._names.items() if base[:3] != "ft:"}
        return {name: date.fromisoformat(day) if day else None for name, day in days.items()}

    def entry_of(self, model: str) -> str:
        """The one name that a model and its dated names share; a fine-tuned one, or one that is not priced, stands for itself."""
        try:
            base = self._base(model)
        except ModelNotPriced:
            return model
        return model if base.startswith("ft:") else base

    def _base(self, model: str) -> str:
        """The entry that prices this name. Raises ModelNotPriced."""
        tuned = FINE_TUNED.match(model)
        name = tuned[1] if tuned else model
        undated = DATED.sub("", name)
        found = self._names.get(name) or (undated if self._models.get(undated, {}).get("any_date") else None)
        # A fine-tuned model is named with its owner and id; the entry's own name is none that OpenAI takes.
        if found is None or (found.startswith("ft:") and not tuned):
            raise ModelNotPriced(model)
        return found

    def _lifetime_or_none(self, model: str) -> Lifetime | None:
        try:
            return self.lifetime_of(model)
        except ModelNotPriced:
            return None

    def _warn_once(self, model: str, day: date) -> None:
        base = self._base(model)
        if base not in self._warned and (sentence := ending(self.lifetime_of(model), day)):
            self._warned.add(base)
            self._warn(sentence)


@cache
def _shipped() -> Entries:
    return _read(files("tollgate.data").joinpath("prices.json").read_text(encoding="utf-8"))


def _read(text: str) -> Entries:
    models: Entries = json.loads(text)["models"]
    return models


# ---- overrides --------------------------------------------------------------------------------------------------------------


def _with_overrides(shipped: Entries, text: str) -> Entries:
    """Raises ValueError that names the model and what is wrong with it."""
    try:
        given = json.loads(text)
    except ValueError as error:
        raise ValueError(f"PRICE_OVERRIDES is not JSON: {error}") from error
    if not isinstance(given, dict) or not all(isinstance(entry, dict) for entry in given.values()):
        raise ValueError('PRICE_OVERRIDES must be an object like {"gpt-4o": {"prices": [{"input": "2.25", ...}]}}')
    merged = {**shipped, **{name: {**shipped.get(name, {}), **entry} for name, entry in given.items()}}
    for name in given:
        try:
            _check(name, merged[name])
        except (KeyError, TypeError, ValueError, InvalidOperation, AttributeError) as error:
            said = f"{error} is missing" if isinstance(error, KeyError) else str(error) or type(error).__name__
            raise ValueError(f"PRICE_OVERRIDES: {name}: {said}") from error
    return merged


def _check(name: str, entry: Mapping[str, Any]) -> None:
    _refuse_unknown(entry, MODEL_FIELDS)
    if not entry["prices"]:
        raise ValueError("prices is empty")
    for price in entry["prices"]:
        _refuse_unknown(price, PRICE_FIELDS)
        if "from" in price:
            date.fromisoformat(price["from"])
        _price(name, entry, price, Fraction(1))
    if sorted(entry["prices"], key=lambda price: str(price.get("from", ""))) != entry["prices"]:
        raise ValueError("prices must be in the order of their days")
    shutdown = date.fromisoformat(entry["shutdown"]) if "shutdown" in entry else None
    _model(name, entry, Lifetime(model=name, shutdown=shutdown))


def _refuse_unknown(entry: Mapping[str, Any], known: frozenset[str]) -> None:
    if unknown := sorted(entry.keys() - known):
        raise ValueError(f"the field {unknown[0]!r} is not known")


# ---- entries as values ------------------------------------------------------------------------------------------------------


def _model(name: str, entry: Mapping[str, Any], lifetime: Lifetime) -> Model:
    return Model(
        name=name,
        kind=Kind(entry["kind"]),
        input_max=entry["input_max"],
        output_max=entry["output_max"],
        lifetime=lifetime,
        capabilities=frozenset(Capability(word) for word in entry.get("capabilities", ())),
        max_tokens_refused=entry.get("max_tokens_refused", False),
        effort_none=entry.get("effort_none") == "taken",
        chat_tools=Taken(entry.get("chat_tools", "unknown")),
        temperature=Taken(entry.get("temperature", "unknown")),
        tokenizer=tokenizer_of(name),
    )


def _price(name: str, entry: Mapping[str, Any], price: Mapping[str, Any], region: Fraction) -> Price:
    tiers = price.get("tiers", {})
    standard = _tier_rates(price)
    return Price(
        model=name,
        rates=standard.rates,
        input_max=entry["input_max"],
        output_max=entry["output_max"],
        long_context=standard.long_context,
        tiers={STANDARD_TIER: Fraction(1)}
        | {tier: _factor(each) for tier, each in tiers.items() if isinstance(each, str)},
        region=region,
        max_tokens_refused=entry.get("max_tokens_refused", False),
        own_tiers={tier: _tier_rates(each) for tier, each in tiers.items() if not isinstance(each, str)},
    )


def _tier_rates(card: Mapping[str, Any]) -> TierRates:
    long = LongContext(above=card["above"], rates=_rates(card["long"])) if "above" in card else None
    return TierRates(rates=_rates(card), long_context=long)


def _rates(card: Mapping[str, Any]) -> Rates:
    """A model without a rate for cached tokens bills them as plain input."""
    more = {name: _rate(card[name]) for name in MORE_CLASSES if name in card}
    return Rates(
        input=_rate(card["input"]),
        cached=_rate(card.get("cached", card["input"])),
        output=_rate(card["output"]),
        cache_write=more.get("cache_write"),
        cache_write_12h=more.get("cache_write_12h"),
        audio_input=more.get("audio_input"),
        audio_output=more.get("audio_output"),
    )


@cache
def _rate(text: str) -> int:
    if not isinstance(text, str):
        raise TypeError(f'a rate is a text like "2.50", not {text!r}: no float touches money')
    rate = from_usd(Decimal(text))
    if rate < 0:
        raise ValueError(f"a rate cannot be negative: {text}")
    return rate


@cache
def _factor(text: str) -> Fraction:
    factor = Fraction(text)
    if factor <= 0:
        raise ValueError(f"a tier's factor must be more than 0: {text}")
    return factor
