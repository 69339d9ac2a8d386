"""What an environment knows of the breakers that all of them share: read once a second at most, written only when something fails.

A breaker guards the upstream and the agents' time, never money: where the table cannot be asked, calls pass.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

from tollgate.domain.breaker import Breaker, BreakerRules, Subject, is_over
from tollgate.domain.errors import LedgerUnavailable
from tollgate.ports import Breakers

READ_EVERY = timedelta(seconds=1)
SWAPS = 4
REMOVED_AT_ONCE = 3


class BreakerWatch:
    """One for each environment, which serves one call at a time."""

    def __init__(self, breakers: Breakers, rules: BreakerRules) -> None:
        self._breakers = breakers
        self._rules = rules
        self._known: dict[str, Breaker] = {}
        self._read_at: datetime | None = None

    def look(self, subject: Subject, now: datetime) -> Breaker:
        """As it stood within the last second, or longer ago where the table cannot be asked."""
        if self._read_at is None or not timedelta(0) <= now - self._read_at < READ_EVERY:
            self._refresh(now)
        return self._known.get(subject.id) or Breaker(subject=subject)

    def change(self, subject: Subject, edit: Callable[[Breaker], Breaker | None]) -> tuple[Breaker, Breaker] | None:
        """Writes what `edit` makes of the breaker: (before, after), or None where there was nothing to write or no way to write it.
        `edit` is asked again where another environment was faster."""
        seen = self._known.get(subject.id) or Breaker(subject=subject)
        try:
            for _ in range(SWAPS):
                new = edit(seen)
                if new is None or new is seen:
                    return None
                if self._breakers.swap(new):
                    self._known[subject.id] = new
                    return seen, new
                seen = self._breakers.read(subject.id) or Breaker(subject=subject)
                self._known[subject.id] = seen
        except LedgerUnavailable:
            return None
        return None

    def _refresh(self, now: datetime) -> None:
        self._read_at = now
        try:
            found = {breaker.id: breaker for breaker in self._breakers.recent()}
            # The read may be older than what this environment wrote a moment ago.
            self._known = {key: max(found[key], self._known.get(key, found[key]), key=_version) for key in found}
            over = [breaker for breaker in self._known.values() if is_over(breaker, now - READ_EVERY, self._rules)]
            for breaker in over[:REMOVED_AT_ONCE]:
                self._breakers.remove(breaker)
                del self._known[breaker.id]
        except LedgerUnavailable:
            return


def _version(breaker: Breaker) -> int:
    return breaker.version
