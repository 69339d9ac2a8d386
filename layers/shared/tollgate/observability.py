"""Logs and metrics, one of each for every function. No prompt, answer or secret is ever given to them."""

import warnings

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit, single_metric

from tollgate.domain.money import to_usd
from tollgate.domain.page import Page, imbalances
from tollgate.domain.watched_call import WatchedCall

# Most requests have nothing to count.
warnings.filterwarnings("ignore", message="No application metrics to publish")

# Service, namespace and level: POWERTOOLS_SERVICE_NAME, POWERTOOLS_METRICS_NAMESPACE, LOG_LEVEL.
logger = Logger(log_uncaught_exceptions=True)
# The tenant is metadata, never a dimension: each value of a dimension is a metric that is billed.
metrics = Metrics()


def watch_page(page: Page) -> None:
    """Says so, and sets off an alarm, where a page's `used` is not its `spent` and the sum of its holds."""
    wrong = imbalances(page)
    if wrong:
        metrics.add_metric("PagesUnbalanced", MetricUnit.Count, 1)
        logger.error("used is not spent + held", extra={"tenant_id": page.tenant_id, "unbalanced": wrong})


def watch_call(call: WatchedCall) -> None:
    """In the request's own line of metrics, so that a call costs no line more; downgrades, which are few, have one with their reason."""
    metrics.add_metric("CallsMade", MetricUnit.Count, 1)
    # CallsOk, CallsRejected, CallsFailed, CallsUnknown.
    metrics.add_metric(f"Calls{call.outcome.title()}", MetricUnit.Count, 1)
    metrics.add_metric("CallsInFlight", MetricUnit.Count, call.in_flight)
    metrics.add_metric("CallHeldUsd", MetricUnit.NoUnit, float(to_usd(call.held)))
    metrics.add_metric("CallOverhead", MetricUnit.Milliseconds, round(call.ours.total_seconds() * 1000, 1))
    metrics.add_metric("CallUpstream", MetricUnit.Milliseconds, round(call.upstream.total_seconds() * 1000, 1))
    if call.downgrade_reason is not None:
        with single_metric(name="CallsDowngraded", unit=MetricUnit.Count, value=1) as metric:
            metric.add_dimension(name="reason", value=call.downgrade_reason)


def count_broken() -> None:
    """A request that we answer with a 500: a fault of ours, which an alarm watches, and deployments go back for."""
    metrics.add_metric("RequestsBroken", MetricUnit.Count, 1)


def count_refusal(reason: str) -> None:
    """One metric with the reason as its dimension: reasons are few."""
    with single_metric(name="CallsRefused", unit=MetricUnit.Count, value=1) as metric:
        metric.add_dimension(name="reason", value=reason)


def lose_refusals(calls: int, fault: Exception | None) -> None:
    """They are in `CallsRefused`, and in no summary."""
    with single_metric(name="RefusalsLost", unit=MetricUnit.Count, value=calls):
        logger.warning("refused calls could not be counted", exc_info=fault, extra={"calls": calls})
