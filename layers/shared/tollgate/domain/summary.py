"""What a tenant spent in a period: the whole, its groups, its course, and where the month is heading."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from tollgate.domain.errors import RequestInvalid
from tollgate.domain.forecast import Forecast
from tollgate.domain.money import ZERO, NanoUsd
from tollgate.domain.period import Period, Step

HOURLY_LONGEST = timedelta(days=62, hours=1)
HOURLY_BY_DEFAULT = timedelta(days=2, hours=1)


class GroupBy(StrEnum):
    MODEL = "model"
    AGENT = "agent"
    JOB = "job"
    OUTCOME = "outcome"
    HOUR = "hour"
    DAY = "day"


@dataclass(frozen=True, slots=True, kw_only=True)
class Spend:
    """Sums over spans. `input_tokens` has the cached ones in it, `output_tokens` the reasoning ones.

    `would_have_...`: of calls that were only observed, those that enforcing would have refused (`would_have_refused`: what they cost) or
    served by a cheaper model.
    """

    cost: NanoUsd = ZERO
    calls: int = 0
    input_tokens: int = 0
    cached_input_tokens: int = 0
    output_tokens: int = 0
    reasoning_tokens: int = 0
    downgraded_calls: int = 0
    saved: NanoUsd = ZERO
    would_have_refused_calls: int = 0
    would_have_refused: NanoUsd = ZERO
    would_have_downgraded_calls: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """`key`: the model, agent, job or outcome, None where spans name none; the date of a day, an instant of an hour."""

    key: str | None
    spend: Spend


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    at: datetime
    spend: Spend


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """Milliseconds of calls, the gate's own time included; None without calls that say."""

    p50: int | None = None
    p95: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SpendQuery:
    """What the store is asked: sums of all from `start` to `end`, of each label, and of each stretch between two edges.

    `month`: `yyyy-mm` of the page whose whole spend is asked for beside.
    """

    tenant_id: str
    start: datetime
    end: datetime
    edges: tuple[datetime, ...]
    group_by: GroupBy
    month: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SpendFound:
    """`labels`: the 100 dearest, dearest first; `stretches`: the number of the edge where one begins -> its sums."""

    totals: Spend
    labels: tuple[Group, ...]
    stretches: Mapping[int, Spend]
    latency: Latency
    month_spent: NanoUsd


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    tenant_id: str
    period: Period
    group_by: GroupBy
    totals: Spend
    groups: tuple[Group, ...]
    series: tuple[Point, ...]
    latency: Latency
    forecast: Forecast
    as_of: datetime


def step_of(group_by: GroupBy, period: Period) -> Step:
    """How finely the series runs. Raises RequestInvalid for hours over more than two months."""
    length = period.end - period.start
    if group_by is GroupBy.HOUR and length > HOURLY_LONGEST:
        raise RequestInvalid(f"groupBy=hour takes at most {HOURLY_LONGEST.days} days.", param="groupBy")
    hourly = group_by is GroupBy.HOUR or (group_by is not GroupBy.DAY and length <= HOURLY_BY_DEFAULT)
    return Step.HOUR if hourly else Step.DAY


def series_of(found: SpendFound, edges: Sequence[datetime], *, now: datetime) -> tuple[Point, ...]:
    """A point for each stretch that has begun, those without spend too."""
    return tuple(
        Point(at=edge, spend=found.stretches.get(number, Spend()))
        for number, edge in enumerate(edges)
        if edge <= now or number in found.stretches
    )


def groups_of(group_by: GroupBy, found: SpendFound, series: Sequence[Point], period: Period) -> tuple[Group, ...]:
    """Labels dearest first; stretches of time in their order, those without spend left out."""
    match group_by:
        case GroupBy.DAY:
            return tuple(
                Group(key=point.at.astimezone(period.zone).date().isoformat(), spend=point.spend)
                for point in series
                if point.spend != Spend()
            )
        case GroupBy.HOUR:
            return tuple(
                Group(key=f"{point.at:%Y-%m-%dT%H:%M:%SZ}", spend=point.spend)
                for point in series
                if point.spend != Spend()
            )
        case GroupBy.MODEL | GroupBy.AGENT | GroupBy.JOB | GroupBy.OUTCOME:
            return found.labels
