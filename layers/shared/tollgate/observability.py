"""Logs and metrics, one of each for every function. No prompt, answer or secret is ever given to them."""

import warnings

from aws_lambda_powertools import Logger, Metrics

# Most requests have nothing to count.
warnings.filterwarnings("ignore", message="No application metrics to publish")

# Service, namespace and level: POWERTOOLS_SERVICE_NAME, POWERTOOLS_METRICS_NAMESPACE, LOG_LEVEL.
logger = Logger(log_uncaught_exceptions=True)
# The tenant is metadata, never a dimension: each value of a dimension is a metric that is billed.
metrics = Metrics()
