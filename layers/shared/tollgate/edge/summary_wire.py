"""A summary as JSON and as CSV: API.md, "Summary"."""

import csv
from datetime import UTC, datetime
from io import StringIO
from typing import Any

from tollgate.domain.money import to_usd, usd_number
from tollgate.domain.summary import Group, Spend, Summary

CSV_TYPE = "text/csv"
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def summary_body(summary: Summary) -> dict[str, Any]:
    return {
        "tenantId": summary.tenant_id,
        "from": summary.period.first,
        "to": summary.period.last,
        "timezone": summary.period.zone.key,
        "groupBy": summary.group_by.value,
        "totals": _sums(summary.totals),
        "groups": [{"key": group.key} | _sums(group.spend) for group in summary.groups],
        "series": [
            {"at": _seconds(point.at), "costUsd": usd_number(point.spend.cost), "calls": point.spend.calls}
            for point in summary.series
        ],
        "latencyMs": {"p50": summary.latency.p50, "p95": summary.latency.p95},
        "forecast": {
            "monthEndUsd": usd_number(summary.forecast.month_end),
            "exhaustedOn": summary.forecast.exhausted_on.isoformat() if summary.forecast.exhausted_on else None,
            "method": summary.forecast.method,
        },
        "asOf": summary.as_of.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
    }


def summary_csv(summary: Summary) -> str:
    """The groups, a row each, under a header; money exact to the nano-dollar."""
    text = StringIO()
    rows = csv.writer(text)
    rows.writerow([summary.group_by.value, *_sums(Spend())])
    rows.writerows(_row(group) for group in summary.groups)
    return text.getvalue()


def wants_csv(accept: str | None) -> bool:
    return CSV_TYPE in (accept or "").lower()


def _sums(spend: Spend) -> dict[str, Any]:
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
        # A refusal leaves no span, and zero would be a claim.
        "refusedCalls": None,
    }


def _row(group: Group) -> list[Any]:
    exact = {
        "costUsd": f"{to_usd(group.spend.cost):f}",
        "savedByDowngradeUsd": f"{to_usd(group.spend.saved):f}",
        "wouldHaveRefusedUsd": f"{to_usd(group.spend.would_have_refused):f}",
    }
    return [_cell(group.key), *(_sums(group.spend) | exact).values()]


def _cell(key: str | None) -> str:
    """Labels come from callers, and a spreadsheet would run one that looks like a formula."""
    text = key or ""
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text


def _seconds(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
