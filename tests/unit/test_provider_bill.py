"""When a day is settled, and what counts as a drift between the bill and the spans."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tollgate.domain.drift import DriftKind
from tollgate.domain.money import NanoUsd
from tollgate.domain.provider_bill import (
    CENT,
    EVERYONE,
    BilledDay,
    SpanDay,
    compare,
    days_to_fetch,
    from_dollars,
    is_settled,
    tolerance,
)

DAY = date(2026, 11, 20)
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
DOLLAR = 10**9
SPANS = SpanDay(
    tenant_id="acme-hvac",
    day=DAY,
    cost=NanoUsd(DOLLAR),
    calls=10,
    tokens=5_000,
    straddling_cost=NanoUsd(0),
    straddling_tokens=0,
    unsettled=NanoUsd(0),
    unsettled_calls=0,
)
BILLED = BilledDay(cost=NanoUsd(DOLLAR), requests=10, tokens=5_000)


def kinds(spans: SpanDay, billed: BilledDay) -> list[DriftKind]:
    return [drift.subject.kind for drift in compare(spans, billed)]


def test_a_day_settles_two_days_after_its_end() -> None:
    assert not is_settled(DAY, datetime(2026, 11, 22, 23, 59, tzinfo=UTC))
    assert is_settled(DAY, datetime(2026, 11, 23, tzinfo=UTC))


def test_a_day_is_fetched_until_it_was_fetched_settled() -> None:
    fetched = {date(2026, 11, number): NOON - timedelta(days=1) for number in range(10, 23)}

    wanted = days_to_fetch(fetched, NOON)

    # At noon of the 22nd the 19th had been over for two days and a half, the 20th for one and a half.
    assert wanted == [date(2026, 11, number) for number in (20, 21, 22, 23)]
    assert days_to_fetch({}, NOON)[0] == date(2026, 11, 16)


def test_the_same_figures_are_no_drift() -> None:
    assert kinds(SPANS, BILLED) == []


@pytest.mark.parametrize("way", [1, -1])
def test_more_than_the_tolerance_is_a_drift_either_way(way: int) -> None:
    allowed = tolerance(SPANS, BILLED)

    assert kinds(replace(SPANS, cost=NanoUsd(DOLLAR - way * allowed)), BILLED) == []
    assert kinds(replace(SPANS, cost=NanoUsd(DOLLAR - way * (allowed + 1))), BILLED) == [DriftKind.OPENAI_COST]


def test_calls_around_midnight_excuse_as_much_as_they_cost() -> None:
    off = replace(SPANS, cost=NanoUsd(DOLLAR + DOLLAR // 2))

    assert kinds(off, BILLED) == [DriftKind.OPENAI_COST]
    assert kinds(replace(off, straddling_cost=NanoUsd(DOLLAR // 2)), BILLED) == []


def test_money_booked_for_calls_of_unknown_fate_is_told_and_said() -> None:
    booked = NanoUsd(DOLLAR)
    [drift] = compare(replace(SPANS, cost=NanoUsd(2 * DOLLAR), unsettled=booked, unsettled_calls=1), BILLED)

    assert (drift.expected, drift.found, drift.amount) == (DOLLAR, 2 * DOLLAR, DOLLAR)
    assert drift.detail["unsettled_nanousd"] == booked
    assert (drift.subject.tenant_id, drift.subject.month, drift.subject.day) == ("acme-hvac", "2026-11", DAY)


def test_tokens_that_no_span_has_are_a_drift_unless_an_open_call_may_have_used_them() -> None:
    more = replace(BILLED, tokens=5_001)

    assert kinds(SPANS, more) == [DriftKind.OPENAI_USAGE]
    assert kinds(replace(SPANS, unsettled_calls=1), more) == []
    assert kinds(replace(SPANS, unsettled_calls=1), replace(BILLED, tokens=4_999)) == [DriftKind.OPENAI_USAGE]


def test_a_drift_of_all_is_of_no_tenant() -> None:
    [drift] = compare(replace(SPANS, tenant_id=EVERYONE), replace(BILLED, cost=NanoUsd(0)))

    assert drift.subject.tenant_id is None


@given(st.integers(0, 10**12))
def test_a_figure_survives_the_float_that_it_was_told_as(nano: int) -> None:
    assert from_dollars(Decimal(repr(nano / DOLLAR))) == nano


@given(st.integers(0, 10**13), st.integers(0, 10**13))
def test_what_differs_by_less_than_a_cent_is_never_told(ours: int, theirs: int) -> None:
    spans, billed = replace(SPANS, cost=NanoUsd(ours)), replace(BILLED, cost=NanoUsd(theirs))

    if abs(ours - theirs) <= CENT:
        assert kinds(spans, billed) == []
    elif abs(ours - theirs) > tolerance(spans, billed):
        assert kinds(spans, billed) == [DriftKind.OPENAI_COST]
