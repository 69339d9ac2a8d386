"""What a tenant spent in a period: the whole, its groups, its course, and where the month is heading."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import date, datetime, timedelta
from enum import StrEnum

from tollgate.domain.errors import RequestInvalid
from tollgate.domain.forecast import Forecast
from tollgate.domain.latency import Bucket, Latency
from tollgate.domain.money import ZERO, NanoUsd
from tollgate.domain.period import Period, Step
from tollgate.domain.refused import RefusedHour, by_agent, by_stretch, calls_in
from tollgate.domain.run_outcomes import LinkedJob, RunOutcomes

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


def sum_of(spends: Iterable[Spend]) -> Spend:
    rows = [[getattr(spend, field.name) for field in fields(Spend)] for spend in spends]
    sums = [sum(column) for column in zip(*rows, strict=True)]
    return Spend(**{field.name: value for field, value in zip(fields(Spend), sums, strict=False)})


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """`key`: the model, agent, job or outcome, None where spans name none; the date of a day, an instant of an hour.

    `merged`: of how many keys it is the rest that was not listed, without a key of its own; None for a key's own group.
    `refused_calls`: None where it is not known: a refusal is counted by hour, reason and agent, not by model or job.
    `job`: the job of the tenant's business that the key is the id of, where runs are linked to it; `key` is then not what a span names.
    """

    key: str | None
    spend: Spend
    merged: int | None = None
    refused_calls: int | None = None
    job: LinkedJob | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    at: datetime
    spend: Spend
    refused_calls: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SpendQuery:
    """What the store is asked: sums of each label and the latencies from `start` to `end`, sums of each stretch between two edges.

    `first_day`, `last_day`: the tenant's own days whose budget's spend is asked for beside.
    """

    tenant_id: str
    start: datetime
    end: datetime
    edges: tuple[datetime, ...]
    group_by: GroupBy
    first_day: date
    last_day: date

    @property
    def bounds(self) -> tuple[datetime, ...]:
        """Where stretches begin and end: the edges, inside the period. The first edge may lie before it."""
        return (self.start, *(edge for edge in self.edges if self.start < edge < self.end), self.end)


@dataclass(frozen=True, slots=True, kw_only=True)
class SpendFound:
    """`labels`: the 100 dearest, dearest first, and the rest of them as one; `stretches`: the number of the edge where one begins -> its
    sums; `days`: what the tenant's own days have spent, as its pages count."""

    labels: tuple[Group, ...]
    stretches: Mapping[int, Spend]
    latencies: tuple[Bucket, ...]
    days: Mapping[date, NanoUsd]


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """`refused`: reason -> calls, most first. `outcomes`: what runs led to in the business; None where it is not connected."""

    tenant_id: str
    period: Period
    group_by: GroupBy
    totals: Spend
    groups: tuple[Group, ...]
    series: tuple[Point, ...]
    latency: Latency
    forecast: Forecast
    as_of: datetime
    refused: Mapping[str, int]
    outcomes: RunOutcomes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantsQuery:
    """Sums of each tenant from `start` to `end`, whole quarter-hours: `limit` of those whose id follows `after`, and of all."""

    start: datetime
    end: datetime
    after: str
    limit: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantsFound:
    """`tenants`: by their ids; `count`: of all that have spans in the period."""

    totals: Spend
    count: int
    tenants: tuple[tuple[str, Spend], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantsSummary:
    """`count`: of all tenants with spend in the period; `next_cursor`: None on the last page. Refusals are counted for each tenant by
    itself, and not asked for here."""

    period: Period
    totals: Spend
    count: int
    tenants: tuple[tuple[str, Spend], ...]
    next_cursor: str | None
    as_of: datetime


def step_of(group_by: GroupBy, period: Period) -> Step:
    """How finely the series runs. Raises RequestInvalid for hours over more than two months."""
    length = period.end - period.start
    if group_by is GroupBy.HOUR and length > HOURLY_LONGEST:
        raise RequestInvalid(f"groupBy=hour takes at most {HOURLY_LONGEST.days} days.", param="groupBy")
    hourly = group_by is GroupBy.HOUR or (group_by is not GroupBy.DAY and length <= HOURLY_BY_DEFAULT)
    return Step.HOUR if hourly else Step.DAY


def series_of(
    found: SpendFound, edges: Sequence[datetime], refused: Sequence[RefusedHour], *, end: datetime, now: datetime
) -> tuple[Point, ...]:
    """A point for each stretch that has begun, those without spend too; the last stretch ends at `end`."""
    return tuple(
        Point(at=edge, spend=found.stretches.get(number, Spend()), refused_calls=calls_in(hours))
        for number, (edge, hours) in enumerate(zip(edges, by_stretch(refused, edges, end), strict=True))
        if edge <= now or number in found.stretches
    )


def groups_of(
    group_by: GroupBy, found: SpendFound, series: Sequence[Point], refused: Sequence[RefusedHour], period: Period
) -> tuple[Group, ...]:
    """Labels dearest first; stretches of time in their order, those without a call left out."""
    match group_by:
        case GroupBy.DAY:
            return _stretches(series, lambda at: at.astimezone(period.zone).date().isoformat())
        case GroupBy.HOUR:
            return _stretches(series, lambda at: f"{at:%Y-%m-%dT%H:%M:%SZ}")
        case GroupBy.AGENT:
            return _agents(found.labels, by_agent(refused))
        case GroupBy.MODEL | GroupBy.JOB | GroupBy.OUTCOME:
            return found.labels


def _stretches(series: Sequence[Point], key: Callable[[datetime], str]) -> tuple[Group, ...]:
    return tuple(
        Group(key=key(point.at), spend=point.spend, refused_calls=point.refused_calls)
        for point in series
        if point.spend != Spend() or point.refused_calls
    )


def _agents(labels: Sequence[Group], refused: Mapping[str | None, int]) -> tuple[Group, ...]:
    """An agent of which every call was refused has a group too; where not all are listed, it is among the rest."""
    own = {group.key for group in labels if group.merged is None}
    rest = {agent: calls for agent, calls in refused.items() if agent not in own}
    counted = tuple(
        replace(group, refused_calls=refused.get(group.key, 0) if group.merged is None else sum(rest.values()))
        for group in labels
    )
    if len(own) < len(labels):
        return counted
    most_first = sorted(rest.items(), key=lambda item: -item[1])
    return (*counted, *(Group(key=agent, spend=Spend(), refused_calls=calls) for agent, calls in most_first))
