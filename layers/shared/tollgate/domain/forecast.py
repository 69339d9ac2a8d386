"""Where a month's spend is heading."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from tollgate.domain.money import NanoUsd, ceil_div
from tollgate.domain.window import ZoneFrom, month_end, previous_month, window_at, zone_of

METHOD = "linear: this month's spend so far, divided by the share of the month that has passed"
MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """`exhausted_on`: the tenant's date on which the month's budget runs out at this pace; None where it lasts.

    Where it has run out already, that is the date of asking.
    """

    month_end: NanoUsd
    exhausted_on: date | None
    method: str = METHOD


def forecast(*, spent: NanoUsd, limit: NanoUsd, zones: Sequence[ZoneFrom], now: datetime) -> Forecast:
    """The end of the month that `now` is in, from what its page has spent. Rounded up, like every cost."""
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
