"""Breakers as an admin sees them."""

from typing import Any

from tollgate.domain.breaker import Breaker, Kind
from tollgate.edge.cost_wire import rfc3339


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
