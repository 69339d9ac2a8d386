"""What the agents themselves saw: the morning's figures, written by many threads and read by the screen."""

import threading
from dataclasses import dataclass, field, replace

from infra.local.demo.api import Standing


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusalSeen:
    """A refused call as the SDK raised it. `tries`: how often the SDK sent it."""

    error: str
    status: int
    code: str
    reason: str
    message: str
    retry_after_s: int | None
    tries: int
    agent: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """`receipts`: nano-dollars, summed from the header that comes with each answer."""

    served: int = 0
    downgraded: int = 0
    refused: int = 0
    failed: int = 0
    receipts: int = 0
    in_flight: int = 0
    conversations: int = 0
    standing: Standing | None = None


@dataclass(slots=True)
class Tally:
    """`others_served_before`: calls of all other tenants that were answered before the first refusal."""

    counts: dict[str, Count] = field(default_factory=dict)
    first_refusal: RefusalSeen | None = None
    others_served_before: int = 0
    events: list[str] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def begin(self, tenant_id: str) -> None:
        self._add(tenant_id, in_flight=1)

    def serve(self, tenant_id: str, *, cost: int, downgrade: str | None) -> None:
        was = self._add(tenant_id, in_flight=-1, served=1, downgraded=int(downgrade is not None), receipts=cost)
        if downgrade is not None and was.downgraded == 0:
            self.tell(f"{tenant_id}: the first call goes to the cheaper model ({downgrade})")

    def refuse(self, tenant_id: str, refusal: RefusalSeen) -> None:
        was = self._add(tenant_id, in_flight=-1, refused=1)
        with self._lock:
            if self.first_refusal is None:
                self.first_refusal = refusal
                self.others_served_before = sum(
                    count.served for name, count in self.counts.items() if name != tenant_id
                )
        if was.refused == 0:
            self.tell(f"{tenant_id}: the first call is refused ({refusal.reason}), of its {refusal.agent}")

    def fail(self, tenant_id: str, what: str) -> None:
        self._add(tenant_id, in_flight=-1, failed=1)
        self.tell(f"{tenant_id}: a call failed: {what}")

    def end_conversation(self, tenant_id: str) -> None:
        self._add(tenant_id, conversations=1)

    def stand(self, tenant_id: str, standing: Standing) -> None:
        with self._lock:
            self.counts[tenant_id] = replace(self.count(tenant_id), standing=standing)

    def tell(self, event: str) -> None:
        with self._lock:
            self.events.append(event)

    def count(self, tenant_id: str) -> Count:
        return self.counts.get(tenant_id, Count())

    def _add(self, tenant_id: str, **changes: int) -> Count:
        """Returns what it was before."""
        with self._lock:
            was = self.count(tenant_id)
            self.counts[tenant_id] = replace(
                was, **{name: getattr(was, name) + change for name, change in changes.items()}
            )
            return was
