"""What a source lists for a model: US dollars for a million tokens of each class."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

CLASSES = ("input", "cached", "cache_write", "cache_write_12h", "output", "audio_input", "audio_output")
Rates = Mapping[str, Decimal]


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """`long`: the rates of the whole request past `above` input tokens; empty where the source has none."""

    rates: Rates
    above: int | None = None
    long: Rates = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A model's cards from `start` on, by service tier; `default` is always there."""

    tiers: Mapping[str, Card]
    start: date | None = None
