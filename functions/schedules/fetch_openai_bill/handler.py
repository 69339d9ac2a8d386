"""Every few hours: what does OpenAI say that it billed, and do the spans say the same?

With {"recent": true}, every quarter of an hour: only what became of calls that lapsed lately, while the ledger can still put them right.
By hand, with {"from": "2026-11-20", "to": "2026-11-23"}: those days (UTC, both included), whether or not their figures have settled.
"""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from aws_lambda_powertools.metrics import MetricUnit

from tollgate import wiring
from tollgate.domain.errors import RequestInvalid
from tollgate.domain.provider_bill_text import finding_record
from tollgate.domain.unsettled_call import Finding
from tollgate.edge.schedules import scheduled
from tollgate.observability import metrics
from tollgate.settings import Settings
from tollgate.usecases.correct_lost_call import correct_lost_call
from tollgate.usecases.fetch_bill import BillPorts, BillRun, TimeLeft, fetch_bill, resolve_recent

DAYS_MAX = 62


def handle(event: dict[str, Any], context: Any) -> dict[str, Any]:
    def time_left() -> timedelta:
        return timedelta(milliseconds=context.get_remaining_time_in_millis())

    return scheduled(lambda asked: fetch(asked, time_left))(event, context)


def fetch(asked: Mapping[str, Any], time_left: TimeLeft) -> dict[str, Any]:
    if missing := missing_settings(wiring.settings()):
        return {"configured": False, "missing": missing}
    ports = BillPorts(
        bill=wiring.bill_source(),
        books=wiring.remote_bill_books(),
        tenants=wiring.shelf().tenants,
        accounts=wiring.accounts(),
        ledger=wiring.ledger(),
        alerts=wiring.event_alerts(),
        clock=wiring.clock,
        time_left=time_left,
        correct=correct,
    )
    is_recent = bool(asked.get("recent"))
    run = resolve_recent(ports) if is_recent else fetch_bill(ports, days=asked_days(asked))
    count(run, is_recent=is_recent)
    return {"configured": True} | summary(run)


def correct(tenant_id: str, finding: Finding) -> bool:
    return correct_lost_call(tenant_id, finding, ledger=wiring.ledger(), accounts=wiring.accounts(), clock=wiring.clock)


def missing_settings(settings: Settings) -> list[str]:
    """Without these there is nobody to ask, or nobody to store what they say: no fault, only nothing to do."""
    needed = {
        "OPENAI_ADMIN_KEY_SECRET_ARN": settings.openai_admin_key_secret_arn,
        "STORE_BILL_FUNCTION": settings.store_bill_function,
    }
    return [name for name, value in needed.items() if not value]


def asked_days(asked: Mapping[str, Any]) -> list[date] | None:
    """Raises RequestInvalid."""
    if "from" not in asked:
        return None
    try:
        first = date.fromisoformat(asked["from"])
        last = date.fromisoformat(asked.get("to", asked["from"]))
    except (TypeError, ValueError) as error:
        raise RequestInvalid('from and to must be dates such as "2026-11-23".') from error
    if not 0 <= (last - first).days < DAYS_MAX:
        raise RequestInvalid(f"to must not be before from, and at most {DAYS_MAX} days are compared at once.")
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]


def count(run: BillRun, *, is_recent: bool) -> None:
    # The alarm for a bill that is not fetched goes by the samples of the days: the small run in between must not give any.
    days = {} if is_recent else {"BillDaysFetched": len(run.fetched), "BillDrifts": len(run.opened)}
    counts = days | {
        "BillFetchFailed": int(run.error is not None),
        "UnsettledCallsFound": len(run.findings),
        "UnsettledCallsCorrected": run.corrected,
    }
    for name, value in counts.items():
        metrics.add_metric(name=name, unit=MetricUnit.Count, value=value)


def summary(run: BillRun) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "fetched": [day.isoformat() for day in run.fetched],
        "compared": [day.isoformat() for day in run.compared],
        "left": [day.isoformat() for day in run.left],
        "driftsOpened": len(run.opened),
        "driftsClosed": len(run.closed),
        "findings": [{"tenantId": tenant_id} | finding_record(finding) for tenant_id, finding in run.findings],
        "corrected": run.corrected,
    }
    return facts | ({"error": run.error} if run.error else {})
