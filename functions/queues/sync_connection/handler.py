"""One message, one run of one connection. What the time does not suffice for, the next message brings."""

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from aws_lambda_powertools.metrics import MetricUnit

from tollgate import wiring
from tollgate.edge.schedules import scheduled
from tollgate.observability import metrics
from tollgate.usecases.sync_connection import SyncEnd, sync_connection
from tollgate.usecases.sync_jobs import PassState, SyncRun


def handle(event: dict[str, Any], context: Any) -> dict[str, Any]:
    def time_left() -> timedelta:
        return timedelta(milliseconds=context.get_remaining_time_in_millis())

    def work(batch: Mapping[str, Any]) -> dict[str, Any]:
        # A batch has one message: each run takes the time that there is.
        (record,) = batch["Records"]
        connection_id = str(json.loads(record["body"])["connectionId"])
        end, run = sync_connection(connection_id, wiring.sync_ports(), time_left=time_left)
        count(end, run)
        return {"connectionId": connection_id, "end": end.value} | (summary(run) if run else {})

    return scheduled(work)(event, context)


def count(end: SyncEnd, run: SyncRun | None) -> None:
    passes = run.passes if run else []
    failed = sum(each.state is PassState.FAILED for each in passes)
    caught = sum(each.changed for each in passes if each.feed_pass.is_overlap)
    metrics.add_metric("ServiceTitanRows", MetricUnit.Count, sum(each.changed for each in passes))
    metrics.add_metric("ServiceTitanRowsCaught", MetricUnit.Count, caught)
    metrics.add_metric("ServiceTitanFeedsFailed", MetricUnit.Count, failed)
    metrics.add_metric("ServiceTitanRunsNotStored", MetricUnit.Count, int(end is SyncEnd.NOT_STORED))


def summary(run: SyncRun) -> dict[str, Any]:
    return {
        "state": run.status.state.value,
        "feeds": {
            each.feed_pass.name: {
                "state": each.state.value,
                "pages": each.pages,
                "rows": each.rows,
                "changed": each.changed,
                "unreadable": each.unreadable,
            }
            | ({"error": each.cursor.error} if each.cursor.error else {})
            for each in run.passes
        },
    }
