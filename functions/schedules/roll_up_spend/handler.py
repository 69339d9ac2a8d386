"""Every few minutes: sums the hours that have new spans; by `from` and `to` in the event, those of that time."""

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
        done = roll_up_again(wiring.spans(), stretch_of(event["from"], event["to"]))
    else:
        done = roll_up_new(wiring.spans(), now=wiring.clock())
    metrics.add_metric(name="HoursRolledUp", unit=MetricUnit.Count, value=done.hours)
    return {"hours": done.hours, "until": done.until.isoformat() if done.until else None}
