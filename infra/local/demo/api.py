"""Tollgate's own API, as an admin uses it. Money comes out of its JSON as whole nano-dollars."""

import time
from dataclasses import dataclass
from decimal import Decimal
from json import loads
from typing import Any, Self

import httpx

from infra.local.configuration import StackError
from infra.local.demo.shops import MONTH_OF_DAYS, NANO_PER_USD, Shop

# A function that starts cold on a busy machine may be refused once by a table that does not answer in time.
TRIES = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Tenant:
    """A shop under the name that it has in this run."""

    id: str
    shop: Shop
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A budget's day in nano-dollars, as the API tells it."""

    limit: int
    spent: int
    held: int
    in_flight: int
    state: str
    day: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    cost: int
    calls: int
    input_tokens: int
    cached_input_tokens: int
    output_tokens: int
    downgraded_calls: int
    saved: int
    p50_ms: int | None
    p95_ms: int | None
    models: tuple[tuple[str, int, int], ...]
    """Model, calls, nano-dollars; dearest first."""


class Api:
    def __init__(self, url: str, admin_key: str) -> None:
        self._http = httpx.Client(
            base_url=url, headers={"authorization": f"Bearer {admin_key}"}, timeout=60, trust_env=False
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def open_tenant(self, shop: Shop, *, run: str) -> Tenant:
        tenant_id = f"{shop.id}-{run}"
        day, month = shop.budget, shop.budget * MONTH_OF_DAYS
        budget = {
            "dailyBudgetUsd": day / NANO_PER_USD,
            "monthlyBudgetUsd": month / NANO_PER_USD,
            "softCap": shop.soft_cap,
            "timezone": shop.timezone,
            "cheaperModel": "gpt-4o-mini",
        }
        self._ask("PUT", f"/api/cost/budget/{tenant_id}", budget)
        made = self._ask(
            "POST", "/api/keys", {"tenantId": tenant_id, "role": "tenant", "name": f"{shop.name}'s agents"}
        )
        return Tenant(id=tenant_id, shop=shop, key=str(made["key"]))

    def standing(self, tenant_id: str) -> Standing:
        budget = self._ask("GET", f"/api/cost/budget/{tenant_id}")
        day = budget["daily"]
        return Standing(
            limit=nano(day["limitUsd"]),
            spent=nano(day["spentUsd"]),
            held=nano(day["heldUsd"]),
            in_flight=int(budget["inFlight"]),
            state=budget["state"],
            day=day["window"],
        )

    def summary(self, tenant_id: str) -> Summary:
        body = self._ask("GET", f"/api/cost/summary/{tenant_id}?groupBy=model")
        totals, latency = body["totals"], body["latencyMs"]
        return Summary(
            cost=nano(totals["costUsd"]),
            calls=totals["calls"],
            input_tokens=totals["inputTokens"],
            cached_input_tokens=totals["cachedInputTokens"],
            output_tokens=totals["outputTokens"],
            downgraded_calls=totals["downgradedCalls"],
            saved=nano(totals["savedByDowngradeUsd"]),
            p50_ms=latency["p50"],
            p95_ms=latency["p95"],
            models=tuple((group["key"] or "none", group["calls"], nano(group["costUsd"])) for group in body["groups"]),
        )

    def _ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        for attempt in range(TRIES):
            try:
                answer = self._http.request(method, path, json=body)
            except httpx.HTTPError as error:
                raise StackError(f"{method} {path} had no answer: {error!r}") from error
            if answer.status_code < 500 or attempt == TRIES - 1:
                break
            time.sleep(1 + attempt)
        if answer.is_success:
            return loads(answer.text, parse_float=Decimal)
        raise StackError(f"{method} {path} answered {answer.status_code}: {answer.text}")


def nano(usd: Decimal | int) -> int:
    """Dollars to nano-dollars, exact; more than nine decimals would be a fault of the API's."""
    amount = Decimal(usd) * NANO_PER_USD
    if amount != amount.to_integral_value():
        raise StackError(f"${usd} is not a whole number of nano-dollars.")
    return int(amount)
