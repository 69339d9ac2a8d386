"""Breakers and alerts in memory."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tollgate.domain.breaker import Breaker
from tollgate.domain.errors import LedgerUnavailable


@dataclass(slots=True)
class MemoryBreakers:
    """`away`: the table cannot be asked. `reads` and `writes` are counted, because the healthy path promises how few it makes."""

    stored: dict[str, Breaker] = field(default_factory=dict)
    away: bool = False
    reads: int = 0
    writes: int = 0

    def recent(self) -> Sequence[Breaker]:
        self._ask()
        self.reads += 1
        return list(self.stored.values())

    def read(self, breaker_id: str) -> Breaker | None:
        self._ask()
        self.reads += 1
        return self.stored.get(breaker_id)

    def swap(self, new: Breaker) -> bool:
        self._ask()
        self.writes += 1
        there = self.stored.get(new.id)
        if (there.version if there else 0) != new.version - 1:
            return False
        self.stored[new.id] = new
        return True

    def remove(self, breaker: Breaker) -> None:
        self._ask()
        self.writes += 1
        if (there := self.stored.get(breaker.id)) is not None and there.version == breaker.version:
            del self.stored[breaker.id]

    def _ask(self) -> None:
        if self.away:
            raise LedgerUnavailable("away")


@dataclass(slots=True)
class ToldAlerts:
    told: list[str] = field(default_factory=list)

    def tell(self, event: str, facts: Mapping[str, object]) -> None:
        self.told.append(event)
