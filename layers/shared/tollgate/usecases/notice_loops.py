"""What an environment has seen each agent do lately. Nothing here is shared until a loop is found.

An agent whose calls are spread over several environments is noticed when one of them has seen enough: its real limit is up to that many
times higher. An environment remembers at most `AGENTS_MAX` agents and as many requests, and forgets the oldest first.
"""

from collections import OrderedDict, deque
from datetime import datetime

from tollgate.domain.loop import LoopRules

AGENTS_MAX = 1000


class LoopMemory:
    def __init__(self, rules: LoopRules) -> None:
        self._rules = rules
        self._failures: OrderedDict[tuple[str, str], int] = OrderedDict()
        self._requests: OrderedDict[tuple[str, str, str], deque[datetime]] = OrderedDict()

    def repeated(self, tenant_id: str, agent: str, fingerprint: str, now: datetime) -> bool:
        """True where this is one repetition too many; the count starts anew then."""
        if self._rules.repeats == 0:
            return False
        seen = self._requests.setdefault((tenant_id, agent, fingerprint), deque(maxlen=self._rules.repeats))
        self._requests.move_to_end((tenant_id, agent, fingerprint))
        seen.append(now)
        is_loop = len(seen) == self._rules.repeats and now - seen[0] <= self._rules.window
        if is_loop:
            seen.clear()
        while len(self._requests) > AGENTS_MAX:
            self._requests.popitem(last=False)
        return is_loop

    def failed(self, tenant_id: str, agent: str, *, has_failed: bool) -> bool:
        """True where this is one failure in a row too many; the count starts anew then."""
        if not has_failed:
            self._failures.pop((tenant_id, agent), None)
            return False
        failures = self._failures.pop((tenant_id, agent), 0) + 1
        if 0 < self._rules.failures <= failures:
            return True
        self._failures[tenant_id, agent] = failures
        while len(self._failures) > AGENTS_MAX:
            self._failures.popitem(last=False)
        return False
