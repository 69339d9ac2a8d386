"""Every few minutes: asks the queue for a run of each ServiceTitan connection that is due."""

from collections.abc import Mapping
from typing import Any

from aws_lambda_powertools.metrics import MetricUnit

from tollgate import wiring
from tollgate.edge.schedules import scheduled
from tollgate.observability import metrics
from tollgate.usecases.plan_syncs import SyncPlan, plan_syncs


@scheduled
def handle(_: Mapping[str, Any]) -> dict[str, Any]:
    plan = plan_syncs(wiring.all_connections(), wiring.syncs().all(), wiring.sync_queue(), now=wiring.clock())
    count(plan)
    return {"connections": plan.connections, "due": list(plan.due), "paused": plan.paused, "refused": plan.refused}


def count(plan: SyncPlan) -> None:
    metrics.add_metric("ServiceTitanConnectionsRefused", MetricUnit.Count, plan.refused)
    metrics.add_metric("ServiceTitanConnectionsFailing", MetricUnit.Count, plan.failing)
    metrics.add_metric("ServiceTitanSyncLag", MetricUnit.Seconds, plan.lag.total_seconds())
