"""Calls with an Idempotency-Key in memory."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime

from tollgate.domain.errors import LedgerUnavailable
from tollgate.domain.idempotency import Attempt, KeptAnswer, KeptCall, bars


@dataclass(slots=True)
class MemoryKeptCalls:
    """`away`: the table cannot be asked. `asked` is counted, because a request without a key promises not to."""

    stored: dict[tuple[str, str], KeptCall] = field(default_factory=dict)
    body_characters_max: int = 2_000_000
    away: bool = False
    asked: int = 0

    def claim(self, attempt: Attempt, now: datetime) -> KeptCall | None:
        self._ask()
        there = self.stored.get(_place(attempt))
        if there is not None and bars(there, now):
            return None if there.attempt.token == attempt.token else there
        self.stored[_place(attempt)] = KeptCall(attempt=attempt)
        return None

    def keep(self, attempt: Attempt, answer: KeptAnswer, *, clock: Callable[[], datetime], until: datetime) -> bool:
        self._ask()
        if clock() >= until:
            raise LedgerUnavailable("no time")
        if not self._is_of(attempt):
            return False
        if answer.body is not None and len(answer.body) > self.body_characters_max:
            answer = replace(answer, body=None)
        self.stored[_place(attempt)] = KeptCall(attempt=self.stored[_place(attempt)].attempt, answer=answer)
        return True

    def release(self, attempt: Attempt) -> None:
        self._ask()
        if self._is_of(attempt):
            del self.stored[_place(attempt)]

    def _is_of(self, attempt: Attempt) -> bool:
        there = self.stored.get(_place(attempt))
        return there is not None and there.attempt.token == attempt.token

    def _ask(self) -> None:
        self.asked += 1
        if self.away:
            raise LedgerUnavailable("away")


def _place(attempt: Attempt) -> tuple[str, str]:
    return attempt.tenant_id, attempt.key
