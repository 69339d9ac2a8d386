"""Breakers as an admin sees them, and the caller's word on falling back."""

from collections.abc import Mapping
from typing import Any

from tollgate.domain.breaker import Breaker, Kind
from tollgate.domain.errors import RequestInvalid
from tollgate.edge.cost_wire import rfc3339

DOWNGRADE_HEADER = "x-tollgate-downgrade"


def breaker_view(breaker: Breaker) -> dict[str, Any]:
    subject = breaker.subject
    whose = (
        {"upstream": subject.upstream, "model": subject.model}
        if subject.kind is Kind.UPSTREAM
        else {"tenantId": subject.tenant_id, "agent": subject.agent, "request": subject.fingerprint}
    )
    return {
        "id": breaker.id,
        "kind": subject.kind.value,
        **whose,
        "state": breaker.state.value,
        "failures": breaker.failures,
        "openedAt": rfc3339(breaker.opened_at) if breaker.opened_at else None,
        "retryAt": rfc3339(breaker.retry_at) if breaker.retry_at else None,
        "reason": breaker.reason,
    }


def may_fall_back(headers: Mapping[str, str]) -> bool:
    """False where the caller wants the model that he names or none. Raises RequestInvalid for a word that is not known."""
    given = {name.lower(): value for name, value in headers.items()}.get(DOWNGRADE_HEADER, "allow").strip().lower()
    if given not in ("allow", "never"):
        raise RequestInvalid(f"{DOWNGRADE_HEADER} is 'allow' or 'never'.", param=DOWNGRADE_HEADER)
    return given == "allow"
