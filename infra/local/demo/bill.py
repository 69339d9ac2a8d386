"""What OpenAI says it served, priced a second time, by hand: nothing here is shared with what Tollgate itself prices by."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from fractions import Fraction
from math import ceil
from re import sub
from typing import Any

import httpx

from infra.build import ROOT

PRICES = ROOT / "layers" / "shared" / "tollgate" / "data" / "prices.json"
NANO_FOR_A_TOKEN = Fraction(10**9, 10**6)
"""Nano-dollars for one token at one dollar for a million."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bill:
    """By tenant: calls and nano-dollars. `others`: calls since the run began that were not the run's."""

    calls: Mapping[str, int]
    cost: Mapping[str, int]
    others: int


def cost_of(model: str, tier: str, tokens: Mapping[str, int], prices: Mapping[str, Any]) -> int:
    """Nano-dollars, rounded up once. `tokens`: `uncached`, `cached`, `cacheWrite` and `output`, which do not overlap."""
    models = prices["models"]
    listed = models.get(model) or models[sub(r"-\d{4}-\d{2}-\d{2}$", "", model)]
    today = datetime.now(UTC).date().isoformat()
    entry = [price for price in listed["prices"] if price.get("from", "") <= today][-1]
    named = ({"default": "1"} | entry.get("tiers", {}))["priority" if tier == "fast" else tier]
    entry, factor = (entry, Fraction(named)) if isinstance(named, str) else (named, Fraction(1))
    read = tokens["uncached"] + tokens["cached"] + tokens["cacheWrite"]
    rates = entry["long"] if read > entry.get("above", read) else entry
    writing = "cache_write" if "cache_write" in entry else "input"
    reading = "cached" if "cached" in entry else "input"
    classes = {"uncached": "input", "cached": reading, "cacheWrite": writing, "output": "output"}
    total = sum(tokens[kind] * Fraction(rates[name]) for kind, name in classes.items() if tokens[kind])
    return ceil(total * factor * NANO_FOR_A_TOKEN)


def bill_of(served: Iterable[Mapping[str, Any]], tenants: Iterable[str], prices: Mapping[str, Any]) -> Bill:
    """`served`: entries as the local OpenAI keeps them. `user` says whose each was, because the gate hands it on."""
    calls, cost = dict.fromkeys(tenants, 0), dict.fromkeys(tenants, 0)
    others = 0
    for entry in served:
        tenant_id = entry["user"]
        if tenant_id not in calls:
            others += 1
            continue
        calls[tenant_id] += 1
        cost[tenant_id] += cost_of(entry["model"], entry["serviceTier"], entry["tokens"], prices)
    return Bill(calls=calls, cost=cost, others=others)


def read_prices() -> Mapping[str, Any]:
    prices: Mapping[str, Any] = json.loads(PRICES.read_text(encoding="utf-8"))
    return prices


class LocalOpenAi:
    """The local OpenAI's own books; no other OpenAI has them."""

    def __init__(self, base_url: str) -> None:
        self._http = httpx.Client(base_url=base_url.removesuffix("/").removesuffix("/v1"), timeout=20, trust_env=False)

    def served(self, *, since: int) -> list[Mapping[str, Any]]:
        entries: list[Mapping[str, Any]] = self._get(f"/_local/served?since={since}")["served"]
        return entries

    def count(self) -> int:
        return int(self._get("/_local/health")["served"])

    def take_time(self) -> dict[str, Any]:
        """Answers as slowly as a real model does. Returns what it was before, for `behave`."""
        before: dict[str, Any] = self._get("/_local/behaviour")
        self.behave({"latencySeconds": 0.25, "jitterSeconds": 0.5})
        return before

    def behave(self, behaviour: Mapping[str, Any]) -> None:
        self._http.post("/_local/behaviour", json=behaviour).raise_for_status()

    def _get(self, path: str) -> Any:
        answer = self._http.get(path)
        answer.raise_for_status()
        return answer.json()
