"""The span store in Postgres. Its statements are in `queries/`, each of constant text."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from datetime import date, datetime, timedelta
from typing import Any

import psycopg
from psycopg import Connection
from psycopg.rows import DictRow, TupleRow, dict_row

from tollgate.adapters.postgres import Postgres, query
from tollgate.domain.money import NanoUsd
from tollgate.domain.place import Gap, PageSpend, PlacedSpan
from tollgate.domain.rollup import CALLS, NEVER_A_CALL, OVERLAP, SLICE, Stretch, TenantHour, Touched, pages_around
from tollgate.domain.summary import Group, Latency, Spend, SpendFound, SpendQuery
from tollgate.ports import Added, SpansRefused

LABELS_MAX = 100
IS_CALL = {"calls": sorted(CALLS), "never_a_call": NEVER_A_CALL.value}
SUMS = tuple(field.name for field in fields(Spend))

# Column -> its value. `spans` names columns by OpenTelemetry's GenAI conventions, a span its fields in our own words.
COLUMNS: Mapping[str, Callable[[PlacedSpan], Any]] = {
    "tenant_id": lambda placed: placed.place.tenant_id,
    "month": lambda placed: placed.place.first_of_month,
    "epoch": lambda placed: placed.place.epoch,
    "seq": lambda placed: placed.place.seq,
    "posting": lambda placed: placed.span.posting,
    "hold": lambda placed: placed.span.hold,
    "at": lambda placed: placed.span.at,
    "day": lambda placed: placed.day,
    "outcome": lambda placed: placed.span.outcome.value,
    "cost_nanousd": lambda placed: placed.span.cost_nanousd,
    "held_nanousd": lambda placed: placed.span.held_nanousd,
    "saved_nanousd": lambda placed: placed.span.saved_nanousd,
    "request_model": lambda placed: placed.span.requested_model,
    "response_model": lambda placed: placed.span.model,
    "downgrade_reason": lambda placed: placed.span.downgrade_reason,
    "service_tier": lambda placed: placed.span.service_tier,
    "input_tokens": lambda placed: placed.input_tokens,
    "cache_read_input_tokens": lambda placed: placed.span.cached,
    "cache_creation_input_tokens": lambda placed: placed.span.written,
    "output_tokens": lambda placed: placed.span.output,
    "reasoning_output_tokens": lambda placed: placed.span.reasoning,
    "latency_ms": lambda placed: placed.span.latency_ms,
    "upstream_ms": lambda placed: placed.span.upstream_ms,
    "agent_name": lambda placed: placed.span.agent,
    "run_id": lambda placed: placed.span.run_id,
    "job_id": lambda placed: placed.span.job_id,
    "booking_id": lambda placed: placed.span.booking_id,
    "call_id": lambda placed: placed.span.call_id,
    "request_id": lambda placed: placed.span.request_id,
    "response_id": lambda placed: placed.span.upstream_id,
    "error_type": lambda placed: placed.span.error_code,
    "opened_at": lambda placed: placed.span.opened_at,
    "would_have": lambda placed: placed.span.would_have,
    "reason": lambda placed: placed.span.reason,
}


class PostgresSpans:
    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres

    def add(self, spans: Sequence[PlacedSpan]) -> Added:
        columns = {column: [value(span) for span in spans] for column, value in COLUMNS.items()}
        try:
            row = self._rows("insert_spans", columns)[0]
        except (psycopg.DataError, psycopg.IntegrityError) as error:
            raise SpansRefused(str(error)) from error
        return Added(count=row["added"], oldest_at=row["oldest_at"])

    def gaps(self, since: date) -> Sequence[Gap]:
        rows = self._rows("find_gaps", {"since": since.replace(day=1)})
        return tuple(
            Gap(
                tenant_id=row["tenant_id"], month=f"{row['month']:%Y-%m}", epoch=row["epoch"],
                first=row["first_missing"], last=row["last_missing"],
            )
            for row in rows
        )  # fmt: skip

    def spent_by_page(self) -> Sequence[PageSpend]:
        return tuple(
            PageSpend(
                tenant_id=row["tenant_id"], month=f"{row['month']:%Y-%m}", spent=NanoUsd(row["cost_nanousd"]),
                seq=row["seq"], missing=row["missing"],
            )
            for row in self._rows("spend_by_page", {})
        )  # fmt: skip

    def make_partitions(self, first: date) -> None:
        self._postgres.run(lambda connection: connection.execute("SELECT make_span_partitions(%s)", [first]))

    def touched_hours(self) -> Touched:
        def work(connection: Connection[TupleRow]) -> Touched:
            cursor = connection.cursor(row_factory=dict_row)
            arrived = cursor.execute(query("find_arrivals"), {"slice": SLICE}).fetchall()[0]
            rows = cursor.execute(query("find_touched_hours"), arrived | {"overlap": OVERLAP}).fetchall()
            return Touched(until=arrived["until"], is_last=arrived["is_last"], hours=_hours(rows))

        return self._postgres.run(work)

    def hours_within(self, stretch: Stretch) -> Sequence[TenantHour]:
        first, last = pages_around(stretch.start, stretch.end)
        within = {"start": stretch.start, "end": stretch.end, "first_month": first, "last_month": last}
        return _hours(self._rows("find_hours", within))

    def sum_hours(self, hours: Sequence[TenantHour]) -> None:
        if not hours:
            return
        starts = [hour.hour for hour in hours]
        first, last = pages_around(min(starts), max(starts) + timedelta(hours=1))
        keys = {"tenants": [hour.tenant_id for hour in hours], "hours": starts}

        def work(connection: Connection[TupleRow]) -> None:
            # A statement of its own: those that follow then see what the run before has committed.
            connection.execute("SELECT pg_advisory_xact_lock(hashtextextended('tollgate.span_rollups', 0))")
            connection.execute(query("delete_rollups"), keys)
            connection.execute(query("insert_rollups"), keys | IS_CALL | {"first_month": first, "last_month": last})

        self._postgres.run(work)

    def move_watermark(self, until: datetime) -> None:
        self._postgres.run(lambda connection: connection.execute(query("move_watermark"), {"until": until}))

    def watermark(self) -> datetime | None:
        rows = self._rows("read_watermark", {})
        return rows[0]["rolled_up_to"] if rows else None

    def spend(self, asked: SpendQuery) -> SpendFound:
        first, last = pages_around(asked.start, asked.end)
        rows = self._rows(
            "sum_spend",
            IS_CALL
            | {
                "tenant_id": asked.tenant_id, "start": asked.start, "end": asked.end, "edges": list(asked.edges),
                "group_by": asked.group_by.value, "this_month": f"{asked.month}-01",
                "first_month": first, "last_month": last, "labels_max": LABELS_MAX,
            },
        )  # fmt: skip
        return _found(rows)

    def ping(self, timeout: timedelta) -> None:
        self._postgres.ping(timeout)

    def _rows(self, name: str, parameters: Mapping[str, Any]) -> list[DictRow]:
        return self._postgres.run(
            lambda connection: connection.cursor(row_factory=dict_row).execute(query(name), parameters).fetchall()
        )


def _hours(rows: Sequence[DictRow]) -> tuple[TenantHour, ...]:
    return tuple(TenantHour(tenant_id=row["tenant_id"], hour=row["hour"]) for row in rows)


def _found(rows: Sequence[DictRow]) -> SpendFound:
    total = next(row for row in rows if row["figure"] == "total")
    p50, p95 = total["percentiles"] or (None, None)
    return SpendFound(
        totals=_spend(total),
        labels=tuple(Group(key=row["label"], spend=_spend(row)) for row in rows if row["figure"] == "label"),
        # The server counts stretches from 1 on.
        stretches={row["stretch"] - 1: _spend(row) for row in rows if row["figure"] == "stretch"},
        latency=Latency(p50=p50, p95=p95),
        month_spent=NanoUsd(total["month_cost"]),
    )


def _spend(row: DictRow) -> Spend:
    return Spend(**{name: row[name] for name in SUMS})
