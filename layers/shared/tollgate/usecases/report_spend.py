"""Where a tenant's money went in a period, and where its month is heading."""

from dataclasses import dataclass
from datetime import datetime

from tollgate.domain.errors import RequestInvalid, TenantNotFound
from tollgate.domain.forecast import forecast
from tollgate.domain.period import edges, period_of
from tollgate.domain.summary import GroupBy, SpendQuery, Summary, groups_of, series_of, step_of
from tollgate.domain.window import window_at
from tollgate.ports import Accounts, SpanStore


@dataclass(frozen=True, slots=True, kw_only=True)
class SummaryRequest:
    """As the parameters came; None for what was left out."""

    tenant_id: str
    first: str | None = None
    last: str | None = None
    group_by: str | None = None
    timezone: str | None = None


def report_spend(request: SummaryRequest, *, accounts: Accounts, spans: SpanStore, now: datetime) -> Summary:
    """Raises RequestInvalid, TenantNotFound, LedgerUnavailable, SpansUnavailable."""
    group_by = _group_by(request.group_by)
    settings = accounts.read(request.tenant_id)
    if settings is None:
        raise TenantNotFound(request.tenant_id)
    period = period_of(first=request.first, last=request.last, timezone=request.timezone, zones=settings.zones, now=now)
    starts = edges(period, step_of(group_by, period))
    found = spans.spend(
        SpendQuery(
            tenant_id=request.tenant_id,
            start=period.start,
            end=period.end,
            edges=starts,
            group_by=group_by,
            month=window_at(now, settings.zones).month,
        )
    )
    series = series_of(found, starts, now=now)
    return Summary(
        tenant_id=request.tenant_id,
        period=period,
        group_by=group_by,
        totals=found.totals,
        groups=groups_of(group_by, found, series, period),
        series=series,
        latency=found.latency,
        forecast=forecast(spent=found.month_spent, limit=settings.monthly_limit, zones=settings.zones, now=now),
        as_of=now,
    )


def _group_by(name: str | None) -> GroupBy:
    try:
        return GroupBy(name or GroupBy.MODEL)
    except ValueError as error:
        raise RequestInvalid(f"groupBy must be one of {', '.join(GroupBy)}.", param="groupBy") from error
