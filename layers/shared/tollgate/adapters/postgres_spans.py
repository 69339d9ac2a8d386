"""The span store in Postgres. Its statements are in `queries/`, each of constant text."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from typing import Any

import psycopg
from psycopg.rows import DictRow, dict_row

from tollgate.adapters.postgres import Postgres, query
from tollgate.domain.money import NanoUsd
from tollgate.domain.place import Gap, PageSpend, PlacedSpan
from tollgate.ports import Added, SpansRefused

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

    def without_partition(self) -> int:
        return int(self._rows("count_default_partition", {})[0]["spans"])

    def ping(self, timeout: timedelta) -> None:
        self._postgres.ping(timeout)

    def _rows(self, name: str, parameters: Mapping[str, Any]) -> list[DictRow]:
        return self._postgres.run(
            lambda connection: connection.cursor(row_factory=dict_row).execute(query(name), parameters).fetchall()
        )
