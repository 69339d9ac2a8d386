"""Stores what `sync_servicetitan` fetches outside the private network. Invoked by it, and by nobody else."""

from collections.abc import Mapping
from typing import Any

from aws_lambda_powertools.metrics import MetricUnit

from tollgate import wiring
from tollgate.adapters.invoked_jobs import unpacked
from tollgate.domain.errors import RequestInvalid
from tollgate.edge.schedules import scheduled
from tollgate.observability import metrics
from tollgate.usecases.store_jobs import store_jobs


@scheduled
def handle(event: Mapping[str, Any]) -> dict[str, Any]:
    try:
        message = unpacked(event)
    except ValueError as error:
        raise RequestInvalid(f"The message makes no sense: {error}.") from error
    answer = store_jobs(message, wiring.job_store())
    metrics.add_metric(name="JobPagesStored", unit=MetricUnit.Count, value=int(answer.get("changed") is not None))
    return answer
