"""A random history of one page, cut anywhere: the old state and the spans after it make the page again."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fakes.ledger_world import MONTH, NOON, a_hold, a_tenant, keys
from tollgate.domain.money import ZERO, NanoUsd
from tollgate.domain.page import AgentUse, Hold, HoldKind, Page, Use, imbalances
from tollgate.domain.place import Place, PlacedSpan
from tollgate.domain.posting import (
    Posting,
    apply,
    bar_key,
    cancel_hold,
    expire_hold,
    lapse_hold,
    open_hold,
    record_cost,
    refusal_of,
    settle_hold,
    settle_late,
    void_hold,
)
from tollgate.domain.replay import DaySpend, GivenUp, Missing, explain, replay
from tollgate.domain.span import Outcome, Span, from_text
from tollgate.domain.tenant import AgentLimits

DAYS = ("05", "06")
SETTINGS = a_tenant(
    daily_limit=NanoUsd(10**9),
    monthly_limit=NanoUsd(10**9),
    agents={"booking-agent": AgentLimits(daily=NanoUsd(10**9))},
)
DEEDS = st.sampled_from(
    ["hold", "hold", "hold", "settle", "settle", "unknown", "give up", "take back", "late", "record", "bar"]
)
STEPS = st.lists(st.tuples(DEEDS, st.integers(0, 9), st.integers(0, 60), st.booleans()), min_size=1, max_size=25)


@dataclass(slots=True)
class History:
    """`states`: the page after each write; `lumps`: tokens of calls that nobody knows the bill of, by key."""

    states: list[Page] = field(
        default_factory=lambda: [Page(tenant_id="shop", month=MONTH, version=1, agents={"booking-agent": AgentUse()})]
    )
    spans: list[PlacedSpan] = field(default_factory=list)
    opened: dict[str, int] = field(default_factory=dict)
    lumps: dict[str, int] = field(default_factory=dict)
    new_key: Callable[[], str] = field(default_factory=keys)

    @property
    def page(self) -> Page:
        return self.states[-1]

    def step(self, deed: str, which: int, amount: int, flag: bool) -> None:
        posting = _POSTINGS[deed](self, which, amount, flag)
        if posting is None:
            return
        assert refusal_of(self.page, SETTINGS, posting) is None
        page = apply(self.page, posting)
        if page.span is not None:
            place = Place(tenant_id="shop", month=MONTH, epoch=0, seq=page.seq)
            self.spans.append(PlacedSpan(place=place, span=from_text(page.span)))
        if posting.opens is not None:
            self.opened[posting.key] = len(self.states)
        self.states.append(page)

    def held(self, which: int) -> Hold | None:
        holds = list(self.page.holds.values())
        return holds[which % len(holds)] if holds else None


def _span(
    key: str, day: str, cost: int, posting: str, outcome: Outcome, *, tokens: int = 0, held: Hold | None = None
) -> Span:
    return Span(
        posting=posting, hold=key, at=NOON, day=day, outcome=outcome, cost_nanousd=NanoUsd(cost), uncached=tokens // 2,
        output=tokens - tokens // 2, held_nanousd=held.amount if held else ZERO, agent=held.agent if held else None,
        latency_ms=7,
    )  # fmt: skip


def _hold(history: History, which: int, amount: int, flag: bool) -> Posting:
    agent = [None, "booking-agent", "no-budget"][which % 3]
    hold = a_hold(
        history.new_key(), amount, day=DAYS[flag], agent=agent, counted=agent == "booking-agent",
        kind=HoldKind.CHECK if which >= 6 else HoldKind.CALL,
    )  # fmt: skip
    return open_hold(hold, at=NOON, under_soft_cap=False)


def _settle(history: History, which: int, cost: int, flag: bool) -> Posting | None:
    hold = history.held(which)
    if hold is None:
        return None
    span = _span(hold.key, hold.day, cost, "settle", Outcome.OK, tokens=cost + 3, held=hold)
    return settle_hold(hold, cost=NanoUsd(cost), tokens=cost + 3, span=span, at=NOON, bury=flag)


def _settle_unknown(history: History, which: int, _: int, flag: bool) -> Posting | None:
    hold = history.held(which)
    if hold is None or hold.kind is HoldKind.CHECK:
        return None
    history.lumps[hold.key] = hold.tokens
    span = _span(hold.key, hold.day, hold.amount, "settle", Outcome.UNKNOWN, held=hold)
    return settle_hold(hold, cost=hold.amount, tokens=hold.tokens, span=span, at=NOON, bury=flag)


def _give_up(history: History, which: int, _: int, __: bool) -> Posting | None:
    hold = history.held(which)
    if hold is None:
        return None
    if hold.kind is HoldKind.CHECK:
        return expire_hold(hold, span=_span(hold.key, hold.day, 0, "expire", Outcome.EXPIRED, held=hold), at=NOON)
    history.lumps[hold.key] = hold.tokens
    return lapse_hold(hold, span=_span(hold.key, hold.day, hold.amount, "lapse", Outcome.LAPSED, held=hold), at=NOON)


def _take_back(history: History, which: int, _: int, flag: bool) -> Posting | None:
    hold = history.held(which)
    if hold is None:
        return None
    deed, name = (cancel_hold, "cancel") if flag else (void_hold, "void")
    return deed(hold, span=_span(hold.key, hold.day, 0, name, Outcome.CANCELLED, held=hold), at=NOON)


def _late(history: History, which: int, cost: int, _: bool) -> Posting | None:
    """Of a hold that lapsed: nobody settles what he settled himself."""
    lapsed = [
        key
        for key in history.page.closed
        if key in history.lumps and history.page.closed[key].tokens == history.lumps[key]
    ]
    lapsed = [
        key for key in lapsed if any(each.span.hold == key and each.span.posting == "lapse" for each in history.spans)
    ]
    if not lapsed:
        return None
    key = lapsed[which % len(lapsed)]
    was = history.page.closed[key]
    del history.lumps[key]
    span = _span(key, was.day, cost - was.booked, "late", Outcome.OK, tokens=cost + 1)
    return settle_late(key, was, cost=NanoUsd(cost), tokens=cost + 1, span=span, at=NOON)


def _record(history: History, which: int, cost: int, flag: bool) -> Posting:
    agent = "booking-agent" if which % 2 else None
    key = f"r:{history.new_key()}"
    span = replace(_span(key, DAYS[flag], cost, "record", Outcome.RECORDED, tokens=cost), agent=agent)
    return record_cost(key, day=DAYS[flag], cost=NanoUsd(cost), tokens=cost, agent=agent, span=span, at=NOON)


def _bar(history: History, _: int, __: int, ___: bool) -> Posting:
    return bar_key(history.new_key(), day=DAYS[0], at=NOON + timedelta(seconds=1))


_POSTINGS: dict[str, Callable[[History, int, int, bool], Posting | None]] = {
    "hold": _hold,
    "settle": _settle,
    "unknown": _settle_unknown,
    "give up": _give_up,
    "take back": _take_back,
    "late": _late,
    "record": _record,
    "bar": _bar,
}


def without(use: Use, holds: list[Hold], *, tokens: int = 0) -> tuple[int, int, int]:
    """What a window says, as if these holds had never been."""
    return (
        use.used - sum(hold.amount for hold in holds),
        use.spent,
        use.tokens - sum(hold.tokens for hold in holds) - tokens,
    )


@settings(max_examples=5 * settings().max_examples)
@given(STEPS, st.data())
def test_an_old_state_and_the_spans_after_it_make_the_page_again(
    steps: list[tuple[str, int, int, bool]], data: st.DataObject
) -> None:
    history = History()
    for step in steps:
        history.step(*step)
    cut = data.draw(st.integers(0, len(history.states) - 1))
    old, final = history.states[cut], history.page

    replayed = replay(old, [each for each in history.spans if each.place.seq > old.seq])

    page = replayed.page
    assert replayed.missing == ()
    assert page.seq == final.seq
    assert not imbalances(page)
    # What was held after the old state and is held still left no trace; nor did the tokens of calls that settled in full.
    lost = [hold for hold in final.holds.values() if hold.key not in old.holds]
    lumps = {key: tokens for key, tokens in history.lumps.items() if history.opened[key] > cut}
    assert page.holds == {key: hold for key, hold in final.holds.items() if key in old.holds}
    assert without(page.use, []) == without(final.use, lost, tokens=sum(lumps.values()))
    for day in DAYS:
        mine = [hold for hold in lost if hold.day == day]
        assert without(page.day(day), [])[:2] == without(final.day(day), mine)[:2]
        counted = [hold for hold in mine if hold.counted_agent]
        ours, theirs = (each.agent("booking-agent").days.get(day, Use()) for each in (page, final))
        assert without(ours, [])[:2] == without(theirs, counted)[:2]
    assert page.agents.keys() == final.agents.keys()


@settings(max_examples=2 * settings().max_examples)
@given(STEPS, st.data())
def test_what_was_spent_comes_back_though_some_spans_are_lost_for_good(
    steps: list[tuple[str, int, int, bool]], data: st.DataObject
) -> None:
    history = History()
    for step in steps:
        history.step(*step)
    cut = data.draw(st.integers(0, len(history.states) - 1))
    lost = data.draw(st.sets(st.sampled_from([each.place.seq for each in history.spans] or [0])))
    old, final = history.states[cut], history.page
    stored = [each for each in history.spans if each.place.seq not in lost]
    given_up = booked(final, stored, lost - {0})

    replayed = replay(old, [each for each in stored if each.place.seq > old.seq], given_up=given_up)
    page = explain(replayed.page, given_up, NOON)

    assert replayed.missing == ()
    assert page.seq == final.seq
    assert page.use.spent == final.use.spent
    assert [page.day(day).spent for day in DAYS] == [final.day(day).spent for day in DAYS]
    assert not imbalances(page)


def booked(final: Page, stored: list[PlacedSpan], lost: set[int]) -> GivenUp:
    """What reconciliation knows of a page of which these numbers are lost."""
    numbers: list[Missing] = []
    for seq in sorted(lost):
        if numbers and numbers[-1].last == seq - 1:
            numbers[-1] = Missing(first=numbers[-1].first, last=seq)
        else:
            numbers.append(Missing(first=seq, last=seq))
    sums = {day: sum(each.span.cost_nanousd for each in stored if each.span.day == day) for day in DAYS}
    days = {
        day: DaySpend(spent=final.day(day).spent, unexplained=NanoUsd(final.day(day).spent - sums[day]))
        for day in DAYS
        if final.day(day).spent != sums[day]
    }
    return GivenUp(numbers=numbers, days=days, spent=final.use.spent)


@given(STEPS, st.data())
def test_a_replay_in_portions_is_the_replay_at_once(
    steps: list[tuple[str, int, int, bool]], data: st.DataObject
) -> None:
    history = History()
    for step in steps:
        history.step(*step)
    parts = data.draw(st.integers(0, len(history.spans)))

    at_once = replay(history.states[0], history.spans)
    first = replay(history.states[0], history.spans[:parts])
    second = replay(first.page, history.spans[parts:], last=first.last)

    assert second.page == at_once.page


@given(STEPS, st.data())
def test_a_span_that_is_lost_is_told_by_its_number(
    steps: list[tuple[str, int, int, bool]], data: st.DataObject
) -> None:
    history = History()
    for step in [*steps, ("record", 0, 1, False), ("record", 0, 2, False)]:
        history.step(*step)
    lost = data.draw(st.integers(1, len(history.spans) - 1))

    replayed = replay(history.states[0], [each for each in history.spans if each.place.seq != lost])

    assert [(gap.first, gap.last) for gap in replayed.missing] == [(lost, lost)]
    assert replayed.page.seq == history.page.seq
