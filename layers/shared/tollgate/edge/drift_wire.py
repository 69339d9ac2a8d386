"""Drifts as an admin sees them."""

from typing import Any

from tollgate.domain.drift import KeptDrift
from tollgate.domain.money import usd_number
from tollgate.edge.cost_wire import rfc3339


def drift_view(kept: KeptDrift) -> dict[str, Any]:
    drift, subject = kept.drift, kept.drift.subject
    return {
        "id": kept.id,
        "kind": subject.kind.value,
        "tenantId": subject.tenant_id,
        "window": subject.day.isoformat() if subject.day else subject.month,
        "expectedUsd": usd_number(drift.expected),
        "foundUsd": usd_number(drift.found),
        "driftUsd": usd_number(drift.amount),
        "detail": dict(drift.detail),
        "firstSeenAt": rfc3339(kept.first_seen_at),
        "lastSeenAt": rfc3339(kept.last_seen_at),
        "closedAt": rfc3339(kept.closed_at) if kept.closed_at else None,
    }
