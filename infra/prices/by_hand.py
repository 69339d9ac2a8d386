"""What no library says, with its source: by_hand.json."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("by_hand.json")


@dataclass(frozen=True, slots=True, kw_only=True)
class ByHand:
    """`models`: what we add to each model that we price. `differs`: model -> class of tokens -> why the two sources disagree there."""

    models: Mapping[str, Mapping[str, Any]]
    differs: Mapping[str, Mapping[str, str]]


@cache
def by_hand() -> ByHand:
    """Raises ValueError for a fact without a source."""
    written = json.loads(FILE.read_text(encoding="utf-8"))
    sources, families = written["sources"], written["families"]
    models = {name: _whole(entry, families) for name, entry in written["models"].items()}
    for name, entry in models.items():
        unknown = set(entry["sources"]) - sources.keys()
        if unknown or not entry["sources"]:
            raise ValueError(f"by_hand.json: {name} has no source, or one that is not listed: {sorted(unknown)}")
    return ByHand(models=models, differs=written["differs"])


def _whole(entry: Mapping[str, Any], families: Mapping[str, Any]) -> Mapping[str, Any]:
    """A model's own facts over those of its family."""
    family = families[entry["family"]]
    own = {name: value for name, value in entry.items() if name != "family"}
    return {**family, **own, "sources": [*family.get("sources", []), *entry.get("sources", [])]}
