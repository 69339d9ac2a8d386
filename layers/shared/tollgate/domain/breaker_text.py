"""A breaker as text, as its item keeps it."""

import json
from datetime import datetime
from typing import Any

from tollgate.domain.breaker import Breaker, Kind, State, Subject, Tally


def breaker_to_text(breaker: Breaker) -> str:
    """Compact JSON, about 300 bytes and 20 for each second with a failure in it."""
    subject = breaker.subject
    values = {
        "subject": [
            subject.kind,
            subject.upstream,
            subject.model,
            subject.tenant_id,
            subject.agent,
            subject.fingerprint,
        ],
        "version": breaker.version,
        "state": breaker.state,
        "tallies": [[tally.at, tally.failures, tally.limits, tally.successes] for tally in breaker.tallies],
        "openings": breaker.openings,
        "opened_at": _text(breaker.opened_at),
        "retry_at": _text(breaker.retry_at),
        "prober": breaker.prober,
        "reason": breaker.reason,
    }
    return json.dumps(values, separators=(",", ":"))


def breaker_from_text(text: str) -> Breaker:
    """Raises ValueError for what `breaker_to_text` did not write."""
    try:
        values = json.loads(text)
        kind, upstream, model, tenant_id, agent, fingerprint = values["subject"]
        return Breaker(
            subject=Subject(
                kind=Kind(kind),
                upstream=upstream,
                model=model,
                tenant_id=tenant_id,
                agent=agent,
                fingerprint=fingerprint,
            ),
            version=values["version"],
            state=State(values["state"]),
            tallies=tuple(
                Tally(at=at, failures=failures, limits=limits, successes=successes)
                for at, failures, limits, successes in values["tallies"]
            ),
            openings=values["openings"],
            opened_at=_instant(values["opened_at"]),
            retry_at=_instant(values["retry_at"]),
            prober=values["prober"],
            reason=values["reason"],
        )
    except (KeyError, TypeError) as error:
        raise ValueError(f"not a breaker: {error}") from error


def _text(instant: datetime | None) -> str | None:
    return None if instant is None else instant.isoformat()


def _instant(value: Any) -> datetime | None:
    return None if value is None else datetime.fromisoformat(value)
