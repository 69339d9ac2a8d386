"""One edge for what runs without a caller (schedules, tasks, streams): logs, metrics, and each failure logged once."""

from collections.abc import Callable, Mapping
from typing import Any

from tollgate.observability import logger, metrics

Work = Callable[[Mapping[str, Any]], Mapping[str, Any]]


def scheduled(work: Work) -> Callable[[dict[str, Any], Any], dict[str, Any]]:
    """The Lambda entry of work on an event. A failure is raised again, for Lambda to count it and try again."""

    @metrics.log_metrics
    def handle(event: dict[str, Any], context: Any) -> dict[str, Any]:
        logger.set_correlation_id(context.aws_request_id)
        try:
            result = dict(work(event))
        # The outermost edge of what runs without a caller: whatever it is, it is logged with the event's id, and goes on to Lambda.
        except Exception:
            logger.exception("the work failed")
            raise
        logger.info("the work is done", extra={"result": result})
        return result

    return handle
