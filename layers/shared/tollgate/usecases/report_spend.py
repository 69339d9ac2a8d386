"""Where a tenant's money went in a period, and where its month is heading."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from tollgate.domain.errors import RequestInvalid, TenantNotFound
from tollgate.domain.forecast import HISTORY, forecast
from tollgate.domain.latency import latency_of
from tollgate.domain.period import edges, period_of
from tollgate.domain.refused import by_reason
from tollgate.domain.rollup import cover
from tollgate.domain.summary import GroupBy, SpendQuery, Summary, groups_of, series_of, step_of, sum_of
from tollgate.domain.window import next_month, window_at
from tollgate.ports import Accounts, Refusals, Rollups


@dataclass(frozen=True, slots=True, kw_only=True)
class SummaryRequest:
    """As the parameters came; None for what was left out."""

    tenant_id: str
    first: str | None = None
    last: str | None = None
    group_by: str | None = None
    timezone: str | None = None


def report_spend(
    request: SummaryRequest, *, accounts: Accounts, rollups: Rollups, refusals: Refusals, now: datetime
) -> Summary:
    """Raises RequestInvalid, TenantNotFound, LedgerUnavailable, SpansUnavailable."""
    group_by = _group_by(request.group_by)
    settings = accounts.read(request.tenant_id)
    if settings is None:
        raise TenantNotFound(request.tenant_id)
    period = period_of(first=request.first, last=request.last, timezone=request.timezone, zones=settings.zones, now=now)
    starts = edges(period, step_of(group_by, period))
    window = window_at(now, settings.zones)
    asked = SpendQuery(
        tenant_id=request.tenant_id,
        start=period.start,
        end=period.end,
        edges=starts,
        group_by=group_by,
        first_day=date.fromisoformat(window.date) - HISTORY,
        last_day=date.fromisoformat(f"{next_month(window.month)}-01") - timedelta(days=1),
    )
    _check_spans_are_kept(asked, rollups)
    found = rollups.spend(asked)
    refused = refusals.between(request.tenant_id, period.start, period.end)
    series = series_of(found, starts, refused, end=period.end, now=now)
    return Summary(
        tenant_id=request.tenant_id,
        period=period,
        group_by=group_by,
        totals=sum_of(found.stretches.values()),
        groups=groups_of(group_by, found, series, refused, period),
        series=series,
        latency=latency_of(found.latencies),
        forecast=forecast(days=found.days, limit=settings.monthly_limit, zones=settings.zones, now=now),
        as_of=now,
        refused=by_reason(refused),
        outcomes=rollups.outcomes(asked),
    )


def _check_spans_are_kept(asked: SpendQuery, rollups: Rollups) -> None:
    """What an instant cuts out of a quarter-hour is in no rollup. Raises RequestInvalid where its spans were dropped."""
    cut = cover((asked.start, asked.end)).cut
    if not cut:
        return
    kept_since = rollups.kept_since()
    if kept_since is not None and cut[0].start <= kept_since:
        raise RequestInvalid(f"Up to {kept_since:%Y-%m-%d} from and to must be whole quarter-hours.", param="from")


def _group_by(name: str | None) -> GroupBy:
    try:
        return GroupBy(name or GroupBy.MODEL)
    except ValueError as error:
        raise RequestInvalid(f"groupBy must be one of {', '.join(GroupBy)}.", param="groupBy") from error
