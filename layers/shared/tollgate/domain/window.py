"""Days and months in the tenant's own time zone.

A month's page runs from the end of the page before it to the end of its month in its own zone, so that no instant is in two
pages or in none, also where the zone changes between two months (LEDGER.md, "Windows").
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

MONTH = r"^[0-9]{4}-(0[1-9]|1[0-2])$"


@dataclass(frozen=True, slots=True, kw_only=True)
class ZoneFrom:
    """`zone` (IANA name) is the tenant's from the month `month` (`yyyy-mm`) on."""

    month: str
    zone: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """Where an instant belongs: the page's month `yyyy-mm`, the day `dd` in it, and when each ends (UTC, exclusive)."""

    month: str
    day: str
    day_ends_at: datetime
    month_ends_at: datetime

    @property
    def date(self) -> str:
        return f"{self.month}-{self.day}"


def window_at(now: datetime, zones: Sequence[ZoneFrom]) -> Window:
    """The window of an aware instant. `zones` are in order of their months; the first also serves all time before it."""
    month = now.astimezone(UTC).strftime("%Y-%m")
    while now >= month_end(month, zones):
        month = next_month(month)
    while now < month_end(previous_month(month), zones):
        month = previous_month(month)
    return _window_in(now, month, zones)


def _window_in(now: datetime, month: str, zones: Sequence[ZoneFrom]) -> Window:
    zone = zone_of(month, zones)
    first, last = _first_day(month), _first_day(next_month(month)) - timedelta(days=1)
    # After a change of zone the page can begin before its first local day does, so the day is kept inside the month.
    today = min(max(now.astimezone(zone).date(), first), last)
    ends_at = month_end(month, zones)
    day_ends_at = ends_at if today == last else first_instant(today + timedelta(days=1), zone)
    return Window(month=month, day=f"{today.day:02}", day_ends_at=day_ends_at, month_ends_at=ends_at)


def day_end(month: str, day: str, zones: Sequence[ZoneFrom]) -> datetime:
    """The first instant after a day of a page, in UTC."""
    following = date.fromisoformat(f"{month}-{day}") + timedelta(days=1)
    return min(first_instant(following, zone_of(month, zones)), month_end(month, zones))


def month_end(month: str, zones: Sequence[ZoneFrom]) -> datetime:
    """The first instant after a page, in UTC: the end of its month in its own zone."""
    return first_instant(_first_day(next_month(month)), zone_of(month, zones))


def zone_of(month: str, zones: Sequence[ZoneFrom]) -> ZoneInfo:
    """The zone of a page: the last that begins with its month or before."""
    name = zones[0].zone
    for entry in zones:
        if entry.month <= month:
            name = entry.zone
    return ZoneInfo(name)


def first_instant(day: date, zone: ZoneInfo) -> datetime:
    """The first instant of a local date, in UTC.

    Where a change of clocks leaves a date without midnight (Cairo, Beirut), reading 00:00 by the offset before the change (fold 0)
    gives the instant of the change itself.
    """
    return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)


def next_month(month: str) -> str:
    first = _first_day(month)
    return f"{first.year + 1:04}-01" if first.month == 12 else f"{first.year:04}-{first.month + 1:02}"


def previous_month(month: str) -> str:
    first = _first_day(month)
    return f"{first.year - 1:04}-12" if first.month == 1 else f"{first.year:04}-{first.month - 1:02}"


def _first_day(month: str) -> date:
    return date.fromisoformat(f"{month}-01")
