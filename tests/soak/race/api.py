"""A smaller race through the API of a deployed stack: clients call, budgets change by PUT, and the local OpenAI's own list is the bill."""

import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import httpx

from tests.soak.race.books import Outcome
from tests.soak.race.journal import Journals, Try
from tests.soak.race.own_dynamodb import OwnDynamoDb
from tests.soak.race.replay import Replay
from tests.system.tollgate_client import Stack, Tenant, Tollgate, eventually, nano, new_tenant, published_cost
from tollgate.domain.page import Hold, Page

BUDGET_USD = 0.03
CLIENTS = 8
REASON = "x-tollgate-refusal-reason"


class PagesWord(Journals):
    """Nobody looks into the functions: a hold is held against the settings of the version that its page had."""

    def try_of(self, page: Page, hold: Hold) -> Try:
        return Try(amount=hold.amount, model=hold.model, version=page.version, at=datetime.now(UTC), barred=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiRace:
    stack: Stack
    admin: Tollgate
    shop: Tenant
    openai: httpx.Client
    chance: random.Random
    calls: int

    def run(self, seed: int) -> Outcome:
        before, began = self._served_so_far(), time.monotonic()
        figures = self._calls_and_changes()
        seconds = time.monotonic() - began
        served = self.openai.get("/_local/served", params={"since": before}).json()["served"]
        figures["billed"] = published_cost(served)
        budget = eventually(self.shop.budget, until=lambda budget: budget["inFlight"] == 0, seconds=60)
        rows = eventually(
            self.shop.spans, until=lambda rows: sum(row[2] for row in rows) == figures["billed"], seconds=60
        )
        replay = Replay(PagesWord()).run(self._images())
        figures |= Counter({
            "booked": sum(row[2] for row in rows),
            "spent": nano(budget["monthly"]["spentUsd"]),
            "writes": replay.writes,
            "exact": replay.exact,
            "over": replay.over,
            "processes": CLIENTS,
            "tenants": 1,
        })  # fmt: skip
        broken = _broken(figures, budget, rows, replay, len(served))
        return Outcome(name="through the API", seed=seed, broken=broken, figures=figures, seconds=seconds)

    def _calls_and_changes(self) -> Counter[str]:
        figures: Counter[str] = Counter()
        over = threading.Event()
        admin = threading.Thread(target=self._change_until, args=(over, figures), daemon=True)
        admin.start()
        with ThreadPoolExecutor(CLIENTS) as clients:
            for answer in clients.map(self._call, range(self.calls)):
                figures += _told(answer)
        over.set()
        admin.join(60)
        return figures

    def _call(self, number: int) -> httpx.Response:
        chance = random.Random(f"{self.shop.tenant_id} {number}")
        output = chance.choice(("worst", "worst", str(chance.randint(1, 250))))
        text = f"[[local: outputTokens={output} latency=0.05]] {self.shop.tenant_id} {number}: which jobs are open?"
        return self.shop.chat(text, max_tokens=chance.randint(250, 400))

    def _change_until(self, over: threading.Event, figures: Counter[str]) -> None:
        path = f"/api/cost/budget/{self.shop.tenant_id}"
        while not over.wait(self.chance.uniform(0.05, 0.3)):
            with suppress(httpx.HTTPError):
                answer = self.admin.put(path, self._change(self.shop.budget()))
                figures["changes"] += answer.status_code == 200

    def _change(self, budget: dict[str, Any]) -> dict[str, Any]:
        """Under what is spent as well as over it; and what bars or opens everything lasts for one change."""
        normal = {"mode": "enforce", "suspended": False, "maxInFlight": 50}
        if budget["settings"]["suspended"] or budget["mode"] == "observe":
            return normal
        daily = max(0.0, budget["daily"]["spentUsd"] + self.chance.uniform(-0.01, 0.03))
        changes: list[dict[str, Any]] = [
            {"dailyBudgetUsd": round(daily, 9)},
            {"dailyBudgetUsd": round(daily, 9)},
            {"dailyBudgetUsd": round(daily + BUDGET_USD, 9), "softCap": 1},
            {"softCap": self.chance.choice([0.5, 0.8, 1])},
            {"maxInFlight": self.chance.choice([2, 50])},
            {"mode": "observe"},
            {"suspended": True},
        ]
        return self.chance.choice(changes)

    def _served_so_far(self) -> int:
        return int(self.openai.get("/_local/health").json()["served"])

    def _images(self) -> Iterator[dict[str, Any]]:
        table = OwnDynamoDb(
            endpoint_url=self.stack.facts["awsEndpointUrl"],
            client=self.stack.aws("dynamodb"),
            streams=self.stack.aws("dynamodbstreams"),
        )
        mine = f"TENANT#{self.shop.tenant_id}"
        return (image for image in table.images(self.stack.facts["ledgerTable"]) if image["pk"]["S"] == mine)


def race_through_the_api(stack: Stack, *, seed: int, calls: int) -> Outcome:
    admin = Tollgate(stack, stack.admin_key)
    with httpx.Client(base_url=stack.openai_base_url.removesuffix("/v1"), timeout=30) as openai:
        shop = new_tenant(admin, stack, dailyBudgetUsd=BUDGET_USD, requestsPerMinute=10_000)
        chance = random.Random(f"{seed} api")
        return ApiRace(stack=stack, admin=admin, shop=shop, openai=openai, chance=chance, calls=calls).run(seed)


def _told(answer: httpx.Response) -> Counter[str]:
    told = Counter({"calls": 1})
    match answer.status_code:
        case 200:
            told["accepted"] += 1
            told["downgraded"] += "x-tollgate-downgrade-reason" in answer.headers
        case 429:
            told[f"refused: {answer.headers.get(REASON, 'rate')}"] += 1
        case 503:
            told["unavailable"] += 1
        case status:
            told[f"strange: {status} {answer.text[:200]}"] += 1
    return told


def _broken(
    figures: Counter[str], budget: dict[str, Any], rows: list[tuple[Any, ...]], replay: Replay, served: int
) -> list[str]:
    sums = {name: figures[name] for name in ("billed", "booked", "spent")}
    wrong = {
        f"the books differ: {sums}": len(set(sums.values())) != 1,
        "money is held": any(budget[window]["heldUsd"] != 0 for window in ("daily", "monthly")),
        "calls are in flight": budget["inFlight"] != 0,
        "a span is missing": [row[0] for row in rows] != list(range(1, len(rows) + 1)),
        f"{figures['over']} holds were let in over a limit": figures["over"] > 0,
        f"{figures['accepted']} answers to {served} calls of the upstream": figures["accepted"] != served,
        "nothing was refused": not any(name.startswith("refused") for name in figures),
        "the settings never changed": figures["changes"] == 0,
    }
    strange = [name for name in figures if name.startswith("strange")]
    return [words for words, is_so in wrong.items() if is_so] + list(replay.broken.values()) + strange
