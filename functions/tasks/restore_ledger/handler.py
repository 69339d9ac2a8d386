"""Brings a ledger that was put back to an old state up to what Postgres knows. Invoked by `make restore`, and by nobody else."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import timedelta
from typing import Any

from aws_lambda_powertools.metrics import MetricUnit

from tollgate import wiring
from tollgate.edge.schedules import scheduled
from tollgate.observability import metrics
from tollgate.usecases.restore_ledger import RestorePorts, count_spans, restore_ledger


def handle(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """`{"gates": "off", "after"?: <the tenant that the last run ended with>, "acceptGaps"?: true}`; with `"count": true` only the number of
    spans in Postgres.

    It cannot see Lambda's settings from inside the VPC, so whoever invokes it says that gates are off, and has looked.
    """

    def time_left() -> timedelta:
        return timedelta(milliseconds=context.get_remaining_time_in_millis())

    ports = RestorePorts(
        ledger=wiring.ledger(),
        accounts=wiring.accounts(),
        shelf=wiring.shelf(),
        books=wiring.span_books(),
        defaults=wiring.default_settings,
        clock=wiring.clock,
        time_left=time_left,
    )

    def work(event: Mapping[str, Any]) -> dict[str, Any]:
        if event.get("gates") != "off":
            raise ValueError("Gates must be off: use make restore, which turns them off (infra/runbooks/restore.md).")
        if event.get("count"):
            return {"spans": count_spans(ports)}
        done = restore_ledger(ports, after=event.get("after", ""), accepts_gaps=bool(event.get("acceptGaps")))
        metrics.add_metric("SpansReplayed", MetricUnit.Count, done.spans)
        return asdict(done)

    return scheduled(work)(event, context)
