from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tollgate.domain.window import (
    ZoneFrom,
    day_end,
    first_instant,
    month_end,
    next_month,
    previous_month,
    window_at,
    zone_of,
)

# Half and quarter hours, both edges of the world, days without midnight, and clocks that change where others don't.
ZONES = st.sampled_from(
    [
        "UTC",
        "America/Chicago",
        "America/New_York",
        "America/Los_Angeles",
        "Africa/Cairo",
        "Asia/Beirut",
        "Asia/Kathmandu",
        "Asia/Kolkata",
        "Australia/Lord_Howe",
        "Pacific/Apia",
        "Pacific/Chatham",
        "Pacific/Kiritimati",
        "Pacific/Pago_Pago",
        "America/Havana",
        "America/Santiago",
        "America/Asuncion",
        "America/Nuuk",
        "Atlantic/Azores",
        "Antarctica/Troll",
        "Asia/Gaza",
        "Africa/Casablanca",
    ]
)
INSTANTS = st.datetimes(datetime(2011, 12, 1), datetime(2037, 12, 1), timezones=st.just(UTC))  # noqa: DTZ001
MONTHS = st.builds(lambda year, month: f"{year}-{month:02}", st.integers(2011, 2037), st.integers(1, 12))
HISTORIES = st.builds(
    lambda first, later: (
        ZoneFrom(month="1970-01", zone=first),
        *(ZoneFrom(month=month, zone=zone) for month, zone in sorted(later.items())),
    ),
    ZONES,
    st.dictionaries(MONTHS, ZONES, max_size=3),
)


@given(INSTANTS, HISTORIES)
@example(
    datetime(2026, 12, 1, 5, 30, tzinfo=UTC),
    (ZoneFrom(month="1970-01", zone="America/New_York"), ZoneFrom(month="2026-12", zone="America/Los_Angeles")),
)
@example(
    datetime(2026, 12, 1, 5, 30, tzinfo=UTC),
    (ZoneFrom(month="1970-01", zone="America/Los_Angeles"), ZoneFrom(month="2026-12", zone="America/New_York")),
)
def test_every_instant_is_in_exactly_one_page(now: datetime, zones: tuple[ZoneFrom, ...]) -> None:
    window = window_at(now, zones)

    assert month_end(previous_month(window.month), zones) <= now < month_end(window.month, zones)
    assert window.month_ends_at == month_end(window.month, zones)


@given(INSTANTS, HISTORIES)
def test_every_instant_is_before_the_end_of_its_day_and_that_is_not_past_the_page(
    now: datetime, zones: tuple[ZoneFrom, ...]
) -> None:
    window = window_at(now, zones)

    assert now < window.day_ends_at <= window.month_ends_at
    assert window.day_ends_at == day_end(window.month, window.day, zones)


@given(INSTANTS, HISTORIES)
def test_a_day_ends_where_another_begins(now: datetime, zones: tuple[ZoneFrom, ...]) -> None:
    window = window_at(now, zones)

    following, last = (
        window_at(window.day_ends_at, zones),
        window_at(window.day_ends_at - timedelta(microseconds=1), zones),
    )

    assert (last.month, last.day) == (window.month, window.day)
    assert (following.month, following.day) > (window.month, window.day)


@given(INSTANTS, ZONES)
def test_in_one_zone_the_day_is_the_date_on_the_wall(now: datetime, zone: str) -> None:
    window = window_at(now, (ZoneFrom(month="1970-01", zone=zone),))

    assert window.date == now.astimezone(ZoneInfo(zone)).date().isoformat()


@given(INSTANTS, ZONES)
def test_a_day_resets_at_the_first_instant_of_the_next_local_date(now: datetime, zone: str) -> None:
    window = window_at(now, (ZoneFrom(month="1970-01", zone=zone),))
    clock = ZoneInfo(zone)

    before = (window.day_ends_at - timedelta(microseconds=1)).astimezone(clock).date()
    after = window.day_ends_at.astimezone(clock).date()

    assert before.isoformat() == window.date
    assert after > before


@pytest.mark.parametrize("year", [2024, 2026, 2030, 2037])
def test_in_every_zone_of_the_world_each_date_begins_once(year: int) -> None:
    """Around every change of clocks: an hour before, at, and after the first instant of each date."""
    for name in sorted(available_timezones()):
        zone = ZoneInfo(name)
        for day in _days_with_a_change(year, zone):
            begins = first_instant(day, zone)
            assert begins.astimezone(zone).date() >= day, (name, day)
            assert all(
                (begins - timedelta(minutes=back)).astimezone(zone).date() < day for back in (1, 30, 59, 61, 120, 179)
            ), (name, day)


def _days_with_a_change(year: int, zone: ZoneInfo) -> list[date]:
    """The dates at or after which the zone's offset is another than at the date before."""
    days = [date(year, 1, 1) + timedelta(days=number) for number in range(366)]
    offsets = [datetime(day.year, day.month, day.day, 12, tzinfo=zone).utcoffset() for day in days]
    changed = {index for index in range(1, len(days)) if offsets[index] != offsets[index - 1]}
    return [days[index] for index in sorted(changed | {index + 1 for index in changed} | {1})]


@pytest.mark.parametrize(
    ("zone", "day", "ends_at"),
    [
        ("America/Chicago", date(2026, 3, 8), datetime(2026, 3, 9, 5, tzinfo=UTC)),  # 23 hours
        ("America/Chicago", date(2026, 11, 1), datetime(2026, 11, 2, 6, tzinfo=UTC)),  # 25 hours
        ("Africa/Cairo", date(2026, 4, 23), datetime(2026, 4, 23, 22, tzinfo=UTC)),  # the 24th begins at 01:00
        ("Asia/Beirut", date(2026, 3, 28), datetime(2026, 3, 28, 22, tzinfo=UTC)),  # the 29th begins at 01:00
        ("Pacific/Apia", date(2011, 12, 29), datetime(2011, 12, 30, 10, tzinfo=UTC)),  # the 30th never was
    ],
)
def test_a_day_ends_at_the_instant_that_its_zone_says(zone: str, day: date, ends_at: datetime) -> None:
    zones = (ZoneFrom(month="1970-01", zone=zone),)

    window = window_at(ends_at - timedelta(seconds=1), zones)

    assert (window.date, window.day_ends_at) == (day.isoformat(), ends_at)


def test_a_day_that_never_was_holds_no_instant() -> None:
    zones = (ZoneFrom(month="1970-01", zone="Pacific/Apia"),)
    change = datetime(2011, 12, 30, 10, tzinfo=UTC)

    assert [window_at(change + timedelta(seconds=second), zones).date for second in (-1, 0)] == [
        "2011-12-29",
        "2011-12-31",
    ]


def test_a_change_of_zone_to_the_west_makes_the_last_day_longer_and_leaves_no_gap() -> None:
    zones = (ZoneFrom(month="1970-01", zone="America/New_York"), ZoneFrom(month="2026-12", zone="America/Los_Angeles"))
    turn = datetime(2026, 12, 1, 5, tzinfo=UTC)

    before, after, later = (window_at(turn + timedelta(hours=hours), zones) for hours in (-1, 0, 4))

    assert (before.date, before.month_ends_at) == ("2026-11-30", turn)
    assert (after.date, later.date) == ("2026-12-01", "2026-12-01")
    assert after.day_ends_at == datetime(2026, 12, 2, 8, tzinfo=UTC)


def test_a_change_of_zone_to_the_east_lets_the_old_month_end_first() -> None:
    zones = (ZoneFrom(month="1970-01", zone="America/Los_Angeles"), ZoneFrom(month="2026-12", zone="America/New_York"))
    turn = datetime(2026, 12, 1, 8, tzinfo=UTC)

    before, after = (window_at(turn + timedelta(seconds=seconds), zones) for seconds in (-1, 0))

    assert (before.date, before.day_ends_at) == ("2026-11-30", turn)
    assert (after.date, after.day_ends_at) == ("2026-12-01", datetime(2026, 12, 2, 5, tzinfo=UTC))


@given(MONTHS)
def test_months_follow_each_other(month: str) -> None:
    assert previous_month(next_month(month)) == month
    assert next_month(month) > month


def test_the_first_zone_serves_all_time_before_it() -> None:
    zones = (ZoneFrom(month="2026-06", zone="Asia/Kolkata"), ZoneFrom(month="2026-09", zone="UTC"))

    assert [str(zone_of(month, zones)) for month in ("2020-01", "2026-08", "2026-09")] == [
        "Asia/Kolkata",
        "Asia/Kolkata",
        "UTC",
    ]
