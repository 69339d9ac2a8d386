"""The second source: LiteLLM's price file, cut to the models that we price (litellm.json), which snapshot_litellm.py writes."""

import json
from collections.abc import Mapping
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from infra.prices.card import Card

SNAPSHOT = Path(__file__).with_name("litellm.json")
NAMES = {
    "input": "input_cost_per_token",
    "cached": "cache_read_input_token_cost",
    "cache_write": "cache_creation_input_token_cost",
    "cache_write_12h": "cache_creation_input_token_cost_above_12hr",
    "output": "output_cost_per_token",
    "audio_input": "input_cost_per_audio_token",
    "audio_output": "output_cost_per_audio_token",
}
TIERS = {"default": "", "flex": "_flex", "priority": "_priority", "ultrafast": "_ultrafast"}
STEP = 272_000
TOKENS_PER_MTOK = 1_000_000


def source_version() -> str:
    return str(_snapshot()["version"])


def facts(name: str) -> Mapping[str, Any]:
    """Empty where LiteLLM does not list the model."""
    found: Mapping[str, Any] = _snapshot()["models"].get(name, {})
    return found


def card(name: str, tier: str = "default") -> Card | None:
    entry, suffix = facts(name), TIERS[tier]
    rates = _rates(entry, suffix)
    if not rates:
        return None
    long = _rates(entry, f"_above_272k_tokens{suffix}")
    return Card(rates=rates, above=STEP if long else None, long=long)


def _rates(entry: Mapping[str, Any], suffix: str) -> dict[str, Decimal]:
    found = {name: entry.get(theirs + suffix) for name, theirs in NAMES.items()}
    return {name: Decimal(value) * TOKENS_PER_MTOK for name, value in found.items() if value is not None}


@cache
def _snapshot() -> Mapping[str, Any]:
    snapshot: Mapping[str, Any] = json.loads(SNAPSHOT.read_text(encoding="utf-8"), parse_float=Decimal)
    return snapshot
