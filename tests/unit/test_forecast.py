from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as some

from tollgate.domain.forecast import WEEKLY, forecast, linear_forecast
from tollgate.domain.money import NanoUsd
from tollgate.domain.window import ZoneFrom

UTC_ONLY = (ZoneFrom(month="2026-01", zone="UTC"),)
CHICAGO = (ZoneFrom(month="2026-01", zone="America/Chicago"),)
START = datetime(2026, 11, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("spent", "limit", "now", "month_end", "exhausted_on"),
    [
        (100, 1000, START + timedelta(days=15), 200, None),
        (100, 200, START + timedelta(days=15), 200, date(2026, 11, 30)),
        (100, 199, START + timedelta(days=15), 200, date(2026, 11, 30)),
        (100, 150, START + timedelta(days=15), 200, date(2026, 11, 23)),
        (100, 100, START + timedelta(days=15), 200, date(2026, 11, 16)),
        (500, 100, START + timedelta(days=15), 1000, date(2026, 11, 16)),
        (0, 100, START + timedelta(days=15), 0, None),
        (0, 0, START + timedelta(days=15), 0, date(2026, 11, 16)),
        (7, 100, START, 7, None),
        (1, 100, START + timedelta(days=29), 2, None),
    ],
)
def test_the_pace_of_the_month_so_far_is_carried_on(
    spent: int, limit: int, now: datetime, month_end: int, exhausted_on: date | None
) -> None:
    found = linear_forecast(spent=NanoUsd(spent), limit=NanoUsd(limit), zones=UTC_ONLY, now=now)

    assert (found.month_end, found.exhausted_on) == (month_end, exhausted_on)
    assert found.method.startswith("linear")


def test_the_date_is_the_tenants() -> None:
    # At this pace the budget is gone at 03:00 UTC on the 11th, which is still the 10th in Chicago.
    start = datetime(2026, 11, 1, 5, tzinfo=UTC)
    gone = datetime(2026, 11, 11, 3, tzinfo=UTC)

    found = linear_forecast(spent=NanoUsd(500), limit=NanoUsd(1000), zones=CHICAGO, now=start + (gone - start) / 2)

    assert found.exhausted_on == date(2026, 11, 10)


@given(spent=some.integers(0, 10**15), limit=some.integers(0, 10**15), second=some.integers(0, 30 * 86400 - 1))
def test_the_end_is_never_below_what_is_spent_and_the_date_always_in_the_month(
    spent: int, limit: int, second: int
) -> None:
    now = START + timedelta(seconds=second)

    found = linear_forecast(spent=NanoUsd(spent), limit=NanoUsd(limit), zones=UTC_ONLY, now=now)

    assert found.month_end >= spent
    if found.exhausted_on is not None:
        assert now.date() <= found.exhausted_on <= date(2026, 11, 30)


def a_history(costs: dict[int, int], *, first: date, last: date) -> dict[date, NanoUsd]:
    """What each weekday costs."""
    days = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    return {day: NanoUsd(costs[day.weekday()]) for day in days}


FLAT = dict.fromkeys(range(7), 1000)
OFFICE = dict.fromkeys(range(5), 1400) | {5: 300, 6: 80}


def test_a_flat_history_is_carried_on_to_the_nano_dollar() -> None:
    days = a_history(FLAT, first=date(2026, 10, 1), last=date(2026, 11, 10))

    found = forecast(days=days, limit=NanoUsd(20_500), zones=UTC_ONLY, now=START + timedelta(days=10))

    assert (found.month_end, found.exhausted_on) == (30_000, date(2026, 11, 21))
    assert found.method == WEEKLY


def test_the_part_of_today_that_is_over_is_not_foretold_again() -> None:
    days = a_history(FLAT, first=date(2026, 10, 1), last=date(2026, 11, 10))
    days[date(2026, 11, 11)] = NanoUsd(700)

    found = forecast(days=days, limit=NanoUsd(10**9), zones=UTC_ONLY, now=START + timedelta(days=10, hours=18))

    assert found.month_end == 10_000 + 700 + 250 + 19_000


def test_an_office_week_is_foretold_where_the_straight_line_is_far_off() -> None:
    # The month begins with a Sunday: six of its first eight days are no weekend, and then another begins.
    now, days = START + timedelta(days=7), a_history(OFFICE, first=date(2026, 9, 14), last=date(2026, 11, 7))
    truth = sum(a_history(OFFICE, first=date(2026, 11, 1), last=date(2026, 11, 30)).values())

    spent = NanoUsd(sum(cost for day, cost in days.items() if day.month == 11))
    weekly = forecast(days=days, limit=NanoUsd(10**9), zones=UTC_ONLY, now=now).month_end
    linear = linear_forecast(spent=spent, limit=NanoUsd(10**9), zones=UTC_ONLY, now=now).month_end

    assert abs(weekly - truth) < abs(linear - truth)
    assert abs(weekly - truth) * 100 < truth * 2


def test_a_flood_that_is_over_is_not_carried_on() -> None:
    days = a_history(FLAT, first=date(2026, 10, 1), last=date(2026, 11, 20))
    days |= {date(2026, 11, day): NanoUsd(20_000) for day in (18, 19, 20)}

    found = forecast(days=days, limit=NanoUsd(10**9), zones=UTC_ONLY, now=START + timedelta(days=20))

    truth = 27 * 1000 + 3 * 20_000
    assert abs(found.month_end - truth) * 10 < truth


@pytest.mark.parametrize("known", [0, 1, 13])
def test_without_two_weeks_of_spend_the_line_is_straight(known: int) -> None:
    last = date(2026, 11, 14)
    days = a_history(FLAT, first=last - timedelta(days=known - 1), last=last) if known else {}
    spent = NanoUsd(sum(cost for day, cost in days.items() if day.month == 11))
    now = START + timedelta(days=14)

    found = forecast(days=days, limit=NanoUsd(10**9), zones=UTC_ONLY, now=now)

    assert found == linear_forecast(spent=spent, limit=NanoUsd(10**9), zones=UTC_ONLY, now=now)


@given(
    costs=some.lists(some.integers(-(10**9), 10**15), max_size=90),
    limit=some.integers(0, 10**17),
    second=some.integers(0, 30 * 86400 - 1),
)
def test_whatever_was_spent_the_end_is_no_less_and_the_date_is_in_the_month(
    costs: list[int], limit: int, second: int
) -> None:
    days = {date(2026, 11, 30) - timedelta(days=number): NanoUsd(cost) for number, cost in enumerate(costs)}
    now = START + timedelta(seconds=second)
    days = {day: cost for day, cost in days.items() if day <= now.date()}
    spent = sum(cost for day, cost in days.items() if day.month == 11)

    found = forecast(days=days, limit=NanoUsd(limit), zones=UTC_ONLY, now=now)

    assert found.month_end >= spent or spent < 0
    assert (found.exhausted_on is None) == (found.month_end < limit and spent < limit)
    if found.exhausted_on is not None:
        assert now.date() <= found.exhausted_on <= date(2026, 11, 30)
