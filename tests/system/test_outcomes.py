"""The upstream fails in every way that it can, and each comes out as infra/outcomes.md says: outcome, cost, breaker's count, answer."""

import json
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from infra.local.openai_server.fault import FaultKind
from tests.infra.outcome_table import Row, rows
from tests.system.tollgate_client import Breakers, Stack, Tenant, Tollgate, eventually, nano, new_tenant

FAULTS: dict[str, dict[str, Any]] = {
    "500": {"kind": "error_500"},
    "503 once": {"kind": "error_503"},
    "503 always": {"kind": "error_503", "times": None},
    "429 without Retry-After": {"kind": "rate_limit"},
    "429, Retry-After soon over": {"kind": "rate_limit_retry_after", "retryAfterSeconds": 0.3},
    "429, Retry-After not soon": {"kind": "rate_limit_retry_after", "times": None, "retryAfterSeconds": 30},
    "insufficient_quota": {"kind": "insufficient_quota"},
    "the caller's mistake": {"kind": "bad_request"},
    "a model that is not there": {"kind": "model_not_found"},
    "a proxy's 502 page": {"kind": "html_502"},
    "slow": {"kind": "slow", "delaySeconds": 1},
    "reset before the work": {"kind": "reset_before_work"},
    "reset before headers": {"kind": "reset_before_headers"},
    "reset after headers": {"kind": "reset_after_headers"},
    "half a body": {"kind": "truncated_body"},
    "wrong JSON": {"kind": "wrong_json"},
    "cut before the usage": {"kind": "stream_cut_before_usage"},
    "ended without usage": {"kind": "stream_usage_missing"},
    "an error event": {"kind": "stream_error_event"},
}
HANGING = "hanging"
REQUESTS = ("plain", "stream")
# A breaker that opens is known to every function for a second after it was closed by hand: those cases have models of their own. So have
# the calls that hang while the others are made.
MODELS = {
    ("insufficient_quota", "plain"): "gpt-4.1",
    ("insufficient_quota", "stream"): "gpt-4.1-mini",
    (HANGING, "plain"): "gpt-4o-mini",
    (HANGING, "stream"): "gpt-5-nano",
}
ROWS = {(row.fault, row.request): row for row in rows()}
CASES = [
    (name, request)
    for name, fault in FAULTS.items()
    for request in REQUESTS
    if request == "stream" or not fault["kind"].startswith("stream_")
]


@dataclass(frozen=True, kw_only=True)
class Shop:
    """Sees one call from its request to its span."""

    tenant: Tenant
    local_openai: httpx.Client
    breakers: Breakers

    def call(self, name: str, request: str, fault: dict[str, Any]) -> httpx.Response:
        self.local_openai.post(
            "/_local/faults", json={"times": 1} | fault | {"match": {"contains": self.tenant.tenant_id}}
        )
        asked = {"model": MODELS.get((name, request), "gpt-4o"), "stream": request == "stream"}
        return self.tenant.chat(f"A call of {self.tenant.tenant_id}", max_tokens=50, **asked)

    def row(self, name: str, request: str, answer: httpx.Response) -> Row:
        """What came of it, as the table would say it."""
        breaker = self.breakers.of(MODELS.get((name, request), "gpt-4o"))
        spent, outcome = self._books()
        return Row(
            fault=name,
            request=request,
            outcome=outcome,
            cost=spent,
            breaker="opens" if breaker["state"] == "open" else str(breaker["failures"]),
            answer=answer_in_words(answer),
        )

    def _books(self) -> tuple[str, str]:
        """The cost in words, and the span's outcome. The ledger, the span and the hold agree."""
        daily = self.tenant.budget()["daily"]
        assert daily["heldUsd"] == 0
        query = "SELECT outcome, cost_nanousd, held_nanousd FROM spans WHERE tenant_id = %s"
        [(outcome, cost, held)] = eventually(
            lambda: self.tenant.stack.rows(query, self.tenant.tenant_id), until=bool, seconds=60
        )
        assert cost == nano(daily["spentUsd"]) <= held
        return {0: "nothing", held: "the hold"}.get(cost, "its usage"), outcome


def answer_in_words(answer: httpx.Response) -> str:
    if answer.status_code != 200:
        return f"{answer.status_code} `{named(answer.json()['error'])}`"
    events = events_of(answer)
    if events and "error" in events[-1]:
        return f"200, then `{named(events[-1]['error'])}`"
    return "200"


def named(error: dict[str, Any]) -> str:
    """Some of the provider's have a type alone."""
    return str(error["code"] or error["type"])


def events_of(answer: httpx.Response) -> list[dict[str, Any]]:
    return [json.loads(line.removeprefix("data: ")) for line in answer.text.splitlines() if line.startswith("data: {")]


@pytest.fixture
def shop(tenant: Tenant, admin: Tollgate, local_openai: httpx.Client) -> Shop:
    return Shop(tenant=tenant, local_openai=local_openai, breakers=Breakers(admin))


@pytest.fixture(scope="module")
def hanging(admin: Tollgate, stack: Stack) -> Iterator[dict[str, tuple[Shop, Future[httpx.Response]]]]:
    """Calls that never come back, to models of their own: they wait for their time to end while the other tests run."""
    # A cold start before the wait would outlast API Gateway's patience.
    warm = [new_tenant(admin, stack, dailyBudgetUsd=5) for _ in REQUESTS]
    with (
        httpx.Client(base_url=stack.openai_base_url.removesuffix("/v1"), timeout=30) as control,
        ThreadPoolExecutor(len(REQUESTS)) as callers,
    ):
        assert all(done.status_code == 200 for done in callers.map(lambda each: each.chat("Warm up."), warm))
        control.delete("/_local/faults")
        calls = {}
        for request in REQUESTS:
            tenant = new_tenant(admin, stack, dailyBudgetUsd=5)
            one = Shop(tenant=tenant, local_openai=control, breakers=Breakers(admin))
            calls[request] = (one, callers.submit(one.call, HANGING, request, {"kind": "hang"}))
        # The other tests take all faults away; by then these have been taken up.
        eventually(
            lambda: control.get("/_local/faults").json()["faults"],
            until=lambda orders: sum(order["hits"] for order in orders) == len(REQUESTS),
            seconds=20,
        )
        yield calls


@pytest.mark.usefixtures("hanging")
@pytest.mark.parametrize(("name", "request_kind"), CASES)
def test_each_failure_comes_out_as_the_table_says(name: str, request_kind: str, shop: Shop) -> None:
    shop.breakers.reset(MODELS.get((name, request_kind), "gpt-4o"))

    answer = shop.call(name, request_kind, FAULTS[name])

    assert str(shop.row(name, request_kind, answer)) == str(ROWS.get((name, request_kind)))
    if answer_in_words(answer) == "200":
        told = events_of(answer)[-1]["tollgate"]["cost_usd"] if request_kind == "stream" else None
        cost = nano(float(answer.headers["x-tollgate-cost-usd"] if told is None else told))
        assert cost == nano(shop.tenant.budget()["daily"]["spentUsd"])
    shop.breakers.reset(MODELS.get((name, request_kind), "gpt-4o"))


@pytest.mark.parametrize("request_kind", REQUESTS)
def test_a_call_that_never_comes_back_is_cut_in_time_and_booked_in_full(
    request_kind: str, hanging: dict[str, tuple[Shop, Future[httpx.Response]]]
) -> None:
    shop, call = hanging[request_kind]

    answer = call.result(timeout=90)

    assert str(shop.row(HANGING, request_kind, answer)) == str(ROWS.get((HANGING, request_kind)))


def test_the_table_has_a_row_for_each_fault_of_the_local_openai_and_no_other() -> None:
    assert set(ROWS) == {*CASES, *((HANGING, request) for request in REQUESTS)}
    assert len(ROWS) == len(rows())
    assert {fault["kind"] for fault in FAULTS.values()} | {"hang"} == set(FaultKind)
