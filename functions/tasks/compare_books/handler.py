"""Compares the ledger with the spans, inside the private network. Invoked by `reconcile_books`, and by hand."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from aws_lambda_powertools.metrics import MetricUnit

from tollgate import wiring
from tollgate.domain.drift_text import kept_record
from tollgate.edge.schedules import scheduled
from tollgate.observability import logger, metrics
from tollgate.usecases.compare_books import Compared, ComparePorts, CompareRules, compare_books


def handle(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """`{"settledMinutes"?, "lostMinutes"?}` in the place of the stack's own: with 0 for both, whatever Postgres lacks is booked now."""

    def time_left() -> timedelta:
        return timedelta(milliseconds=context.get_remaining_time_in_millis())

    def work(event: Mapping[str, Any]) -> dict[str, Any]:
        ports = ComparePorts(
            ledger=wiring.ledger(),
            shelf=wiring.shelf(),
            comparison=wiring.comparison(),
            drifts=wiring.drifts(),
            clock=wiring.clock,
            time_left=time_left,
        )
        compared = compare_books(ports, rules_of(event))
        count(compared)
        return facts_of(compared)

    return scheduled(work)(event, context)


def rules_of(event: Mapping[str, Any]) -> CompareRules:
    settings = wiring.settings()
    return CompareRules(
        settled_after=timedelta(minutes=event.get("settledMinutes", settings.spans_settled_minutes)),
        lost_after=timedelta(minutes=event.get("lostMinutes", settings.spans_lost_minutes)),
    )


def count(compared: Compared) -> None:
    for name, value in (
        ("PagesCompared", compared.pages),
        ("PagesLeft", compared.left),
        ("SpansMissing", compared.missing),
        ("BooksDrifting", compared.drifting),
        ("PagesExplained", len(compared.unexplained)),
    ):
        metrics.add_metric(name=name, unit=MetricUnit.Count, value=value)
    if compared.missing:
        logger.error("numbers of the ledger that no span has", extra={"missing": compared.missing})


def facts_of(compared: Compared) -> dict[str, Any]:
    return {
        "pages": compared.pages,
        "waiting": compared.waiting,
        "left": compared.left,
        "missing": compared.missing,
        "drifting": compared.drifting,
        "unexplained": [
            {"tenantId": tenant_id, "month": month, "nanousdByDay": dict(days)}
            for (tenant_id, month), days in compared.unexplained.items()
        ],
        "opened": [kept_record(kept) for kept in compared.news.opened],
        "closed": [kept_record(kept) for kept in compared.news.closed],
    }
