"""Every minute: closes the holds that nobody closed, and counts the breakers that are open."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from aws_lambda_powertools.metrics import MetricUnit

from tollgate import wiring
from tollgate.domain.breaker import Kind
from tollgate.domain.errors import LedgerUnavailable
from tollgate.edge.schedules import scheduled
from tollgate.observability import logger, metrics
from tollgate.usecases.manage_breakers import count_barring
from tollgate.usecases.sweep_holds import sweep_holds


def sweep(_: Mapping[str, Any]) -> Mapping[str, Any]:
    swept = sweep_holds(wiring.ledger(), wiring.accounts(), clock=wiring.clock)
    metrics.add_metric("HoldsLapsed", MetricUnit.Count, swept.lapsed)
    metrics.add_metric("HoldsExpired", MetricUnit.Count, swept.expired)
    metrics.add_metric("PagesUnbalanced", MetricUnit.Count, len(swept.unbalanced))
    if swept.unbalanced:
        logger.error("used is not spent + held", extra={"unbalanced": swept.unbalanced})
    watch_breakers()
    return asdict(swept)


def watch_breakers() -> None:
    """Who opens one says so once; this says how many stand open, minute by minute."""
    try:
        barring = count_barring(wiring.breakers(), wiring.clock())
    except LedgerUnavailable as error:
        # The sweep is what we are here for, and it is done.
        logger.warning("breakers could not be counted", exc_info=error)
        return
    metrics.add_metric("BreakersOpen", MetricUnit.Count, barring[Kind.UPSTREAM])
    metrics.add_metric("LoopsStopped", MetricUnit.Count, barring[Kind.LOOP])


handle = scheduled(sweep)
