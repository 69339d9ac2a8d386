"""What is told of a call that nobody saw the end of is true, whatever else happened around it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from tollgate.domain.money import NanoUsd
from tollgate.domain.provider_bill import ProviderUsage, Width
from tollgate.domain.unsettled_call import Finding, Knowledge, KnownCall, findings, stretches_of
from tollgate.domain.usage import NO_USAGE, Usage

START = datetime(2026, 11, 23, tzinfo=UTC)
END = START + timedelta(days=1)
MODEL = "gpt-4o"
DEAREST = NanoUsd(10**9)


@dataclass(frozen=True, kw_only=True)
class Made:
    """A call as it really was. `billed`: what the provider counted, None where it never served it; `counted_at`: in which minute."""

    call: KnownCall
    billed: Usage | None
    counted_at: datetime


def cost_of(_model: str, usage: Usage, _tier: str, _at: datetime) -> NanoUsd:
    return NanoUsd(usage.total)


@st.composite
def a_call(draw: st.DrawFn, number: int) -> Made:
    began = START + timedelta(seconds=draw(st.integers(600, 86_400 - 1_200)))
    ended = began + timedelta(seconds=draw(st.integers(0, 300)))
    usage = Usage(uncached=draw(st.integers(1, 5)), cached=draw(st.integers(0, 2)), output=draw(st.integers(0, 5)))
    knowledge = draw(st.sampled_from(Knowledge))
    billed = usage if knowledge is Knowledge.USED or draw(st.booleans()) else None
    # Provider's clock, and which end of the call it counts: within a minute on either side.
    early, late = began - timedelta(seconds=59), ended + timedelta(seconds=59)
    counted_at = early + (late - early) * draw(st.integers(0, 10)) / 10
    call = KnownCall(
        hold=f"2026-11.23.A{number:011}",
        model=MODEL,
        began=began,
        ended=ended,
        knowledge=knowledge,
        booked=DEAREST,
        usage=usage if knowledge is Knowledge.USED else NO_USAGE,
    )
    return Made(call=call, billed=billed, counted_at=counted_at)


@st.composite
def a_day(draw: st.DrawFn) -> list[Made]:
    # Some crowd into the same quarter of an hour, some are alone.
    return [draw(a_call(number)) for number in range(draw(st.integers(1, 12)))]


def minutes_of(made: Sequence[Made]) -> list[ProviderUsage]:
    return [
        ProviderUsage(
            start=each.counted_at.replace(second=0, microsecond=0),
            width=Width.MINUTE,
            endpoint="completions",
            project="proj_a",
            model=MODEL,
            tier="default",
            requests=1,
            usage=each.billed,
        )
        for each in made
        if each.billed is not None
    ]


def told(made: Sequence[Made], *more: ProviderUsage) -> Sequence[Finding]:
    calls = [each.call for each in made]
    return findings(calls, [*minutes_of(made), *more], start=START, end=END, cost_of=cost_of)


@given(a_day())
def test_whatever_is_told_of_a_call_is_true(made: list[Made]) -> None:
    truth = {each.call.hold: each.billed or NO_USAGE for each in made}

    for finding in told(made):
        assert finding.call.knowledge is Knowledge.OPEN
        assert finding.usage == truth[finding.call.hold]
        assert finding.cost == truth[finding.call.hold].total


@given(a_day())
def test_where_nothing_was_billed_beside_the_known_calls_every_open_one_is_told_so(made: list[Made]) -> None:
    unbilled = [each if each.call.knowledge is Knowledge.USED else replace(each, billed=None) for each in made]

    found = told(unbilled)

    opened = [each.call.hold for each in unbilled if each.call.knowledge is Knowledge.OPEN]
    assert sorted(finding.call.hold for finding in found) == sorted(opened)
    assert all(finding.cost == 0 for finding in found)


@given(a_day(), st.integers(0, 1_430))
def test_one_request_that_no_call_can_have_made_silences_all(made: list[Made], minute: int) -> None:
    at = START + timedelta(minutes=minute)
    stray = replace(
        minutes_of([replace(made[0], billed=Usage(uncached=1), counted_at=at)])[0],
        start=at,
    )
    if any(stretch.has(stray) for stretch in stretches_of([each.call for each in made])):
        return

    assert told(made, stray) == []


@given(a_day())
def test_stretches_hold_every_call_once_and_no_minute_is_of_two(made: list[Made]) -> None:
    stretches = list(stretches_of([each.call for each in made]))

    assert sorted(call.hold for stretch in stretches for call in stretch.calls) == sorted(
        each.call.hold for each in made
    )
    for earlier, later in pairwise(stretches):
        assert earlier.last < later.first
