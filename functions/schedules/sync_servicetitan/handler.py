"""Every few minutes: brings what changed at ServiceTitan. What the time does not suffice for, the next run brings."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from aws_lambda_powertools.metrics import MetricUnit

from tollgate import wiring
from tollgate.edge.schedules import scheduled
from tollgate.observability import metrics
from tollgate.settings import Settings
from tollgate.usecases.sync_jobs import FeedRun, TimeLeft, sync_jobs


def handle(event: dict[str, Any], context: Any) -> dict[str, Any]:
    def time_left() -> timedelta:
        return timedelta(milliseconds=context.get_remaining_time_in_millis())

    return scheduled(lambda _: sync(time_left))(event, context)


def sync(time_left: TimeLeft) -> dict[str, Any]:
    settings = wiring.settings()
    if missing := missing_settings(settings):
        count([])
        return {"configured": False, "missing": missing}
    runs = sync_jobs(
        f"{settings.servicetitan_environment}-{settings.servicetitan_tenant_id}",
        wiring.job_source(),
        wiring.remote_job_store(),
        clock=lambda: datetime.now(UTC),
        time_left=time_left,
    )
    count(runs)
    return {"configured": True, "feeds": {run.feed.value: summary(run) for run in runs}}


def missing_settings(settings: Settings) -> list[str]:
    """Without these there is nobody to ask, or nobody to store what they say: no fault, only nothing to do."""
    needed = {
        "SERVICETITAN_TENANT_ID": settings.servicetitan_tenant_id,
        "SERVICETITAN_SECRET_ARN": settings.servicetitan_secret_arn,
        "STORE_JOBS_FUNCTION": settings.store_jobs_function,
    }
    return [name for name, value in needed.items() if not value]


def count(runs: Sequence[FeedRun]) -> None:
    failed = sum(run.error is not None for run in runs)
    metrics.add_metric(name="ServiceTitanRows", unit=MetricUnit.Count, value=sum(run.rows for run in runs))
    metrics.add_metric(name="ServiceTitanFeedsFailed", unit=MetricUnit.Count, value=failed)
    caught_up = [run.cursor.caught_up_at for run in runs if run.cursor.caught_up_at is not None]
    # Of the feed that is farthest behind; while one has never had everything there is no telling.
    if runs and len(caught_up) == len(runs):
        lag_s = (datetime.now(UTC) - min(caught_up)).total_seconds()
        metrics.add_metric(name="ServiceTitanLag", unit=MetricUnit.Seconds, value=max(0, round(lag_s)))


def summary(run: FeedRun) -> dict[str, Any]:
    facts = {"state": run.state.value, "pages": run.pages, "rows": run.rows, "unreadable": run.unreadable}
    return facts | ({"error": run.error} if run.error else {})
