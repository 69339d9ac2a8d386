"""Asks each part whether it is there, each within its own time limit."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tollgate.domain.errors import TollgateError

Ask = Callable[[], Mapping[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    checks: Mapping[str, Mapping[str, Any]]

    @property
    def is_ok(self) -> bool:
        return all(check["status"] == "ok" for check in self.checks.values())


def check_health(asks: Mapping[str, Ask]) -> Health:
    """Each ask returns facts to show, or raises a TollgateError; it keeps its own time limit."""
    return Health(checks={name: _check(ask) for name, ask in asks.items()})


def _check(ask: Ask) -> dict[str, Any]:
    started = time.monotonic()
    try:
        facts = dict(ask())
    except TollgateError as error:
        return {"status": "failed", "message": str(error), "latencyMs": _since(started)}
    return {"status": "ok", "latencyMs": _since(started)} | facts


def _since(started: float) -> int:
    return round((time.monotonic() - started) * 1000)
