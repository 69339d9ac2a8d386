"""Run by the deployment, before traffic moves: brings the database's schema to this release's."""

from collections.abc import Mapping
from typing import Any

from aws_lambda_powertools.metrics import MetricUnit

from tollgate import wiring
from tollgate.adapters.postgres_schema import migrations
from tollgate.edge.schedules import scheduled
from tollgate.observability import metrics
from tollgate.usecases.migrate_database import migrate_database


@scheduled
def handle(_: Mapping[str, Any]) -> dict[str, Any]:
    migrated = migrate_database(migrations(), wiring.schema())
    metrics.add_metric(name="MigrationsApplied", unit=MetricUnit.Count, value=len(migrated.applied))
    return {"applied": list(migrated.applied), "version": migrated.version}
