"""How connections were synced, and the queue of those that are due, in memory."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from tollgate.domain.errors import SyncQueueFailed
from tollgate.domain.sync_plan import SyncStatus


@dataclass(slots=True)
class MemorySyncs:
    stored: dict[str, SyncStatus] = field(default_factory=dict)

    def all(self) -> Mapping[str, SyncStatus]:
        return dict(self.stored)

    def read(self, connection_id: str) -> SyncStatus | None:
        return self.stored.get(connection_id)

    def write(self, connection_id: str, status: SyncStatus) -> None:
        self.stored[connection_id] = status

    def remove(self, connection_id: str) -> None:
        self.stored.pop(connection_id, None)


@dataclass(slots=True)
class MemoryQueue:
    sent: list[str] = field(default_factory=list)
    away: bool = False

    def send(self, connection_ids: Collection[str]) -> None:
        if self.away:
            raise SyncQueueFailed("away")
        self.sent += connection_ids
