"""What an environment was refused a moment ago: it need not ask again (LEDGER.md, "Load on one page").

A refused write is billed like any other, and a tenant in a loop would spend its page's write units on refusals. The memory may only
refuse, never admit; it ends with the window, and with any settlement or change of the tenant's that the environment sees.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from tollgate.domain.money import NanoUsd
from tollgate.domain.refusal import Reason, Refusal
from tollgate.domain.window import Window

SHORTEST = timedelta(seconds=1)
LONGEST = timedelta(seconds=16)
TENANTS_MAX = 1000

# Money is refused for amounts at least as large; these whatever is asked.
_ANY_AMOUNT = frozenset({Reason.SUSPENDED, Reason.RATE, Reason.IN_FLIGHT})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Remembered:
    refusal: Refusal
    version: int
    lasts: timedelta
    until: datetime


class RefusalMemory:
    """One for each environment. Nothing here is shared, and nothing of one tenant is ever used for another."""

    def __init__(self) -> None:
        self._tenants: dict[str, dict[tuple[str, str | None], _Remembered]] = {}

    def recall(
        self,
        tenant_id: str,
        window: Window,
        agent: str | None,
        *,
        least: Callable[[], NanoUsd],
        version: int,
        now: datetime,
    ) -> Refusal | None:
        """The refusal that a call would get which asks for `least()` at the least; None where the page must be asked."""
        known = self._tenants.get(tenant_id, {}).get((window.date, agent))
        if known is None or known.version != version or now >= known.until:
            return None
        if known.refusal.reason in _ANY_AMOUNT:
            return known.refusal
        asked = least()
        return replace(known.refusal, asked=asked) if asked >= known.refusal.asked else None

    def learn(self, refusal: Refusal, window: Window, *, version: int, now: datetime) -> Refusal:
        """Remembers what the page said for a second, and twice as long each time that it says so again.

        Not what it said of the soft zone: that bars those alone who take no cheaper model. Returns the refusal as it is to be told: whoever
        comes back at its `retry_at` is not refused from memory.
        """
        if refusal.reason is Reason.SOFT_CAP:
            return refusal
        if len(self._tenants) >= TENANTS_MAX:
            self._tenants.clear()
        mine = self._tenants.setdefault(refusal.tenant_id, {})
        place = (window.date, refusal.agent)
        before = mine.get(place)
        again = before is not None and before.refusal.reason is refusal.reason and now - before.until < LONGEST
        lasts = min(LONGEST, before.lasts * 2) if before is not None and again else SHORTEST
        until = _until(refusal, now + lasts)
        told = replace(refusal, retry_at=max(refusal.retry_at, until))
        mine[place] = _Remembered(refusal=told, version=version, lasts=lasts, until=until)
        return told

    def forget(self, tenant_id: str) -> None:
        self._tenants.pop(tenant_id, None)


def _until(refusal: Refusal, at: datetime) -> datetime:
    """No longer than its window. Calls in flight have none: they end one by one, and their `retry_at` is a guess."""
    return at if refusal.reason is Reason.IN_FLIGHT else min(at, refusal.retry_at)
