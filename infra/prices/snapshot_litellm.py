"""Cuts LiteLLM's price file to the models that by_hand.json names. From a new release:

pip download --no-deps litellm==<version> && python -m infra.prices.snapshot_litellm litellm-<version>-*.whl
"""

import hashlib
import json
import sys
from pathlib import Path
from typing import Any
from zipfile import ZipFile

from infra.prices.by_hand import by_hand
from infra.prices.litellm_source import SNAPSHOT

PRICES = "litellm/model_prices_and_context_window_backup.json"
KEPT = (
    "_token_cost",
    "_cost_per_token",
    "_cost_per_audio_token",
    "supports_",
    "max_input",
    "max_output",
    "deprecation_date",
)
DROPPED = ("_batches", "_decisions")
CAPABILITIES = ("supports_vision", "supports_function_calling", "supports_response_schema", "supports_reasoning")


def main() -> None:
    [wheel] = [Path(name) for name in sys.argv[1:]]
    with ZipFile(wheel) as archive:
        text = archive.read(PRICES)
    # Numbers are kept as they are written: 7.5e-08 is an exact decimal there.
    everything = json.loads(text, parse_float=_Written, parse_int=_Written)
    bases = set(by_hand().models)
    models = {name: _cut(entry) for name, entry in everything.items() if _is_ours(name, entry, bases)}
    snapshot = {
        "source": "https://github.com/BerriAI/litellm, MIT licence, (c) Berri AI",
        "version": wheel.name.split("-")[1],
        "file": PRICES,
        "sha256": hashlib.sha256(text).hexdigest(),
        "models": dict(sorted(models.items())),
    }
    SNAPSHOT.write_text(_json(snapshot), encoding="utf-8")


class _Written(str):
    """A number as its source wrote it."""

    __slots__ = ()


def _is_ours(name: str, entry: Any, bases: set[str]) -> bool:
    is_openai = isinstance(entry, dict) and entry.get("litellm_provider") == "openai"
    return is_openai and (name in bases or name[: -len("-2026-01-01")] in bases)


def _cut(entry: dict[str, Any]) -> dict[str, Any]:
    kept = {name: value for name, value in sorted(entry.items()) if _is_kept(name)}
    return {"mode": entry["mode"]} | {
        name: value
        for name, value in kept.items()
        if not name.startswith("supports_") or (name in CAPABILITIES and value is True)
    }


def _is_kept(name: str) -> bool:
    return any(part in name for part in KEPT) and not any(part in name for part in DROPPED)


def _json(value: Any, depth: int = 0) -> str:
    """A line for each model, so that a new release is a readable change."""
    match value:
        case _Written():
            return value
        case dict() if depth < 2:
            lines = ",\n".join(
                f"{' ' * depth}{json.dumps(name)}: {_json(inner, depth + 1)}" for name, inner in value.items()
            )
            return "{\n" + lines + "\n" + " " * max(0, depth - 1) + "}" + ("\n" if depth == 0 else "")
        case dict():
            return (
                "{" + ", ".join(f"{json.dumps(name)}: {_json(inner, depth + 1)}" for name, inner in value.items()) + "}"
            )
        case _:
            return json.dumps(value)


if __name__ == "__main__":
    main()
