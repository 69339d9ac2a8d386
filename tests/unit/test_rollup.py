from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as some

from tollgate.domain.rollup import LENGTHS, Blocks, Cover, Grain, Stretch, cover, days_of, months_of, stretch_of
from tollgate.domain.window import first_instant

START = datetime(2026, 11, 1, tzinfo=UTC)
an_instant = some.one_of(
    some.integers(0, 40 * 86400).map(lambda second: START + timedelta(seconds=second)),
    some.integers(0, 40 * 96).map(lambda quarter: START + timedelta(minutes=15 * quarter)),
)


def stretches_in(found: Cover) -> list[Stretch]:
    return sorted([*(blocks.within for blocks in found.blocks), *found.cut], key=lambda stretch: stretch.start)


@given(edges=some.lists(an_instant, min_size=2, max_size=6, unique=True).map(sorted))
def test_blocks_and_what_they_leave_over_are_the_whole_time_once(edges: list[datetime]) -> None:
    found = cover(edges)

    stretches = stretches_in(found)
    assert (stretches[0].start, stretches[-1].end) == (edges[0], edges[-1])
    assert [before.end for before in stretches[:-1]] == [after.start for after in stretches[1:]]


@given(edges=some.lists(an_instant, min_size=2, max_size=6, unique=True).map(sorted))
def test_no_block_is_cut_by_an_edge(edges: list[datetime]) -> None:
    for blocks in cover(edges).blocks:
        length = LENGTHS[blocks.grain]
        assert (blocks.within.start - START) % length == timedelta(0)
        assert (blocks.within.end - START) % length == timedelta(0)
        assert all(
            (edge - START) % length == timedelta(0) for edge in edges if blocks.within.start < edge < blocks.within.end
        )


def test_a_month_in_chicago_is_hours_then_days_then_hours() -> None:
    edges = (datetime(2026, 11, 1, 5, tzinfo=UTC), datetime(2026, 12, 1, 6, tzinfo=UTC))

    assert [(each.grain, each.within.end) for each in cover(edges).blocks] == [
        (Grain.HOUR, datetime(2026, 11, 2, tzinfo=UTC)),
        (Grain.DAY, datetime(2026, 12, 1, tzinfo=UTC)),
        (Grain.HOUR, edges[1]),
    ]


def test_days_in_utc_are_one_stretch_of_day_blocks() -> None:
    edges = tuple(START + timedelta(days=day) for day in range(31))

    assert cover(edges).blocks == (Blocks(grain=Grain.DAY, within=Stretch(start=edges[0], end=edges[-1])),)


def test_every_day_of_every_time_zone_begins_on_a_quarter_hour() -> None:
    quarter = LENGTHS[Grain.QUARTER]
    # Each first of a month since 2000, and each day of a year: those on which clocks change too.
    days = [date(year, month, 1) for year in range(2000, 2040) for month in range(1, 13)]
    days += [date(2026, 1, 1) + timedelta(days=number) for number in range(365)]
    for name in sorted(available_timezones()):
        zone = ZoneInfo(name)
        assert all((first_instant(day, zone) - START) % quarter == timedelta(0) for day in days), name


def test_a_stretch_touches_whole_days_and_the_months_around_them() -> None:
    stretch = Stretch(start=START + timedelta(hours=5), end=START + timedelta(days=1, hours=1))

    assert [day.start for day in days_of(stretch)] == [START, START + timedelta(days=1)]
    assert list(months_of(stretch)) == [date(2026, 10, 1), date(2026, 11, 1), date(2026, 12, 1)]


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
