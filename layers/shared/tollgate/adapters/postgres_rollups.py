"""The rollups in Postgres, and the summaries that are made of them. Its statements are in `queries/`, each of constant text."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import date, datetime
from typing import Any

from psycopg import Connection
from psycopg.rows import DictRow, TupleRow, dict_row

from tollgate.adapters.postgres import Postgres, query
from tollgate.adapters.postgres_runs import SUM_RUNS, JobKey, judged_runs, linked_jobs, outcomes_of, seen_runs
from tollgate.domain.latency import Bucket
from tollgate.domain.money import NanoUsd
from tollgate.domain.rollup import CALLS, NEVER_A_CALL, SLICE, Blocks, Progress, Stretch, cover
from tollgate.domain.run_outcomes import LinkedJob, RunOutcomes
from tollgate.domain.summary import Group, GroupBy, Spend, SpendFound, SpendQuery, TenantsFound, TenantsQuery

LABELS_MAX = 100
IS_CALL = {"calls": sorted(CALLS), "never_a_call": NEVER_A_CALL.value}
SUMS = tuple(field.name for field in fields(Spend))
# By hand only: a busy day takes longer than a statement may. It pins the proxy's connection for that long.
TAKE_TIME = "SET LOCAL statement_timeout = 0"
# A statement of its own: those that follow then see what the run before has committed.
TAKE_TURNS = "SELECT pg_advisory_xact_lock(hashtextextended('tollgate.rollups', 0))"
ALL, RUNS = "spans", "runs"


class PostgresRollups:
    def __init__(self, postgres: Postgres, *, slice_size: int = SLICE) -> None:
        self._postgres = postgres
        self._slice_size = slice_size

    def add_new(self) -> Progress:
        def work(connection: Connection[TupleRow]) -> Progress:
            connection.execute(TAKE_TURNS)
            marks = _one(connection, query("read_marks"), {})
            is_behind = marks["until"] not in (None, marks["runs_until"])
            mark, add, moved = (RUNS, ADD_TO_RUNS, [RUNS]) if is_behind else (ALL, ADD_ARRIVED, [ALL, RUNS])
            arrivals = _one(connection, query("next_arrivals"), {"slice": self._slice_size, "rollup": mark})
            count = _one(connection, add, arrivals | {"runs_until": arrivals["until"]} | IS_CALL)["spans"]
            connection.execute(query("move_watermark"), arrivals | {"rollups": moved})
            return Progress(spans=count, until=arrivals["rolled_up_to"], is_last=arrivals["is_last"] and not is_behind)

        return self._postgres.run(work)

    def sum_day_again(self, day: Stretch) -> int:
        def work(connection: Connection[TupleRow]) -> int:
            connection.execute(TAKE_TIME)
            connection.execute(TAKE_TURNS)
            marks = _one(connection, query("read_marks"), {})
            if marks["until"] is None:
                return 0
            within = {"start": day.start, "end": day.end}
            connection.execute(query("empty_rollups"), within)
            return int(_one(connection, SUM_DAY, marks | within | IS_CALL)["spans"])

        return self._postgres.run(work)

    def sum_month_again(self, month: date) -> None:
        def work(connection: Connection[TupleRow]) -> None:
            connection.execute(TAKE_TIME)
            connection.execute(TAKE_TURNS)
            marks = _one(connection, query("read_marks"), {})
            if marks["until"] is not None:
                connection.execute(query("sum_budget_days"), marks | {"month": month})

        self._postgres.run(work)

    def watermark(self) -> datetime | None:
        rows = self._rows(query("read_watermark"), {})
        return rows[0]["rolled_up_to"] if rows else None

    def kept_since(self) -> datetime | None:
        found: datetime | None = self._rows(query("kept_since"), {})[0]["last_at"]
        return found

    def spend(self, asked: SpendQuery) -> SpendFound:
        whole, stretches = cover((asked.start, asked.end)), cover(asked.bounds)
        by_run = asked.group_by is GroupBy.JOB and self._has_connection(asked.tenant_id)
        rows = self._rows(
            _spend_statement(LABELS_FROM_RUNS if by_run else LABELS_FROM[asked.group_by], is_cut=bool(whole.cut)),
            IS_CALL
            | (seen_runs(asked) if by_run else {})
            | _blocks("", whole.blocks)
            | _blocks("stretch_", stretches.blocks)
            | {
                "tenant_id": asked.tenant_id, "start": asked.start, "end": asked.end, "edges": list(asked.edges),
                "cut_starts": [cut.start for cut in whole.cut], "cut_ends": [cut.end for cut in whole.cut],
                "group_by": asked.group_by.value, "first_day": asked.first_day, "last_day": asked.last_day,
                "labels_max": LABELS_MAX,
            },
        )  # fmt: skip
        return _found(rows, linked_jobs(self._rows, rows))

    def outcomes(self, asked: SpendQuery) -> RunOutcomes | None:
        if not self._has_connection(asked.tenant_id):
            return None
        within = {"tenant_id": asked.tenant_id, "start": asked.start, "end": asked.end}
        [row] = self._rows(SUM_RUNS, within | seen_runs(asked) | judged_runs())
        return outcomes_of(row)

    def spend_of_all(self, asked: TenantsQuery) -> TenantsFound:
        whole = cover((asked.start, asked.end))
        assert not whole.cut
        within = {"start": asked.start, "end": asked.end, "after": asked.after, "limit": asked.limit}
        *tenants, of_all = self._rows(query("sum_tenants"), IS_CALL | _blocks("", whole.blocks) | within)
        return TenantsFound(
            totals=_spend(of_all),
            count=of_all["tenants"],
            tenants=tuple((row["tenant_id"], _spend(row)) for row in tenants),
        )

    def _has_connection(self, tenant_id: str) -> bool:
        [row] = self._rows(query("has_connection"), {"tenant_id": tenant_id})
        return bool(row["has_connection"])

    def _rows(self, statement: bytes, parameters: Mapping[str, Any]) -> list[DictRow]:
        return self._postgres.run(
            lambda connection: connection.cursor(row_factory=dict_row).execute(statement, parameters).fetchall()
        )


# Where the spans come from, and what is done with them.
ADD_EVERYWHERE = query("count_spans") + query("add_to_rollups") + query("add_to_runs")
ADD_ARRIVED = query("arrived_spans") + query("add_budget_days") + ADD_EVERYWHERE
ADD_TO_RUNS = query("arrived_spans") + query("count_spans") + query("add_to_runs")
SUM_DAY = query("spans_of_a_day") + ADD_EVERYWHERE
LABELS_FROM = {
    GroupBy.MODEL: ("spend_by_label",),
    GroupBy.AGENT: ("spend_by_label",),
    GroupBy.OUTCOME: ("spend_by_label",),
    GroupBy.JOB: ("spend_by_job",),
    GroupBy.HOUR: ("spend_by_time",),
    GroupBy.DAY: ("spend_by_time",),
}
LABELS_FROM_RUNS = ("run_sums", "run_links", "spend_by_run")


def _spend_statement(labels_from: Sequence[str], *, is_cut: bool) -> bytes:
    parts = ("spend_head", "spend_cut" if is_cut else "spend_uncut", "spend_fresh", *labels_from, "sum_spend")
    return b"".join(map(query, parts))


def _one(connection: Connection[TupleRow], statement: bytes, parameters: Mapping[str, Any]) -> DictRow:
    return connection.cursor(row_factory=dict_row).execute(statement, parameters).fetchall()[0]


def _blocks(prefix: str, blocks: Sequence[Blocks]) -> dict[str, Any]:
    return {
        f"{prefix}grains": [each.grain.value for each in blocks],
        f"{prefix}starts": [each.within.start for each in blocks],
        f"{prefix}ends": [each.within.end for each in blocks],
    }


def _found(rows: Sequence[DictRow], jobs: Mapping[JobKey, LinkedJob]) -> SpendFound:
    of: dict[str, list[DictRow]] = {"label": [], "stretch": [], "latency": [], "day": []}
    for row in rows:
        of[row["figure"]].append(row)
    return SpendFound(
        labels=tuple(
            Group(
                key=row["label"],
                spend=_spend(row),
                merged=row["merged"] if row["number"] > LABELS_MAX else None,
                job=jobs.get((row["connection_id"], row["label"])),
            )
            for row in of["label"]
        ),
        # The server counts stretches from 1 on.
        stretches={row["number"] - 1: _spend(row) for row in of["stretch"]},
        latencies=tuple(
            Bucket(number=row["number"], calls=row["calls"], milliseconds=row["milliseconds"]) for row in of["latency"]
        ),
        days={row["day"]: NanoUsd(row["cost"]) for row in of["day"]},
    )


def _spend(row: DictRow) -> Spend:
    return Spend(**{name: row[name] for name in SUMS})
