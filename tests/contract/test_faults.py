"""The soak of faults, small: the same calls and the same judge (`python -m tests.soak.faults` is the long one)."""

from dataclasses import replace

import pytest

from tests.fakes.fault_proxy import Fate
from tests.soak.fault_judge import Call, judge
from tests.soak.faults import Outcome, Trial, report, soak

TRIAL = Trial(seed=11, calls=120, processes=2, threads=6, kills=1, read_timeout_s=0.4)


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    outcome = soak(TRIAL, tmp_path_factory.mktemp("faults"))
    print(report(TRIAL, outcome))
    return outcome


def test_no_call_is_double_held_double_settled_or_free_whatever_the_network_does(outcome: Outcome) -> None:
    assert outcome.judgement.wrong == []


def test_every_fault_was_met_and_a_process_was_killed_with_calls_in_flight(outcome: Outcome) -> None:
    assert {fate for _, fate in outcome.fates} == set(Fate)
    assert outcome.judgement.killed > 0
    assert {"settle", "record", "cancel"} <= set(outcome.judgement.postings)


def test_the_judge_sees_a_call_that_is_booked_at_another_cost_than_its_bill(outcome: Outcome) -> None:
    call = _an_answered_call(outcome)
    bill = {**call.asked[0], "input": call.asked[0]["input"] + 2}

    assert _wrong(outcome, replace(call, asked=[bill]))


def test_the_judge_sees_a_call_that_was_booked_and_never_made(outcome: Outcome) -> None:
    assert _wrong(outcome, replace(_an_answered_call(outcome), asked=[]))


def test_the_judge_sees_an_upstream_that_was_asked_twice(outcome: Outcome) -> None:
    call = _an_answered_call(outcome)

    assert _wrong(outcome, replace(call, asked=call.asked * 2))


def test_the_judge_sees_a_call_that_nothing_was_held_for(outcome: Outcome) -> None:
    refused = next(call for call in outcome.calls.values() if call.deed == "chat" and call.ended == "BudgetRefused")

    assert _wrong(outcome, replace(refused, asked=_an_answered_call(outcome).asked))


def _an_answered_call(outcome: Outcome) -> Call:
    return next(call for call in outcome.calls.values() if call.deed == "chat" and call.ended == "replied")


def _wrong(outcome: Outcome, told: Call) -> list[str]:
    return judge({**outcome.calls, told.number: told}, outcome.books, outcome.failures).wrong
