"""What runs led to, out of their rollups and ServiceTitan's rows: parameters of the statements, and their rows as values."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from typing import Any

from psycopg.rows import DictRow

from tollgate.adapters.postgres import query
from tollgate.domain.job import Feed
from tollgate.domain.money import NanoUsd, from_usd
from tollgate.domain.rollup import LENGTHS, Grain, cover, floor
from tollgate.domain.run_outcomes import CLOCK_SKEW, LINKS, PAUSE, Business, LinkedJob, LinkedRuns, RunOutcomes
from tollgate.domain.summary import SpendQuery

SUM_RUNS = b"WITH RECURSIVE " + query("run_costs") + query("run_links") + query("sum_runs")
# What the figures are made of; leads only add links.
FEEDS = (Feed.JOBS, Feed.BOOKINGS, Feed.CALLS, Feed.INVOICES)
QUARTER = LENGTHS[Grain.QUARTER]
# A connection, and the id of one of its jobs.
JobKey = tuple[str | None, str | None]
Rows = Callable[[bytes, Mapping[str, Any]], list[DictRow]]


def seen_runs(asked: SpendQuery) -> dict[str, Any]:
    """Which quarter-hours are looked at: those in which a run of the period can have spans, and one before it can have had its last.
    Those that the period cuts are read from the spans."""
    return {
        "seen_from": floor(asked.start - PAUSE, QUARTER),
        "seen_to": floor(asked.end + PAUSE, QUARTER) + QUARTER,
        "cut_quarters": sorted({floor(cut.start, QUARTER) for cut in cover((asked.start, asked.end)).cut}),
        "pause": PAUSE,
    }


def judged_runs() -> dict[str, Any]:
    return {"clock_skew": CLOCK_SKEW, "feeds": [feed.value for feed in FEEDS]}


def linked_jobs(rows: Rows, labels: Sequence[DictRow]) -> Mapping[JobKey, LinkedJob]:
    """The jobs of those labels that are jobs."""
    links = {(row["connection_id"], row["label"]): LINKS[row["link"] - 1] for row in labels if row["connection_id"]}
    if not links:
        return {}
    asked = {"connection_ids": [key[0] for key in links], "ids": [int(key[1]) for key in links]}
    return {
        (row["connection_id"], str(row["id"])): LinkedJob(
            number=row["number"],
            status=row["status"],
            booked_on=row["booked_on"],
            invoiced=from_usd(row["invoiced"]),
            link=links[row["connection_id"], str(row["id"])],
        )
        for row in rows(query("linked_jobs"), asked)
    }


def outcomes_of(row: DictRow) -> RunOutcomes:
    business = {
        name: row[name] for name in ("jobs_created", "jobs_cancelled", "ai_booked", "calls_booked", "calls_unbooked")
    }
    plain = {field.name for field in fields(RunOutcomes)} - {"invoiced", "links", "business"}
    return RunOutcomes(
        **{name: row[name] for name in plain},
        invoiced=from_usd(row["invoiced"]),
        links=tuple(
            LinkedRuns(link=LINKS[link - 1], runs=runs, jobs=jobs, cost=NanoUsd(cost))
            for link, runs, jobs, cost in row["links"]
        ),
        business=Business(**business, invoiced=from_usd(row["business_invoiced"])),
    )
