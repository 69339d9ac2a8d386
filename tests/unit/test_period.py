from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as some

from tollgate.domain.errors import RequestInvalid
from tollgate.domain.period import Period, Step, edges, period_of
from tollgate.domain.window import ZoneFrom

CHICAGO = (ZoneFrom(month="2026-01", zone="America/Chicago"),)
NOON = datetime(2026, 11, 23, 18, tzinfo=UTC)
ZONES = [
    "America/Chicago",
    "UTC",
    "Asia/Kathmandu",
    "America/St_Johns",
    "Pacific/Auckland",
    "Africa/Cairo",
    "Australia/Lord_Howe",
]


def period(
    first: str | None = None, last: str | None = None, timezone: str | None = None, *, now: datetime = NOON
) -> Period:
    return period_of(first=first, last=last, timezone=timezone, zones=CHICAGO, now=now)


def test_the_default_is_this_month_of_the_tenant() -> None:
    found = period()

    assert (found.first, found.last) == ("2026-11-01", "2026-11-30")
    assert found.start == datetime(2026, 11, 1, 5, tzinfo=UTC)
    assert found.end == datetime(2026, 12, 1, 6, tzinfo=UTC)


def test_this_month_begins_by_the_tenants_clock_and_by_the_zone_that_is_named() -> None:
    just_december_in_utc = datetime(2026, 12, 1, 5, 59, 59, tzinfo=UTC)

    assert period(now=just_december_in_utc).first == "2026-11-01"
    assert period(timezone="UTC", now=just_december_in_utc).first == "2026-12-01"


def test_an_end_alone_begins_with_its_month() -> None:
    assert period(last="2026-03-15").first == "2026-03-01"


def test_a_date_is_included_as_a_whole_and_an_instant_excluded() -> None:
    assert period("2026-11-23", "2026-11-23").end - period("2026-11-23", "2026-11-23").start == timedelta(days=1)
    assert period("2026-11-23", "2026-11-23T12:00:00-06:00").end == NOON


def test_a_plus_sign_that_was_not_escaped_is_understood() -> None:
    assert period("2026-11-23T12:00:00 01:00", "2026-11-24").start == datetime(2026, 11, 23, 11, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    ["", "2026-11", "20261123", "2026-W48-1", "1999-01-01", "2026-11-23T25:00:00Z", "2026-11-23T10:00", "٢٠٢٦-11-01"],
)
def test_what_is_neither_date_nor_instant_is_refused_by_name(text: str) -> None:
    with pytest.raises(RequestInvalid) as error:
        period(text, "2026-11-23")

    assert error.value.param == "from"


def test_more_than_thirteen_months_are_refused() -> None:
    period("2025-10-20", "2026-11-23")
    with pytest.raises(RequestInvalid):
        period("2025-10-19", "2026-11-23")


def test_a_day_without_midnight_begins_when_the_clocks_have_moved() -> None:
    # Cairo's clocks go from 00:00 to 01:00 on the last Friday of April.
    spring = period("2026-04-24", "2026-04-24", "Africa/Cairo")

    assert spring.start == datetime(2026, 4, 23, 22, tzinfo=UTC)
    assert spring.end - spring.start == timedelta(hours=23)


def test_hours_begin_with_the_zones_own_hour() -> None:
    found = edges(period("2026-11-23", "2026-11-23", "Asia/Kathmandu"), Step.HOUR)

    assert len(found) == 24
    assert found[0] == datetime(2026, 11, 22, 18, 15, tzinfo=UTC)


def test_a_period_within_one_hour_or_day_has_one_edge_before_it() -> None:
    short = period("2026-11-23T18:20:00Z", "2026-11-23T18:40:00Z")

    assert edges(short, Step.HOUR) == (NOON,)
    assert edges(short, Step.DAY) == (datetime(2026, 11, 23, 6, tzinfo=UTC),)


def test_a_date_that_a_zone_has_skipped_has_no_edge_of_its_own() -> None:
    # Samoa went from 2011-12-29 to 2011-12-31.
    found = edges(period("2011-12-29", "2011-12-31", "Pacific/Apia"), Step.DAY)

    assert len(found) == 2


@given(
    zone=some.sampled_from(ZONES),
    first=some.dates(date(2020, 1, 1), date(2035, 1, 1)),
    days=some.integers(0, 100),
    step=some.sampled_from(list(Step)),
)
def test_edges_rise_and_cover_the_period(zone: str, first: date, days: int, step: Step) -> None:
    asked = period(first.isoformat(), (first + timedelta(days=days)).isoformat(), zone)

    found = edges(asked, step)

    assert all(earlier < later for earlier, later in pairwise(found))
    assert found[0] <= asked.start
    assert found[-1] < asked.end
    if step is Step.DAY:
        assert len(found) == days + 1
        assert found[0] == asked.start
