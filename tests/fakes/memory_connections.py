"""Connections, their secrets and leases in memory."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from tollgate.domain.connection import Connection
from tollgate.domain.errors import LedgerUnavailable, SecretsUnavailable


@dataclass(slots=True)
class MemoryConnections:
    """`away`: the table cannot be asked; `before_swap`: what another admin does at the worst moment."""

    kept: dict[str, Connection] = field(default_factory=dict)
    away: bool = False
    before_swap: Callable[[], None] = lambda: None

    def stored(self) -> list[Connection]:
        self._ask()
        return [self.kept[connection_id] for connection_id in sorted(self.kept)]

    def read(self, connection_id: str) -> Connection | None:
        self._ask()
        return self.kept.get(connection_id)

    def swap(self, new: Connection) -> bool:
        self.before_swap()
        self._ask()
        there = self.kept.get(new.id)
        if there == new:
            return True
        if (there.version if there else 0) != new.version - 1:
            return False
        self.kept[new.id] = new
        return True

    def remove(self, connection: Connection) -> bool:
        self._ask()
        there = self.kept.get(connection.id)
        if there is None or there.version != connection.version:
            return False
        del self.kept[connection.id]
        return True

    def _ask(self) -> None:
        if self.away:
            raise LedgerUnavailable("away")


@dataclass(slots=True)
class MemoryConnectionSecrets:
    """`kept`: client id and secret by the connection's id."""

    kept: dict[str, tuple[str, str]] = field(default_factory=dict)
    away: bool = False

    def write(self, connection_id: str, *, client_id: str, client_secret: str) -> None:
        self._ask()
        self.kept[connection_id] = client_id, client_secret

    def remove(self, connection_id: str) -> None:
        self._ask()
        self.kept.pop(connection_id, None)

    def _ask(self) -> None:
        if self.away:
            raise SecretsUnavailable("away")


@dataclass(slots=True)
class MemoryLeases:
    """`held`: until when, by name; `fences`: the newest of each name."""

    held: dict[str, datetime] = field(default_factory=dict)
    fences: dict[str, int] = field(default_factory=dict)

    def take(self, name: str, *, now: datetime, until: datetime) -> int | None:
        if name in self.held and self.held[name] > now:
            return None
        self.held[name] = until
        self.fences[name] = self.fences.get(name, 0) + 1
        return self.fences[name]

    def release(self, name: str, fence: int) -> None:
        if self.fences.get(name) == fence:
            self.held.pop(name, None)
