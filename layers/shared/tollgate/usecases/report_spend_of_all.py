"""Where the money of all tenants went in a period: a page of tenants, and the whole."""

from dataclasses import dataclass
from datetime import datetime

from tollgate.domain.errors import RequestInvalid
from tollgate.domain.period import period_of
from tollgate.domain.rollup import cover
from tollgate.domain.summary import TenantsQuery, TenantsSummary
from tollgate.domain.window import ZoneFrom
from tollgate.ports import Rollups

LIMIT_MAX = 500
UTC_ALWAYS = (ZoneFrom(month="1970-01", zone="UTC"),)


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantsRequest:
    """As the parameters came; None for what was left out. `limit`: up to LIMIT_MAX; `cursor`: the last tenant of the page before."""

    first: str | None = None
    last: str | None = None
    timezone: str | None = None
    limit: int = 100
    cursor: str | None = None


def report_spend_of_all(request: TenantsRequest, *, rollups: Rollups, now: datetime) -> TenantsSummary:
    """Days are those of UTC unless a zone is named. Raises RequestInvalid, SpansUnavailable."""
    period = period_of(first=request.first, last=request.last, timezone=request.timezone, zones=UTC_ALWAYS, now=now)
    if cover((period.start, period.end)).cut:
        raise RequestInvalid("from and to must be dates, or instants on a quarter-hour.", param="from")
    # One more than asked for tells whether there is another page.
    found = rollups.spend_of_all(
        TenantsQuery(start=period.start, end=period.end, after=request.cursor or "", limit=request.limit + 1)
    )
    page = found.tenants[: request.limit]
    return TenantsSummary(
        period=period,
        totals=found.totals,
        count=found.count,
        tenants=page,
        next_cursor=page[-1][0] if len(found.tenants) > request.limit else None,
        as_of=now,
    )
