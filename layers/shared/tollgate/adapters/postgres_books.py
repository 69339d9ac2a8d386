"""Postgres, page by page: what it has of each, and its spans as they were posted."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any

from psycopg.rows import DictRow, dict_row

from tollgate.adapters.postgres import Postgres, query
from tollgate.domain.money import NanoUsd
from tollgate.domain.past_page import PageBooks
from tollgate.domain.place import Place, PlacedSpan
from tollgate.domain.replay import NOTHING_GIVEN_UP, DaySpend, GivenUp, Missing
from tollgate.domain.span import Outcome, Span

# A span's field -> its column, where they differ.
FIELDS = {
    "model": "response_model",
    "requested_model": "request_model",
    "cached": "cache_read_input_tokens",
    "written": "cache_creation_input_tokens",
    "output": "output_tokens",
    "reasoning": "reasoning_output_tokens",
    "agent": "agent_name",
    "upstream_id": "response_id",
    "error_code": "error_type",
}
# Made of other columns, or of another type there.
MADE = frozenset({"day", "outcome", "uncached"})
SAME = tuple(field.name for field in fields(Span) if field.name not in MADE | FIELDS.keys())


class PostgresBooks:
    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres

    def books_of(self, month: str) -> Sequence[PageBooks]:
        rows = self._rows("page_books", {"month": f"{month}-01"})
        return tuple(PageBooks(month=month, **row | {"spent": NanoUsd(row["spent"])}) for row in rows)

    def spans_after(
        self, tenant_id: str, month: str, *, seq: int, last: Place | None, count: int
    ) -> Sequence[PlacedSpan]:
        following = {"last_epoch": last.epoch if last else -1, "last_seq": last.seq if last else 0}
        asked = {"tenant_id": tenant_id, "month": f"{month}-01", "seq": seq, "count": count} | following
        return tuple(map(_placed, self._rows("spans_after", asked)))

    def record_spans(self, tenant_id: str, month: str, *, since: datetime) -> Sequence[PlacedSpan]:
        asked = {"tenant_id": tenant_id, "month": f"{month}-01", "since": since}
        return tuple(map(_placed, self._rows("record_spans", asked)))

    def given_up(self, tenant_id: str, month: str) -> GivenUp:
        asked = {"tenant_id": tenant_id, "month": f"{month}-01"}
        numbers = [Missing(**row) for row in self._rows("given_up_numbers", asked)]
        if not numbers:
            return NOTHING_GIVEN_UP
        days = self._rows("given_up_days", asked)
        return GivenUp(
            numbers=numbers,
            days={
                f"{row['day']:%d}": DaySpend(spent=NanoUsd(row["spent"]), unexplained=NanoUsd(row["unexplained"]))
                for row in days
                if row["unexplained"]
            },
            spent=NanoUsd(sum(row["spent"] for row in days)),
        )

    def _rows(self, name: str, parameters: Mapping[str, Any]) -> list[DictRow]:
        return self._postgres.run(
            lambda connection: connection.cursor(row_factory=dict_row).execute(query(name), parameters).fetchall()
        )


def _placed(row: DictRow) -> PlacedSpan:
    place = Place(tenant_id=row["tenant_id"], month=f"{row['month']:%Y-%m}", epoch=row["epoch"], seq=row["seq"])
    uncached = row["input_tokens"] - row["cache_read_input_tokens"] - row["cache_creation_input_tokens"]
    values = {name: row[name] for name in SAME} | {field: row[column] for field, column in FIELDS.items()}
    day, outcome = f"{row['day']:%d}", Outcome(row["outcome"])
    return PlacedSpan(place=place, span=Span(**values, day=day, outcome=outcome, uncached=uncached))
