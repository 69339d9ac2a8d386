"""A drift as JSON."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from tollgate.domain.drift import Drift, DriftKind, KeptDrift, Subject
from tollgate.domain.money import NanoUsd


def kept_record(kept: KeptDrift) -> dict[str, Any]:
    subject, drift = kept.drift.subject, kept.drift
    return {
        "id": kept.id,
        "kind": subject.kind.value,
        "tenantId": subject.tenant_id,
        "month": subject.month,
        "day": subject.day.isoformat() if subject.day else None,
        "expectedNanousd": drift.expected,
        "foundNanousd": drift.found,
        "detail": dict(drift.detail),
        "firstSeenAt": kept.first_seen_at.isoformat(),
        "lastSeenAt": kept.last_seen_at.isoformat(),
        "closedAt": kept.closed_at.isoformat() if kept.closed_at else None,
    }


def kept_of_record(record: Mapping[str, Any]) -> KeptDrift:
    """Raises ValueError, KeyError, TypeError."""
    day, closed_at = record["day"], record["closedAt"]
    subject = Subject(
        kind=DriftKind(record["kind"]),
        tenant_id=record["tenantId"],
        month=record["month"],
        day=date.fromisoformat(day) if day else None,
    )
    drift = Drift(
        subject=subject,
        expected=NanoUsd(record["expectedNanousd"]),
        found=NanoUsd(record["foundNanousd"]),
        detail=record["detail"],
    )
    return KeptDrift(
        id=record["id"],
        drift=drift,
        first_seen_at=datetime.fromisoformat(record["firstSeenAt"]),
        last_seen_at=datetime.fromisoformat(record["lastSeenAt"]),
        closed_at=datetime.fromisoformat(closed_at) if closed_at else None,
    )
