"""Every day: lets go of the pages of long past months, and of the spans of months whose pages are gone."""

from collections.abc import Mapping
from typing import Any

from aws_lambda_powertools.metrics import MetricUnit

from tollgate import wiring
from tollgate.domain.past_page import Fate
from tollgate.edge.schedules import scheduled
from tollgate.observability import logger, metrics
from tollgate.usecases.drop_spans import drop_spans
from tollgate.usecases.expire_pages import expire_pages


@scheduled
def handle(_: Mapping[str, Any]) -> dict[str, Any]:
    expired = expire_pages(wiring.shelf(), wiring.span_books(), clock=wiring.clock)
    metrics.add_metric("PagesExpired", MetricUnit.Count, expired.fates.get(Fate.EXPIRE, 0))
    metrics.add_metric("PagesStuck", MetricUnit.Count, len(expired.stuck))
    if expired.stuck:
        logger.error("old pages that may not expire", extra={"stuck": expired.stuck})
    dropped = drop_spans(
        wiring.shelf(), wiring.span_months(), months_kept=wiring.settings().span_retention_months, now=wiring.clock()
    )
    metrics.add_metric("SpanMonthsDropped", MetricUnit.Count, len(dropped.months))
    pages = {"fates": dict(expired.fates), "moved": expired.moved}
    return pages | {"dropped": list(dropped.months), "kept": dict(dropped.kept)}
