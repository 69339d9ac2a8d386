"""Counts of refused calls in memory, and a store of them that is ill."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from threading import Event

from tollgate.domain.errors import LedgerUnavailable
from tollgate.domain.refused import RefusedHour


@dataclass(slots=True)
class MemoryRefusals:
    """`away`: no answer comes; `throttled`: it takes nothing, and says so; `open`: what a write waits for; `writes`: whose, in order."""

    stored: dict[tuple[str, datetime], Counter[tuple[str, str | None]]] = field(default_factory=dict)
    writes: list[str] = field(default_factory=list)
    away: bool = False
    throttled: bool = False
    open: Event = field(default_factory=Event)

    def __post_init__(self) -> None:
        self.open.set()

    def add(self, tenant_id: str, hours: Sequence[RefusedHour]) -> bool:
        self.writes.append(tenant_id)
        self.open.wait(30)
        if self.away:
            raise LedgerUnavailable("away")
        if self.throttled:
            return False
        for each in hours:
            self.stored.setdefault((tenant_id, each.hour), Counter()).update(each.counts)
        return True

    def between(self, tenant_id: str, start: datetime, end: datetime) -> Sequence[RefusedHour]:
        if self.away:
            raise LedgerUnavailable("away")
        return [
            RefusedHour(hour=hour, counts=dict(counts))
            for (whose, hour), counts in sorted(self.stored.items())
            if whose == tenant_id and start <= hour < end
        ]
