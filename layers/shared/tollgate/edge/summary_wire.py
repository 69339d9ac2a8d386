"""A summary as JSON and as CSV: API.md, "Summary"."""

import csv
from collections.abc import Sequence
from datetime import UTC, datetime
from io import StringIO
from typing import Any

from tollgate.domain.money import to_usd, usd_number
from tollgate.domain.run_outcomes import LinkedJob
from tollgate.domain.summary import Group, GroupBy, Spend, Summary, TenantsSummary
from tollgate.edge.outcomes_wire import job_body, outcomes_body

CSV_TYPE = "text/csv"
JOB_COLUMNS = ("jobNumber", "jobStatus", "jobBookedOn", "jobInvoicedUsd", "jobLink", "jobStrength")
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def summary_body(summary: Summary) -> dict[str, Any]:
    return {
        "tenantId": summary.tenant_id,
        "from": summary.period.first,
        "to": summary.period.last,
        "timezone": summary.period.zone.key,
        "groupBy": summary.group_by.value,
        "totals": _sums(summary.totals, refused_calls=sum(summary.refused.values())),
        "refusedByReason": dict(summary.refused),
        "groups": [_group(group, by_job=summary.group_by is GroupBy.JOB) for group in summary.groups],
        "series": [
            {
                "at": _seconds(point.at),
                "costUsd": usd_number(point.spend.cost),
                "calls": point.spend.calls,
                "refusedCalls": point.refused_calls,
            }
            for point in summary.series
        ],
        "latencyMs": {"p50": summary.latency.p50, "p95": summary.latency.p95},
        "forecast": {
            "monthEndUsd": usd_number(summary.forecast.month_end),
            "exhaustedOn": summary.forecast.exhausted_on.isoformat() if summary.forecast.exhausted_on else None,
            "method": summary.forecast.method,
        },
        "outcomes": summary.outcomes and outcomes_body(summary.outcomes),
        "asOf": _milliseconds(summary.as_of),
    }


def tenants_body(summary: TenantsSummary) -> dict[str, Any]:
    return {
        "from": summary.period.first,
        "to": summary.period.last,
        "timezone": summary.period.zone.key,
        "totals": {"tenants": summary.count} | _sums(summary.totals),
        "tenants": [{"tenantId": tenant_id} | _sums(spend) for tenant_id, spend in summary.tenants],
        "nextCursor": summary.next_cursor,
        "asOf": _milliseconds(summary.as_of),
    }


def _group(group: Group, *, by_job: bool) -> dict[str, Any]:
    """The rest of the keys as one group says of how many."""
    rest = {} if group.merged is None else {"otherKeys": group.merged}
    job = {"job": group.job and job_body(group.job)} if by_job else {}
    return {"key": group.key} | rest | _sums(group.spend, refused_calls=group.refused_calls) | job


def summary_csv(summary: Summary) -> str:
    """The groups, a row each, under a header; money exact to the nano-dollar."""
    return _sheet(summary.group_by.value, summary.groups, by_job=summary.group_by is GroupBy.JOB)


def tenants_csv(summary: TenantsSummary) -> str:
    """The page's tenants, in the same columns."""
    return _sheet("tenantId", [Group(key=tenant_id, spend=spend) for tenant_id, spend in summary.tenants])


def _sheet(name: str, groups: Sequence[Group], *, by_job: bool = False) -> str:
    text = StringIO()
    rows = csv.writer(text)
    rows.writerow([name, *_sums(Spend()), *(JOB_COLUMNS if by_job else ())])
    rows.writerows(_row(group) + (_job_cells(group.job) if by_job else []) for group in groups)
    return text.getvalue()


def wants_csv(accept: str | None) -> bool:
    return CSV_TYPE in (accept or "").lower()


def _sums(spend: Spend, *, refused_calls: int | None = None) -> dict[str, Any]:
    """A refusal leaves no span: where nobody counts them it is None, because zero would be a claim."""
    return {
        "costUsd": usd_number(spend.cost),
        "calls": spend.calls,
        "inputTokens": spend.input_tokens,
        "cachedInputTokens": spend.cached_input_tokens,
        "outputTokens": spend.output_tokens,
        "reasoningTokens": spend.reasoning_tokens,
        "downgradedCalls": spend.downgraded_calls,
        "savedByDowngradeUsd": usd_number(spend.saved),
        "wouldHaveRefusedCalls": spend.would_have_refused_calls,
        "wouldHaveRefusedUsd": usd_number(spend.would_have_refused),
        "wouldHaveDowngradedCalls": spend.would_have_downgraded_calls,
        "refusedCalls": refused_calls,
    }


def _row(group: Group) -> list[Any]:
    exact = {
        "costUsd": f"{to_usd(group.spend.cost):f}",
        "savedByDowngradeUsd": f"{to_usd(group.spend.saved):f}",
        "wouldHaveRefusedUsd": f"{to_usd(group.spend.would_have_refused):f}",
    }
    key = _cell(group.key) if group.merged is None else f"(other: {group.merged})"
    return [key, *(_sums(group.spend, refused_calls=group.refused_calls) | exact).values()]


def _job_cells(job: LinkedJob | None) -> list[str]:
    """In the order of JOB_COLUMNS."""
    if job is None:
        return [""] * len(JOB_COLUMNS)
    booked_on = _seconds(job.booked_on) if job.booked_on else ""
    return [_cell(job.number), _cell(job.status), booked_on, f"{to_usd(job.invoiced):f}", job.link, job.link.strength]


def _cell(key: str | None) -> str:
    """Labels come from callers, and a spreadsheet would run one that looks like a formula."""
    text = key or ""
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text


def _milliseconds(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _seconds(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
