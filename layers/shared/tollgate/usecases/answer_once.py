"""A governed call that may be sent again: made once by its key, then answered from what was kept of it."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from tollgate.domain.errors import LedgerUnavailable, TollgateError
from tollgate.domain.idempotency import Attempt, KeptAnswer, replay_of
from tollgate.ports import Alerts, KeptCalls

# A write of what is kept takes up to three seconds, and whoever paid for the answer must still get it.
TIME_TO_KEEP = timedelta(seconds=4)
SUCCESS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class OncePorts:
    """`keeps_text`: whether what a model said is kept, or only that it was said."""

    calls: KeptCalls
    alerts: Alerts
    clock: Callable[[], datetime]
    keeps_text: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    answer: KeptAnswer
    is_replay: bool


def answer_once(attempt: Attempt, make: Callable[[], KeptAnswer], ports: OncePorts, *, deadline: datetime) -> Told:
    """`make` raises a TollgateError where nothing was spent; what may have been billed is an answer. `deadline`: when the function's
    time ends (UTC). Raises what `make` raises, IdempotencyConflict, IdempotencyInProgress, and LedgerUnavailable where the key cannot be
    taken: nothing is spent without it."""
    there = ports.calls.claim(attempt, ports.clock())
    if there is not None:
        return Told(answer=replay_of(there, attempt, ports.clock()), is_replay=True)
    try:
        answer = make()
    except TollgateError:
        _release(attempt, ports)
        raise
    _keep(attempt, answer, ports, deadline - TIME_TO_KEEP)
    return Told(answer=answer, is_replay=False)


def _keep(attempt: Attempt, answer: KeptAnswer, ports: OncePorts, until: datetime) -> None:
    """Whatever becomes of it, the client gets its answer."""
    has_text = answer.status == SUCCESS
    kept = answer if ports.keeps_text or not has_text else replace(answer, body=None)
    try:
        if not ports.calls.keep(attempt, kept, clock=ports.clock, until=until):
            ports.alerts.tell("IdempotencyLost", {"tenant_id": attempt.tenant_id, "why": "its time was over"})
    except LedgerUnavailable as error:
        ports.alerts.tell("IdempotencyLost", {"tenant_id": attempt.tenant_id, "why": str(error)})


def _release(attempt: Attempt, ports: OncePorts) -> None:
    """A key that cannot be given back is free again when this function's time is over."""
    try:
        ports.calls.release(attempt)
    except LedgerUnavailable as error:
        ports.alerts.tell("IdempotencyLost", {"tenant_id": attempt.tenant_id, "why": str(error)})
