"""What each client does about a refusal, counted on the wire, and that infra/clients.md says so."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import pytest

from tests.fakes.fault_proxy import Request, Sentence
from tests.system.conformance.clients import CLIENTS, Client
from tests.system.conformance.counting import Writes, counted_writes, edge_of, times_asked
from tests.system.conformance.node_clients import why_left_out
from tests.system.tollgate_client import Stack, Tenant, Tollgate, new_tenant

T = TypeVar("T")
PAGE = Path(__file__).parents[3] / "infra" / "clients.md"
# The SDKs ask twice more where that may help.
WHERE_IT_HELPS = 3
LEFT_OUT = why_left_out()
EVERY_CLIENT = [
    pytest.param(
        name,
        id=name.replace("`", ""),
        marks=pytest.mark.skipif(client.is_javascript and LEFT_OUT is not None, reason=str(LEFT_OUT)),
    )
    for name, client in CLIENTS.items()
]


@pytest.fixture(scope="module")
def full_house(admin: Tollgate, stack: Stack) -> dict[str, int]:
    """How often each client asks where a place may become free any moment, and none does."""

    def ask(client: Client) -> int:
        shop = new_tenant(admin, stack, dailyBudgetUsd=5, maxInFlight=1)
        take_the_only_place(admin, shop)
        with edge_of(stack) as edge:
            assert not client.ask(edge.url + "/v1", shop.api.key)
            return times_asked(edge)

    return by_all(ask)


@pytest.fixture(scope="module")
def freed_in_time(admin: Tollgate, stack: Stack) -> dict[str, bool]:
    """Whether each client has its answer in the end where a place becomes free before its second try."""

    def ask(client: Client) -> bool:
        shop = new_tenant(admin, stack, dailyBudgetUsd=5, maxInFlight=1)
        hold_id = take_the_only_place(admin, shop)

        def free(request: Request) -> Sentence:
            if request.number == 1:
                assert admin.delete(f"/api/cost/budget/{shop.tenant_id}/holds/{hold_id}").is_success
            return Sentence()

        with edge_of(stack, free) as edge:
            return client.ask(edge.url + "/v1", shop.api.key) and times_asked(edge) == 2

    return by_all(ask)


@pytest.fixture(scope="module")
def spent_budget(
    admin: Tollgate, stack: Stack, full_house: dict[str, int], freed_in_time: dict[str, bool]
) -> Iterator["Spent"]:
    """After the others, whose functions stay as they are."""
    with counted_writes(stack) as writes:
        yield Spent(admin, stack, writes)


class Spent:
    """A tenant whose day has no room left, for one client after another: all meet the same function's process."""

    def __init__(self, admin: Tollgate, stack: Stack, writes: Writes) -> None:
        self.stack = stack
        self.writes = writes
        self._admin = admin

    def tenant(self) -> Tenant:
        """Its page is there, and a call of the smallest size went through."""
        shop = new_tenant(self._admin, self.stack, dailyBudgetUsd=0.0001)
        assert shop.chat("Hi", model="gpt-4o-mini", max_tokens=1).status_code == 200
        return shop

    def asked_and_written(self, client: Client) -> tuple[int, int]:
        shop = self.tenant()
        before = self.writes.of(shop.tenant_id)
        with edge_of(self.stack) as edge:
            assert not client.ask(edge.url + "/v1", shop.api.key)
            return times_asked(edge), self.writes.of(shop.tenant_id) - before


@pytest.mark.parametrize("name", EVERY_CLIENT)
def test_a_passing_refusal_is_tried_again_and_never_noticed(name: str, freed_in_time: dict[str, bool]) -> None:
    assert freed_in_time[name]


@pytest.mark.parametrize("name", EVERY_CLIENT)
def test_what_each_client_does_about_a_refusal_stands_in_the_docs(
    name: str, full_house: dict[str, int], spent_budget: Spent
) -> None:
    client = CLIENTS[name]

    asked, written = spent_budget.asked_and_written(client)

    assert 1 <= written <= asked, "a refusal is one write, or none where it is remembered"
    assert full_house[name] == WHERE_IT_HELPS
    row = f"| {name} | {client.version} | {times(asked)} | {written} | {times(full_house[name])} |"
    told = PAGE.read_text(encoding="utf-8").partition("\n## What they do about a refusal\n")[2]
    assert [line for line in told.splitlines() if line.startswith(f"| {name} |")] == [row]


def test_who_asks_over_and_over_costs_a_few_ledger_writes_and_not_one_each_time(spent_budget: Spent) -> None:
    shop = spent_budget.tenant()
    before = spent_budget.writes.of(shop.tenant_id)

    statuses = [shop.chat(f"Try {number}").status_code for number in range(30)]

    assert statuses == [429] * 30
    # One a second at first, and each is remembered for twice as long as the one before it.
    assert 1 <= spent_budget.writes.of(shop.tenant_id) - before <= 5


def by_all(ask: Callable[[Client], T]) -> dict[str, T]:
    """Three at once: most of it is waiting, but each starts a process of the chat function."""
    able = {name: client for name, client in CLIENTS.items() if not client.is_javascript or LEFT_OUT is None}
    with ThreadPoolExecutor(3) as askers:
        return dict(zip(able, askers.map(ask, able.values()), strict=True))


def take_the_only_place(admin: Tollgate, shop: Tenant) -> str:
    asked = {"tenantId": shop.tenant_id, "model": "gpt-4o", "inputTokens": 10, "hold": True}
    answer = admin.post("/api/cost/check", asked)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["hold"]["id"])


def times(number: int) -> str:
    return {1: "once", 2: "twice"}.get(number, f"{number} times")
