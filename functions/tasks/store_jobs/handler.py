"""Stores what `sync_servicetitan` fetches outside the private network. Invoked by it, and by nobody else."""

from collections.abc import Mapping
from typing import Any

from aws_lambda_powertools.metrics import MetricUnit

from tollgate import wiring
from tollgate.edge.schedules import scheduled
from tollgate.observability import metrics
from tollgate.usecases.store_jobs import store_jobs


@scheduled
def handle(event: Mapping[str, Any]) -> dict[str, Any]:
    answer = store_jobs(event, wiring.job_store())
    metrics.add_metric(name="JobPagesStored", unit=MetricUnit.Count, value=int(answer.get("stored", False)))
    return answer
