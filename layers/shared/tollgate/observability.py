"""Logs and metrics, one of each for every function. No prompt, answer or secret is ever given to them."""

import warnings

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

from tollgate.domain.page import Page, imbalances

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
