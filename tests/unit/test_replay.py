from dataclasses import replace
from datetime import timedelta

import pytest

from tests.fakes.ledger_world import DAY, MONTH, NOON, a_hold, a_span, a_tomb
from tollgate.domain.money import NanoUsd
from tollgate.domain.page import AgentUse, Page, Use
from tollgate.domain.place import Place, PlacedSpan
from tollgate.domain.replay import DaySpend, GivenUp, Missing, counts_once, explain, put_in_order, replay
from tollgate.domain.span import Outcome, Span

PAGE = Page(tenant_id="shop", month=MONTH, version=1)


def placed(seq: int, span: Span, *, epoch: int = 0) -> PlacedSpan:
    return PlacedSpan(place=Place(tenant_id="shop", month=MONTH, epoch=epoch, seq=seq), span=span)


def spend(seq: int, cost: int = 1, *, epoch: int = 0) -> PlacedSpan:
    return placed(seq, a_span("gone", cost), epoch=epoch)


def test_a_span_without_its_hold_is_spent_and_frees_nothing() -> None:
    page = replay(PAGE, [spend(1, 7)]).page

    assert page.use == page.day(DAY) == Use(used=NanoUsd(7), spent=NanoUsd(7))


def test_a_hold_of_the_old_state_is_closed_by_its_amount_whatever_the_span_says() -> None:
    hold = a_hold("first", 10)
    holding = replace(PAGE, use=Use(used=NanoUsd(10), tokens=10), holds={hold.key: hold})

    page = replay(holding, [placed(1, replace(a_span(hold, 7), held_nanousd=NanoUsd(99)))]).page

    assert page.use.used == page.use.spent == 7
    assert page.holds == {}


@pytest.mark.parametrize(("posting", "outcome"), [("lapse", Outcome.LAPSED), ("settle", Outcome.UNKNOWN)])
def test_a_call_that_nobody_knows_the_bill_of_keeps_the_tokens_that_it_held(posting: str, outcome: Outcome) -> None:
    hold = a_hold("first", 10, tokens=33)
    holding = replace(PAGE, use=Use(used=NanoUsd(10), tokens=33), holds={hold.key: hold})

    page = replay(holding, [placed(1, a_span(hold, 10, posting=posting, outcome=outcome))]).page

    assert page.use == Use(used=NanoUsd(10), spent=NanoUsd(10), tokens=33)


@pytest.mark.parametrize("has_entry", [True, False])
def test_a_span_without_its_hold_counts_for_its_agent_where_the_page_has_an_entry(has_entry: bool) -> None:
    start = replace(PAGE, agents={"booking-agent": AgentUse()} if has_entry else {})

    page = replay(start, [placed(1, replace(a_span("gone", 7), agent="booking-agent"))]).page

    assert page.agent("booking-agent").month.spent == (7 if has_entry else 0)
    assert ("booking-agent" in page.agents) is has_entry


def test_a_late_settlement_of_a_lapse_that_is_replayed_too_ends_at_its_true_tokens() -> None:
    lapse = a_span("gone", 10, posting="lapse", outcome=Outcome.LAPSED)
    late = replace(a_span("gone", -4, posting="late"), uncached=5, output=1)

    page = replay(PAGE, [placed(1, lapse), placed(2, late)]).page

    assert (page.use.used, page.use.spent, page.use.tokens) == (6, 6, 6)
    assert page.closed["gone"].booked == 6


def given_up(*ranges: tuple[int, int], spent: int, **unexplained: tuple[int, int]) -> GivenUp:
    """`d05=(7, 4)`: of 7 that were spent on the fifth, 4 are unexplained."""
    return GivenUp(
        numbers=[Missing(first=first, last=last) for first, last in ranges],
        days={
            name[1:]: DaySpend(spent=NanoUsd(all_of_it), unexplained=NanoUsd(part))
            for name, (all_of_it, part) in unexplained.items()
        },
        spent=NanoUsd(spent),
    )


def test_numbers_that_are_given_up_are_not_missing_and_their_money_is_put_on_its_days() -> None:
    lost = given_up((2, 4), (6, 6), spent=14, d05=(11, 9), d04=(3, 3))
    replayed = replay(PAGE, [spend(1), spend(5)], given_up=lost)

    page = explain(replayed.page, lost, NOON)

    assert replayed.missing == ()
    assert (page.seq, page.use.spent, page.use.used) == (6, 14, 14)
    assert (page.day(DAY).spent, page.day("04").spent) == (11, 3)
    assert explain(page, lost, NOON) == page


def test_only_a_gap_that_is_given_up_as_a_whole_is_not_missing() -> None:
    lost = given_up((2, 3), spent=2, d05=(2, 1))

    assert replay(PAGE, [spend(1), spend(5)], given_up=lost).missing == (Missing(first=2, last=4),)


def test_what_the_old_state_has_of_lost_money_is_not_put_on_it_again() -> None:
    # Of 9 that nobody can explain, 5 were spent before.
    old = replace(
        PAGE, seq=2, use=Use(used=NanoUsd(6), spent=NanoUsd(6)), days={DAY: Use(used=NanoUsd(6), spent=NanoUsd(6))}
    )
    lost = given_up((2, 3), spent=11, d05=(11, 9))

    page = explain(replay(old, [spend(4)], given_up=lost).page, lost, NOON)

    assert (page.seq, page.use.spent, page.day(DAY).spent) == (4, 11, 11)


def test_money_whose_part_nobody_can_tell_is_not_put_on_the_page() -> None:
    """The old state has dropped the day, and has some of its lost money."""
    old = replace(PAGE, seq=2, use=Use(used=NanoUsd(6), spent=NanoUsd(6)))
    lost = given_up((2, 3), spent=11, d05=(11, 9))

    assert explain(replay(old, [spend(4)], given_up=lost).page, lost, NOON).use.spent == 7


def test_numbers_that_no_span_has_are_told() -> None:
    replayed = replay(PAGE, [spend(2), spend(3), spend(6)])

    assert replayed.missing == (Missing(first=1, last=1), Missing(first=4, last=5))
    assert replayed.page.seq == 6


def test_a_number_that_was_given_out_twice_is_told_and_both_are_spent() -> None:
    replayed = replay(PAGE, [spend(1), spend(2), spend(2, epoch=1), spend(3, epoch=1)])

    assert replayed.missing == (Missing(first=3, last=1),)
    assert (replayed.page.seq, replayed.page.use.spent) == (3, 4)


def test_a_page_is_due_when_what_is_left_on_it_ends() -> None:
    hold, past = a_hold("first", 1), a_tomb(until=NOON)
    page = replace(PAGE, holds={hold.key: hold}, closed={"old": past, "new": a_tomb()}, span="one", due=1)

    ordered = put_in_order(page, NOON)

    assert (ordered.due, ordered.span, set(ordered.closed)) == (hold.expires_at, None, {"new"})
    assert put_in_order(replace(page, holds={}), NOON + timedelta(hours=2)).due is None


@pytest.mark.parametrize(
    ("span", "record_id"),
    [
        (a_span("r:mine", 7, posting="record"), "r:mine"),
        (a_span(f"{MONTH}.{DAY}.firstfirstfi", 7, posting="record"), f"{MONTH}.{DAY}.firstfirstfi"),
        (a_span(a_hold("first"), 7), f"{MONTH}.{DAY}.first_______"),
        (replace(a_span(a_hold("first"), 7), latency_ms=900), None),
        (a_span("first", 0, posting="void"), None),
    ],
)
def test_what_a_record_left_says_which_record_it_was(span: Span, record_id: str | None) -> None:
    assert counts_once(placed(1, span)) == record_id
