"""The refusal memory may only refuse, and forgets in time."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from tollgate.domain.money import NanoUsd
from tollgate.domain.refusal import Reason, Refusal, WindowFacts
from tollgate.domain.window import ZoneFrom, window_at
from tollgate.usecases.remember_refusals import RefusalMemory

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
WINDOW = window_at(NOON, [ZoneFrom(month="1970-01", zone="UTC")])
TOMORROW = window_at(NOON + timedelta(days=1), [ZoneFrom(month="1970-01", zone="UTC")])
REFUSAL = Refusal(
    reason=Reason.DAILY_BUDGET,
    tenant_id="acme",
    asked=NanoUsd(100),
    retry_at=WINDOW.day_ends_at,
    window=WindowFacts(name=WINDOW.date, limit=1000, spent=950, held=0),
)


def recalled(memory: RefusalMemory, *, least: int = 100, after: float = 0.5, **changed: object) -> Refusal | None:
    words = {"tenant_id": "acme", "window": WINDOW, "agent": None, "version": 3} | changed
    return memory.recall(least=lambda: NanoUsd(least), now=NOON + timedelta(seconds=after), **words)  # type: ignore[arg-type]


def learned(refusal: Refusal = REFUSAL) -> RefusalMemory:
    memory = RefusalMemory()
    memory.learn(refusal, WINDOW, version=3, now=NOON)
    return memory


def test_the_same_call_is_refused_without_asking_the_page() -> None:
    refusal = recalled(learned(), least=120)

    assert refusal is not None
    assert (refusal.reason, refusal.asked) == (Reason.DAILY_BUDGET, 120)


def test_a_smaller_call_is_for_the_page_to_judge() -> None:
    assert recalled(learned(), least=99) is None


def test_another_tenant_agent_day_or_version_is_for_the_page_to_judge() -> None:
    memory = learned()

    assert recalled(memory, tenant_id="other") is None
    assert recalled(memory, agent="booking-agent") is None
    assert recalled(memory, window=TOMORROW) is None
    assert recalled(memory, version=4) is None


def test_it_lasts_a_second_and_twice_as_long_each_time_that_the_page_says_so_again_up_to_sixteen() -> None:
    memory, now, lasted = RefusalMemory(), 0.0, []
    for _ in range(7):
        memory.learn(REFUSAL, WINDOW, version=3, now=NOON + timedelta(seconds=now))
        lasts = next(step for step in range(1, 40) if recalled(memory, after=now + step) is None)
        lasted.append(lasts)
        now += lasts

    assert lasted == [1, 2, 4, 8, 16, 16, 16]


def test_a_settlement_ends_it() -> None:
    memory = learned()

    memory.forget("acme")

    assert recalled(memory) is None


def test_it_ends_with_the_window() -> None:
    memory = learned(replace(REFUSAL, retry_at=NOON + timedelta(seconds=0.2)))

    assert recalled(memory, after=0.1) is not None
    assert recalled(memory, after=0.3) is None


def test_a_rate_is_refused_whatever_is_asked() -> None:
    memory = learned(replace(REFUSAL, reason=Reason.RATE, window=None, retry_at=NOON + timedelta(seconds=30)))

    assert recalled(memory, least=1) is not None


IN_FLIGHT = replace(REFUSAL, reason=Reason.IN_FLIGHT, window=None, retry_at=NOON + timedelta(seconds=2))


def test_calls_in_flight_are_remembered_as_long_as_anything_else_while_the_page_says_so_again() -> None:
    memory, now, told = RefusalMemory(), 0.0, []
    for _ in range(7):
        asked_at = NOON + timedelta(seconds=now)
        refusal = replace(IN_FLIGHT, retry_at=asked_at + timedelta(seconds=2))
        said = memory.learn(refusal, WINDOW, version=3, now=asked_at)
        wait = (said.retry_at - asked_at).total_seconds()
        assert recalled(memory, after=now + wait) is None, "whoever waits as told is not refused from memory"
        told.append(wait)
        now += wait

    assert told == [2, 2, 4, 8, 16, 16, 16]


def test_who_is_refused_from_memory_is_told_when_it_ends() -> None:
    memory = learned(IN_FLIGHT)
    for seconds in (2, 4):
        at = NOON + timedelta(seconds=seconds)
        memory.learn(replace(IN_FLIGHT, retry_at=at + timedelta(seconds=2)), WINDOW, version=3, now=at)

    refusal = recalled(memory, after=7.9)

    assert refusal is not None
    assert refusal.retry_at == NOON + timedelta(seconds=8)
    assert recalled(memory, after=8) is None


def test_what_is_told_of_a_budget_is_its_window_s_end_whatever_the_memory_does() -> None:
    memory = RefusalMemory()

    assert memory.learn(REFUSAL, WINDOW, version=3, now=NOON) == REFUSAL
