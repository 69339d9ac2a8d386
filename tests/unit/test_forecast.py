from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as some

from tollgate.domain.forecast import forecast
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
    found = forecast(spent=NanoUsd(spent), limit=NanoUsd(limit), zones=UTC_ONLY, now=now)

    assert (found.month_end, found.exhausted_on) == (month_end, exhausted_on)
    assert found.method.startswith("linear")


def test_the_date_is_the_tenants() -> None:
    # At this pace the budget is gone at 03:00 UTC on the 11th, which is still the 10th in Chicago.
    start = datetime(2026, 11, 1, 5, tzinfo=UTC)
    gone = datetime(2026, 11, 11, 3, tzinfo=UTC)

    found = forecast(spent=NanoUsd(500), limit=NanoUsd(1000), zones=CHICAGO, now=start + (gone - start) / 2)

    assert found.exhausted_on == date(2026, 11, 10)


@given(spent=some.integers(0, 10**15), limit=some.integers(0, 10**15), second=some.integers(0, 30 * 86400 - 1))
def test_the_end_is_never_below_what_is_spent_and_the_date_always_in_the_month(
    spent: int, limit: int, second: int
) -> None:
    now = START + timedelta(seconds=second)

    found = forecast(spent=NanoUsd(spent), limit=NanoUsd(limit), zones=UTC_ONLY, now=now)

    assert found.month_end >= spent
    if found.exhausted_on is not None:
        assert now.date() <= found.exhausted_on <= date(2026, 11, 30)
