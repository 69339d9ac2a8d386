"""Whenever callers come, the refusal memory spares the page, and never makes a liar of the Retry-After that it went with."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from tollgate.domain.money import NanoUsd
from tollgate.domain.refusal import Reason, Refusal
from tollgate.domain.refusing import IN_FLIGHT_RETRY
from tollgate.domain.window import ZoneFrom, window_at
from tollgate.usecases.remember_refusals import LONGEST, SHORTEST, RefusalMemory

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
WINDOW = window_at(NOON, [ZoneFrom(month="1970-01", zone="UTC")])
REFUSED = Refusal(reason=Reason.IN_FLIGHT, tenant_id="acme", asked=NanoUsd(100), retry_at=NOON)
# After one second, and twice as long each time up to the longest.
STEPS_TO_LONGEST = 5

waits = st.lists(st.timedeltas(min_value=timedelta(0), max_value=timedelta(seconds=20)), min_size=1, max_size=60)
reasons = st.sampled_from([Reason.IN_FLIGHT, Reason.RATE, Reason.SUSPENDED])


def page_says(reason: Reason, now: datetime) -> Refusal:
    minute_ends = NOON + timedelta(minutes=(now - NOON) // timedelta(minutes=1) + 1)
    ends = {Reason.IN_FLIGHT: now + IN_FLIGHT_RETRY, Reason.RATE: minute_ends, Reason.SUSPENDED: WINDOW.day_ends_at}
    return replace(REFUSED, reason=reason, retry_at=ends[reason])


def recall(memory: RefusalMemory, now: datetime) -> Refusal | None:
    return memory.recall("acme", WINDOW, None, least=lambda: NanoUsd(100), version=1, now=now)


@settings(max_examples=200)
@given(waits=waits, reason=reasons)
def test_whoever_comes_back_when_told_is_not_refused_from_memory(waits: list[timedelta], reason: Reason) -> None:
    """Unless the page has refused somebody since."""
    memory, now, told = RefusalMemory(), NOON, NOON
    for wait in waits:
        now += wait
        refusal = recall(memory, now)
        if refusal is None:
            refusal = memory.learn(page_says(reason, now), WINDOW, version=1, now=now)
            told = refusal.retry_at
        assert now < refusal.retry_at == told
        assert recall(memory, told) is None


@settings(max_examples=200)
@given(waits=waits)
def test_while_refusals_go_on_the_page_is_asked_ever_less(waits: list[timedelta]) -> None:
    memory, now, asked = RefusalMemory(), NOON, []
    for wait in waits:
        # Never away for so long that refusals would have ended.
        now += min(wait, LONGEST - SHORTEST)
        if recall(memory, now) is None:
            memory.learn(page_says(Reason.IN_FLIGHT, now), WINDOW, version=1, now=now)
            asked.append(now)

    pauses = [later - earlier for earlier, later in pairwise(asked)]
    assert all(pause >= min(LONGEST, SHORTEST * 2**step) for step, pause in enumerate(pauses))
    assert len(asked) <= STEPS_TO_LONGEST + (now - NOON) / LONGEST
