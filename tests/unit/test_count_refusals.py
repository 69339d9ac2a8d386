"""Refused calls are counted, by the hour in which they were refused, and whoever calls never waits for it."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from tests.fakes.memory_refusals import MemoryRefusals
from tollgate.domain.errors import (
    BreakerOpen,
    BudgetRefused,
    LedgerUnavailable,
    LoopRefused,
    ModelNotAllowed,
    ModelNotPriced,
    NotBounded,
    RequestInvalid,
    UpstreamNotReached,
    UpstreamRejected,
)
from tollgate.domain.money import NanoUsd
from tollgate.domain.refusal import Reason, Refusal
from tollgate.domain.refused import AGENTS_MAX, RefusedHour, by_agent, by_reason, by_stretch, calls_in, reason_of
from tollgate.usecases.count_refusals import TENANTS_MAX, RefusalTally

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


class World:
    """One environment."""

    def __init__(self) -> None:
        self.now, self.store = NOON, MemoryRefusals()
        self.told: Counter[str] = Counter()
        self.lost = 0
        self.tally = RefusalTally(self.store, clock=lambda: self.now, tell=self.tell, lose=self.lose)

    def tell(self, reason: str) -> None:
        self.told[reason] += 1

    def lose(self, calls: int, _: Exception | None) -> None:
        self.lost += calls

    def refuse(
        self, reason: str = "rate", *, tenant_id: str = "acme", agent: str | None = None, calls: int = 1
    ) -> None:
        for _ in range(calls):
            self.tally.count(reason, tenant_id, agent)

    def request_ends(self) -> None:
        self.tally.write()
        self.tally.wait(30)

    def passes(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    def stored(self, tenant_id: str = "acme") -> dict[datetime, int]:
        return {each.hour: calls_in([each]) for each in self.store.between(tenant_id, NOON - HOUR, NOON + 48 * HOUR)}


@pytest.fixture
def world() -> Iterator[World]:
    world = World()
    yield world
    world.store.open.set()
    world.tally.wait(30)


def test_the_first_refusal_is_written_at_once_and_the_next_with_others(world: World) -> None:
    world.refuse()
    world.request_ends()
    assert world.stored() == {NOON: 1}

    for _ in range(50):
        world.refuse()
        world.request_ends()
        world.passes(0.19)
    assert world.store.writes == ["acme"]
    world.passes(1)
    world.request_ends()

    assert world.stored() == {NOON: 51}
    assert world.store.writes == ["acme", "acme"]


def test_a_flood_takes_a_write_in_ten_seconds_and_loses_nothing(world: World) -> None:
    for second in range(7200):
        world.refuse("daily_budget", calls=3)
        if second % 2 == 0:
            world.request_ends()
        world.passes(1)
    world.passes(10)
    world.request_ends()

    assert world.stored() == {NOON: 10_800, NOON + HOUR: 10_800}
    assert len(world.store.writes) <= 7200 / 10 + 2
    assert world.told == {"daily_budget": 21_600}


def test_each_tenant_has_a_pause_of_its_own(world: World) -> None:
    world.refuse(tenant_id="acme")
    world.request_ends()
    world.refuse(tenant_id="blue")
    world.request_ends()

    assert world.store.writes == ["acme", "blue"]


def test_what_was_refused_before_the_hour_ended_counts_in_it_however_late_it_is_written(world: World) -> None:
    world.refuse()
    world.request_ends()
    world.passes(3599)
    world.refuse(calls=2)
    world.passes(5400)
    world.request_ends()

    assert world.stored() == {NOON: 3}


def test_a_store_that_says_nothing_loses_counts_and_disturbs_nobody(world: World) -> None:
    world.store.away = True
    world.refuse(calls=4)
    world.request_ends()
    world.store.away = False
    world.passes(11)
    world.refuse()
    world.request_ends()

    assert world.stored() == {NOON: 1}, "what may have been added is not added again"
    assert world.lost == 4


def test_what_a_throttled_store_did_not_take_is_offered_again(world: World) -> None:
    world.store.throttled = True
    world.refuse(calls=4, agent="booking-agent")
    world.request_ends()
    world.store.throttled = False
    world.passes(11)
    world.refuse()
    world.request_ends()

    assert world.stored() == {NOON: 5}
    assert by_agent(world.store.between("acme", NOON, NOON + HOUR)) == {"booking-agent": 4, None: 1}
    assert world.lost == 0


def test_a_slow_store_is_not_waited_for_and_written_to_once_at_a_time(world: World) -> None:
    world.store.open.clear()
    world.refuse()
    world.tally.write()
    world.tally.wait()
    assert world.stored() == {}, "the wait is over before the write is"

    world.passes(60)
    world.refuse(calls=2)
    world.tally.write()
    world.store.open.set()
    world.tally.wait(30)
    world.passes(11)
    world.request_ends()

    assert world.store.writes == ["acme", "acme"]
    assert world.stored() == {NOON: 3}


def test_an_agent_with_a_new_name_for_each_call_does_not_fill_the_item(world: World) -> None:
    for number in range(100):
        world.refuse(agent=f"agent-{number}")
    world.refuse(agent="agent-3")
    world.request_ends()

    found = by_agent(world.store.between("acme", NOON, NOON + HOUR))
    assert len(found) == AGENTS_MAX + 1
    assert (found["agent-3"], found[None]) == (2, 80)


def test_more_tenants_than_an_environment_remembers_are_told_as_lost(world: World) -> None:
    for number in range(TENANTS_MAX + 7):
        world.refuse(tenant_id=f"shop-{number}")
    world.request_ends()
    world.request_ends()

    assert len(world.store.writes) == TENANTS_MAX
    assert world.lost == 7


def a_refusal(reason: Reason) -> Refusal:
    return Refusal(reason=reason, tenant_id="acme", asked=NanoUsd(1), retry_at=NOON)


# What stands in infra/calls.md, "Refusals are counted".
COUNTED = [
    *((BudgetRefused(a_refusal(reason)), reason.value) for reason in (Reason.SUSPENDED, Reason.RATE, Reason.IN_FLIGHT)),
    (LoopRefused("", remedy="", retry_at=NOON), "loop"),
    (BreakerOpen("", retry_at=NOON), "breaker"),
    (ModelNotAllowed("gpt-4o"), "model_not_allowed"),
]
NOT_COUNTED = [
    RequestInvalid("no"),
    NotBounded("no"),
    ModelNotPriced("gpt-0"),
    LedgerUnavailable("away"),
    UpstreamNotReached("it was let through", retry_at=NOON),
    UpstreamRejected("no", status=400, body={}, headers={}),
]


@pytest.mark.parametrize(("error", "reason"), COUNTED)
def test_a_call_that_a_rule_stood_in_the_way_of_is_counted_and_refused_all_the_same(
    world: World, error: Exception, reason: str
) -> None:
    with pytest.raises(type(error)), world.tally.counting("acme", "booking-agent"):
        raise error
    world.request_ends()

    found = world.store.between("acme", NOON, NOON + HOUR)
    assert [each.counts for each in found] == [{(reason, "booking-agent"): 1}]


@pytest.mark.parametrize("error", NOT_COUNTED, ids=lambda error: type(error).__name__)
def test_a_request_that_is_wrong_or_was_let_through_is_not_counted(world: World, error: Exception) -> None:
    assert reason_of(error) is None
    with pytest.raises(type(error)), world.tally.counting("acme", None):
        raise error

    assert world.told == {}


def test_stretches_have_the_hours_that_begin_in_them() -> None:
    """As of a zone that is half an hour off: the hour in which its day begins counts to the day before."""
    hours = [RefusedHour(hour=NOON + number * HOUR, counts={("rate", None): 1}) for number in range(4)]
    edges = [NOON + timedelta(minutes=30), NOON + timedelta(minutes=90)]

    stretches = by_stretch(hours, edges, NOON + timedelta(minutes=150))

    assert [[each.hour - NOON for each in stretch] for stretch in stretches] == [[HOUR], [2 * HOUR]]
    assert by_stretch(hours, [], NOON) == []


def test_reasons_come_most_first() -> None:
    hours = [
        RefusedHour(hour=NOON, counts={("rate", None): 1, ("loop", "a"): 2, ("loop", None): 1, ("breaker", None): 1})
    ]

    assert list(by_reason(hours).items()) == [("loop", 3), ("breaker", 1), ("rate", 1)]
