"""What an admin sees of the breakers, and how he closes one by hand."""

from collections.abc import Sequence
from datetime import datetime

from tollgate.domain.breaker import Breaker, BreakerRules, Kind, Verdict, closed, is_over, verdict_of
from tollgate.domain.errors import BreakerNotFound, LedgerUnavailable
from tollgate.ports import Breakers

TRIES = 4


def list_breakers(breakers: Breakers, rules: BreakerRules, now: datetime) -> Sequence[Breaker]:
    """Those that are not closed, and those that failed lately; what bars calls first. Raises LedgerUnavailable."""
    shown = [breaker for breaker in breakers.recent() if not _is_past(breaker, rules, now)]
    return sorted(shown, key=lambda breaker: (breaker.retry_at is None, breaker.id))


def count_barring(breakers: Breakers, now: datetime) -> dict[Kind, int]:
    """How many models, and how many agents' loops, are refused at this moment. Raises LedgerUnavailable."""
    barring = [breaker.subject.kind for breaker in breakers.recent() if verdict_of(breaker, now) is Verdict.WAIT]
    return {kind: barring.count(kind) for kind in Kind}


def reset_breaker(breaker_id: str, breakers: Breakers) -> None:
    """Closes it; every environment knows within a second or so. Raises BreakerNotFound, LedgerUnavailable."""
    for _ in range(TRIES):
        seen = breakers.read(breaker_id)
        if seen is None:
            raise BreakerNotFound(f"There is no breaker {breaker_id[:40]!r}: GET /api/breakers lists them.")
        if breakers.swap(closed(seen)):
            return
    raise LedgerUnavailable("This breaker is changing all the time. Try again in a moment.")


def _is_past(breaker: Breaker, rules: BreakerRules, now: datetime) -> bool:
    if breaker.subject.kind is Kind.LOOP:
        return verdict_of(breaker, now) is Verdict.PASS
    return is_over(breaker, now, rules)
