"""The stretch of time that a report is about, as people name it: by dates of a time zone, or by instants."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from tollgate.domain.errors import RequestInvalid
from tollgate.domain.window import ZoneFrom, first_instant, next_month, window_at, zone_of

DATE = re.compile(r"20\d\d-\d\d-\d\d")
INSTANT = re.compile(r"20\d\d-\d\d-\d\d[Tt]\d\d:\d\d(:\d\d(\.\d+)?)?([Zz]|[+-]\d\d:\d\d)")
# As dates count: one of the days may be an hour longer.
LONGEST = timedelta(days=400, hours=1)


class Step(StrEnum):
    HOUR = "hour"
    DAY = "day"


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """From `start` to `end`, the end excluded, UTC; `first` and `last` are how these were named."""

    first: str
    last: str
    start: datetime
    end: datetime
    zone: ZoneInfo

    def __post_init__(self) -> None:
        if self.end <= self.start:
            raise RequestInvalid("to must not be before from.", param="to")
        if self.end - self.start > LONGEST:
            raise RequestInvalid(f"from and to may be at most {LONGEST.days} days apart.", param="from")


def period_of(
    *, first: str | None, last: str | None, timezone: str | None, zones: Sequence[ZoneFrom], now: datetime
) -> Period:
    """The period that a request names; what it leaves out is this month, and the tenant's own zone.

    A date is a day of `timezone`, and the last one is included; an instant is excluded. Raises RequestInvalid, which
    names the parameter.
    """
    month = window_at(now, zones).month
    zone = zone_of(month, zones) if timezone is None else _zone(timezone)
    if timezone is not None:
        month = now.astimezone(zone).strftime("%Y-%m")
    last = _last_date(month) if last is None else last
    end = _end(last, zone)
    if first is None:
        first = f"{last[:7] if DATE.fullmatch(last) else month}-01"
    return Period(first=first, last=last, start=_start(first, zone), end=end, zone=zone)


def edges(period: Period, step: Step) -> tuple[datetime, ...]:
    """Where each local day or hour of the period begins (UTC), the first one at or before the period's start."""
    if step is Step.HOUR:
        return _hours(period)
    last = period.end - timedelta(microseconds=1)
    days = _dates(period.start.astimezone(period.zone).date(), last.astimezone(period.zone).date())
    # A zone that moved across the date line has a date without an instant; it and the next then begin at once.
    return tuple(dict.fromkeys(first_instant(day, period.zone) for day in days))


def _hours(period: Period) -> tuple[datetime, ...]:
    hour = period.start.astimezone(period.zone).replace(minute=0, second=0, microsecond=0).astimezone(UTC)
    found = []
    while hour < period.end:
        found.append(hour)
        hour += timedelta(hours=1)
    return tuple(found)


def _dates(first: date, last: date) -> list[date]:
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]


def _start(text: str, zone: ZoneInfo) -> datetime:
    return first_instant(_date(text, "from"), zone) if DATE.fullmatch(text) else _instant(text, "from")


def _end(text: str, zone: ZoneInfo) -> datetime:
    return first_instant(_date(text, "to") + timedelta(days=1), zone) if DATE.fullmatch(text) else _instant(text, "to")


def _date(text: str, param: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise RequestInvalid(f"{param}: there is no date {text}.", param=param) from error


def _instant(text: str, param: str) -> datetime:
    # A plus sign that was not escaped arrives as a space.
    found = INSTANT.fullmatch(text.replace(" ", "+"))
    try:
        return datetime.fromisoformat(found.group().upper() if found else "").astimezone(UTC)
    except ValueError as error:
        message = f"{param} must be a date such as 2026-11-01, or an RFC 3339 instant such as 2026-11-01T06:00:00Z."
        raise RequestInvalid(message, param=param) from error


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise RequestInvalid("timezone must be an IANA time zone such as America/Chicago.", param="timezone") from error


def _last_date(month: str) -> str:
    return (date.fromisoformat(f"{next_month(month)}-01") - timedelta(days=1)).isoformat()
