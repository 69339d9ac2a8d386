from datetime import UTC, date, datetime, timedelta

import pytest

from tollgate.domain.rollup import HOURS_AT_ONCE, Stretch, TenantHour, pages_around, portions, stretch_of


def test_dates_are_whole_days_in_utc_and_instants_are_themselves() -> None:
    assert stretch_of("2026-11-01", "2026-11-30") == Stretch(
        start=datetime(2026, 11, 1, tzinfo=UTC), end=datetime(2026, 12, 1, tzinfo=UTC)
    )
    assert stretch_of("2026-11-01T05:00:00Z", "2026-11-01T06:00:00+00:00").end == datetime(2026, 11, 1, 6, tzinfo=UTC)


@pytest.mark.parametrize(
    ("start", "end"), [("x", "2026-11-01"), ("2026-11-02", "2026-11-01"), ("2026-11-01T05:00:00", "2026-11-02")]
)
def test_what_is_no_stretch_of_time_is_refused(start: str, end: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        stretch_of(start, end)


def test_portions_are_bounded_and_leave_nothing_out() -> None:
    start = datetime(2026, 11, 1, tzinfo=UTC)
    hours = [
        TenantHour(tenant_id="acme-hvac", hour=start + timedelta(hours=number))
        for number in range(HOURS_AT_ONCE * 2 + 1)
    ]

    found = list(portions(hours))

    assert [len(portion) for portion in found] == [HOURS_AT_ONCE, HOURS_AT_ONCE, 1]
    assert [hour for portion in found for hour in portion] == hours


def test_pages_reach_from_the_month_before_to_the_month_of_the_next_day() -> None:
    assert pages_around(datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 11, 30, tzinfo=UTC)) == (
        date(2026, 10, 1),
        date(2026, 12, 1),
    )
    assert pages_around(datetime(2026, 1, 31, tzinfo=UTC), datetime(2026, 2, 2, tzinfo=UTC)) == (
        date(2025, 12, 1),
        date(2026, 2, 1),
    )
