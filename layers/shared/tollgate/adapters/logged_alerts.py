"""Alerts as a log line and a metric, which an alarm can watch."""

from collections.abc import Mapping

from aws_lambda_powertools.metrics import MetricUnit

from tollgate.observability import logger, metrics


class LoggedAlerts:
    def tell(self, event: str, facts: Mapping[str, object]) -> None:
        metrics.add_metric(name=event, unit=MetricUnit.Count, value=1)
        logger.error(event, extra={"alert": dict(facts)})
