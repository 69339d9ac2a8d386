"""Where a month's spend is heading.

Offices rest on weekends, so a month's pace alone is wrong by how its weekdays fall, and a new month has hardly a pace at all. Where two
weeks are known, the days that are left are foretold from their weekdays' usual shares and a pace that looks back before the month.
How wrong each way is on made histories: infra/decisions/0011-the-forecast.md.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from fractions import Fraction
from math import ceil
from statistics import median

from tollgate.domain.money import NanoUsd, ceil_div
from tollgate.domain.window import ZoneFrom, month_end, next_month, previous_month, window_at, zone_of

LINEAR = "linear: this month's spend so far, divided by the share of the month that has passed"
WEEKLY = (
    "weekly rhythm: spend so far, and for each day left its weekday's usual share (the median of up to 8 weeks) of the pace of this"
    " month's last 14 days and, weighing as 3 days more, of the 7 days before those; of a day's spend no more counts for the pace than 3"
    " times the usual"
)
HISTORY = timedelta(days=56)
DAY = timedelta(days=1)
MICROSECOND = timedelta(microseconds=1)

KNOWN_LEAST = 14
PACE_DAYS = 14
BEFORE_DAYS = 7
BEFORE_WEIGHT = 3
# A loop that ran for a night is no pace; one that goes on for a week is.
USUAL_TIMES = 3
# So much of a weekday's share is the same for all: two Sundays without a call do not make Sundays free.
EVEN_SHARE = Fraction(1, 10)


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """`exhausted_on`: the tenant's date on which the month's budget runs out at this pace; None where it lasts.

    Where it has run out already, that is the date of asking.
    """

    month_end: NanoUsd
    exhausted_on: date | None
    method: str = LINEAR


def forecast(*, days: Mapping[date, NanoUsd], limit: NanoUsd, zones: Sequence[ZoneFrom], now: datetime) -> Forecast:
    """The end of the month that `now` is in, from what the tenant's own days have spent; of those before today, HISTORY counts.

    Rounded up, like every cost. Without two weeks of spend it is the linear one.
    """
    window = window_at(now, zones)
    today, last = date.fromisoformat(window.date), date.fromisoformat(f"{next_month(window.month)}-01") - DAY
    spent = NanoUsd(sum(cost for day, cost in days.items() if f"{day:%Y-%m}" == window.month))
    known = _known_days(days, today)
    if len(known) < KNOWN_LEAST:
        return linear_forecast(spent=spent, limit=limit, zones=zones, now=now)
    shares = _shares(known)
    pace = _pace(known, shares, today.replace(day=1))
    left_of_today = min(Fraction((window.day_ends_at - now) // MICROSECOND, DAY // MICROSECOND), Fraction(1))
    ahead = {today + number * DAY: Fraction(1) for number in range((last - today).days + 1)} | {today: left_of_today}
    at_end, exhausted_on = Fraction(spent), today if spent >= limit else None
    for day, part in ahead.items():
        at_end += pace * shares[day.weekday()] * part
        if exhausted_on is None and at_end >= limit:
            exhausted_on = day
    return Forecast(month_end=NanoUsd(ceil(at_end)), exhausted_on=exhausted_on, method=WEEKLY)


def _known_days(days: Mapping[date, NanoUsd], today: date) -> dict[date, int]:
    """Every whole day since the first with spend, in order; what a correction takes back makes no day cost less than nothing."""
    began = min((day for day, cost in days.items() if cost > 0 and today - HISTORY <= day), default=today)
    return {began + n * DAY: max(0, days.get(began + n * DAY, 0)) for n in range((today - began).days)}


def _shares(known: Mapping[date, int]) -> list[Fraction]:
    """Of each weekday from Monday on; their mean is one."""
    usual = [Fraction(median(cost for day, cost in known.items() if day.weekday() == number)) for number in range(7)]
    whole = sum(usual)
    rhythm = [each * 7 / whole if whole else Fraction(1) for each in usual]
    return [EVEN_SHARE + (1 - EVEN_SHARE) * each for each in rhythm]


def _pace(known: Mapping[date, int], shares: Sequence[Fraction], month_starts: date) -> Fraction:
    """Nano-dollars of a day whose share is one."""
    share = {day: shares[day.weekday()] for day in known}
    recent = list(known)[-PACE_DAYS:]
    usual = median([known[day] / share[day] for day in recent if known[day]] or [Fraction(0)])
    costs = {day: min(Fraction(cost), USUAL_TIMES * usual * share[day]) for day, cost in known.items()}
    this_month = [day for day in recent if day >= month_starts]
    before = [day for day in known if day not in this_month][-BEFORE_DAYS:]
    paces = [
        (sum(costs[day] for day in each) / sum(share[day] for day in each), weight)
        for each, weight in ((this_month, len(this_month)), (before, BEFORE_WEIGHT))
        if each
    ]
    return Fraction(sum(pace * weight for pace, weight in paces)) / sum(weight for _, weight in paces)


def linear_forecast(*, spent: NanoUsd, limit: NanoUsd, zones: Sequence[ZoneFrom], now: datetime) -> Forecast:
    """The month's pace so far, carried on."""
    window = window_at(now, zones)
    starts_at = month_end(previous_month(window.month), zones)
    passed, whole = (now - starts_at) // MICROSECOND, (window.month_ends_at - starts_at) // MICROSECOND
    at_end = spent if passed == 0 else NanoUsd(ceil_div(spent * whole, passed))
    if spent >= limit:
        return Forecast(month_end=at_end, exhausted_on=date.fromisoformat(window.date))
    if at_end < limit or spent <= 0 or passed == 0:
        return Forecast(month_end=at_end, exhausted_on=None)
    runs_out_at = starts_at + MICROSECOND * min(passed * limit // spent, whole - 1)
    return Forecast(month_end=at_end, exhausted_on=runs_out_at.astimezone(zone_of(window.month, zones)).date())
