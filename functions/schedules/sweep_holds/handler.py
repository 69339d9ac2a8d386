"""Every minute: closes the holds that nobody closed."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from aws_lambda_powertools.metrics import MetricUnit

from tollgate import wiring
from tollgate.edge.schedules import scheduled
from tollgate.observability import logger, metrics
from tollgate.usecases.sweep_holds import sweep_holds


def sweep(_: Mapping[str, Any]) -> Mapping[str, Any]:
    swept = sweep_holds(wiring.ledger(), wiring.accounts(), clock=wiring.clock)
    metrics.add_metric("HoldsLapsed", MetricUnit.Count, swept.lapsed)
    metrics.add_metric("HoldsExpired", MetricUnit.Count, swept.expired)
    metrics.add_metric("PagesUnbalanced", MetricUnit.Count, len(swept.unbalanced))
    if swept.unbalanced:
        logger.error("used is not spent + held", extra={"unbalanced": swept.unbalanced})
    return asdict(swept)


handle = scheduled(sweep)
