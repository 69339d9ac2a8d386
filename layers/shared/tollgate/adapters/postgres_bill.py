"""The provider's figures in Postgres, and what the spans say of the same days."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from psycopg.rows import DictRow, dict_row

from tollgate.adapters.postgres import Postgres, query
from tollgate.domain.money import NanoUsd
from tollgate.domain.provider_bill import BilledDay, ProviderCost, ProviderUsage, SpanDay, Width, day_start
from tollgate.domain.rollup import Stretch, months_of
from tollgate.domain.unsettled_call import Finding, Knowledge, KnownCall
from tollgate.domain.usage import Usage
from tollgate.ports import OwnProject

# A call ends within hours of its beginning, and with the page of the month in which it began.
LONGEST_CALL = timedelta(hours=6)
CLASSES = ("uncached", "cached", "written", "output")
NOTHING = {"cost": 0, "calls": 0, "tokens": 0, "straddling_cost": 0, "straddling_tokens": 0} | {
    "unsettled": 0,
    "unsettled_calls": 0,
}


class PostgresBill:
    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres

    def note_projects(self, projects: Mapping[str, str], at: datetime) -> None:
        told = {"tenant_id": list(projects), "project_id": list(projects.values()), "at": at}
        self._run("bill_note_projects", told)

    def projects_of(self, day: date) -> Sequence[OwnProject]:
        return tuple(
            OwnProject(tenant_id=row["tenant_id"], project=row["project_id"], is_whole=row["is_whole"])
            for row in self._rows("bill_projects", _day(day))
        )

    def fetched_days(self) -> Mapping[date, datetime]:
        return {row["day"]: row["fetched_at"] for row in self._rows("bill_fetched_days", {})}

    def add_costs(self, costs: Sequence[ProviderCost], at: datetime) -> None:
        columns = {
            "day": [each.day for each in costs],
            "project_id": [each.project for each in costs],
            "line_item": [each.line_item for each in costs],
            "cost_nanousd": [each.cost for each in costs],
        }
        self._run("bill_add_costs", columns | {"at": at})

    def add_usage(self, usages: Sequence[ProviderUsage], at: datetime) -> None:
        columns: dict[str, Any] = {
            "width": [each.width.value for each in usages],
            "start": [each.start for each in usages],
            "endpoint": [each.endpoint for each in usages],
            "project_id": [each.project for each in usages],
            "model": [each.model for each in usages],
            "service_tier": [each.tier for each in usages],
            "requests": [each.requests for each in usages],
        }
        columns |= {name: [getattr(each.usage, name) for each in usages] for name in CLASSES}
        self._run("bill_add_usage", columns | {"at": at})

    def close_day(self, day: date, at: datetime) -> None:
        self._run("bill_close_day", _day(day) | {"at": at})

    def billed(self, day: date) -> Mapping[str, BilledDay]:
        return {
            row["project_id"]: BilledDay(
                cost=NanoUsd(row["cost_nanousd"]), requests=row["requests"], tokens=row["tokens"]
            )
            for row in self._rows("bill_billed", _day(day))
        }

    def span_days(self, tenants: Sequence[str], day: date) -> Mapping[str, SpanDay]:
        asked = _stretch(day_start(day), day_start(day) + timedelta(days=1)) | {"tenants": list(tenants), "day": day}
        rows = {row.pop("tenant_id"): row for row in self._rows("bill_span_days", asked)}
        return {tenant_id: _span_day(tenant_id, day, rows.get(tenant_id, NOTHING)) for tenant_id in tenants}

    def calls(self, tenant_id: str, start: datetime, end: datetime) -> Sequence[KnownCall]:
        rows = self._rows("bill_calls", _stretch(start, end) | {"tenant_id": tenant_id})
        return tuple(
            KnownCall(
                hold=row["hold"],
                model=row["model"],
                began=row["began"],
                ended=row["ended"],
                knowledge=Knowledge(row["knowledge"]),
                booked=NanoUsd(row["booked"]),
                usage=Usage(**{name: row[name] for name in CLASSES}),
            )
            for row in rows
        )

    def minutes(self, project: str, start: datetime, end: datetime, *, at: datetime) -> Sequence[ProviderUsage]:
        asked = {"project_id": project, "start": start, "end": end, "at": at}
        return tuple(
            ProviderUsage(
                start=row["start"],
                width=Width(row["width"]),
                endpoint=row["endpoint"],
                project=row["project_id"],
                model=row["model"],
                tier=row["service_tier"],
                requests=row["requests"],
                usage=Usage(
                    uncached=row["uncached_input_tokens"],
                    cached=row["cache_read_input_tokens"],
                    written=row["cache_creation_input_tokens"],
                    output=row["output_tokens"],
                ),
            )
            for row in self._rows("bill_minutes", asked)
        )

    def has_gaps(self, tenant_id: str, start: datetime, end: datetime, postings: Mapping[str, int]) -> bool:
        pages = {"month": [f"{month}-01" for month in postings], "seq": list(postings.values())}
        rows = self._rows("bill_has_gaps", _stretch(start, end) | pages | {"tenant_id": tenant_id})
        return bool(rows[0]["has_gaps"])

    def recent(self, since: datetime, at: datetime) -> Mapping[str, str]:
        rows = self._rows("bill_recent", _stretch(since, at) | {"since": since})
        return {row["tenant_id"]: row["project_id"] for row in rows}

    def keep_findings(self, tenant_id: str, findings: Sequence[Finding], at: datetime) -> None:
        columns: dict[str, Any] = {
            "hold": [each.call.hold for each in findings],
            "model": [each.call.model for each in findings],
            "began_at": [each.call.began for each in findings],
            "ended_at": [each.call.ended for each in findings],
            "booked_nanousd": [each.call.booked for each in findings],
            "cost_nanousd": [each.cost for each in findings],
            "input_tokens": [each.usage.input for each in findings],
            "output_tokens": [each.usage.completion for each in findings],
            "reason": [each.reason for each in findings],
        }
        self._run("bill_keep_findings", columns | {"tenant_id": tenant_id, "at": at})

    def _run(self, name: str, parameters: Mapping[str, Any]) -> None:
        self._postgres.run(lambda connection: connection.execute(query(name), parameters))

    def _rows(self, name: str, parameters: Mapping[str, Any]) -> list[DictRow]:
        return self._postgres.run(
            lambda connection: connection.cursor(row_factory=dict_row).execute(query(name), parameters).fetchall()
        )


def _day(day: date) -> dict[str, Any]:
    return {"day": day, "start": day_start(day), "end": day_start(day) + timedelta(days=1)}


def _stretch(start: datetime, end: datetime) -> dict[str, Any]:
    first, *_, last = months_of(Stretch(start=start, end=end + LONGEST_CALL))
    return {"start": start, "end": end, "first_month": first, "last_month": last}


def _span_day(tenant_id: str, day: date, row: Mapping[str, Any]) -> SpanDay:
    return SpanDay(
        tenant_id=tenant_id,
        day=day,
        cost=NanoUsd(row["cost"]),
        calls=row["calls"],
        tokens=row["tokens"],
        straddling_cost=NanoUsd(row["straddling_cost"]),
        straddling_tokens=row["straddling_tokens"],
        unsettled=NanoUsd(row["unsettled"]),
        unsettled_calls=row["unsettled_calls"],
    )
