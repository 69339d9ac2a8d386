"""Every few minutes: adds new spans to the rollups; by `from` and `to` in the event, sums the days of that time again."""

from collections.abc import Mapping
from typing import Any

from aws_lambda_powertools.metrics import MetricUnit

from tollgate import wiring
from tollgate.domain.rollup import stretch_of
from tollgate.edge.schedules import scheduled
from tollgate.observability import metrics
from tollgate.usecases.roll_up_spend import roll_up_again, roll_up_new


@scheduled
def handle(event: Mapping[str, Any]) -> dict[str, Any]:
    if "from" in event or "to" in event:
        done = roll_up_again(wiring.rollups(), stretch_of(event["from"], event["to"]))
    else:
        done = roll_up_new(wiring.spans(), wiring.rollups(), now=wiring.clock())
    metrics.add_metric(name="SpansRolledUp", unit=MetricUnit.Count, value=done.spans)
    metrics.add_metric(name="SpansWithoutPartition", unit=MetricUnit.Count, value=wiring.spans().without_partition())
    return {"spans": done.spans, "until": done.until.isoformat() if done.until else None}
