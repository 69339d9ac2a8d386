"""Which connections are due, and asks the queue for a run of each. What a run that is under way is asked for once more, it refuses."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from tollgate.domain.connection import Connection
from tollgate.domain.sync_plan import SyncState, SyncStatus
from tollgate.ports import SyncQueue


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncPlan:
    """`lag`: how long ago everything that is read often was last there, of the connection that is furthest behind; those that wait for
    somebody (`refused`), and those that never had everything, are not in it."""

    connections: int
    paused: int
    refused: int
    failing: int
    due: Sequence[str]
    lag: timedelta


def plan_syncs(
    connections: Sequence[Connection], statuses: Mapping[str, SyncStatus], queue: SyncQueue, *, now: datetime
) -> SyncPlan:
    """Raises SyncQueueFailed."""
    active = [connection for connection in connections if not connection.is_paused]
    known = {connection.id: statuses.get(connection.id) for connection in active}
    plan = SyncPlan(
        connections=len(connections),
        paused=len(connections) - len(active),
        refused=_count(known, SyncState.REFUSED),
        failing=_count(known, SyncState.FAILING),
        due=[connection.id for connection in active if _is_due(connection, known[connection.id], now)],
        lag=max((_lag(status, now) for status in known.values()), default=timedelta()),
    )
    if plan.due:
        queue.send(plan.due)
    return plan


def _is_due(connection: Connection, status: SyncStatus | None, now: datetime) -> bool:
    """One that was changed is read at once: its new secret may be what it waited for."""
    return status is None or status.connection_version != connection.version or status.next_due_at <= now


def _count(statuses: Mapping[str, SyncStatus | None], state: SyncState) -> int:
    return sum(status is not None and status.state is state for status in statuses.values())


def _lag(status: SyncStatus | None, now: datetime) -> timedelta:
    if status is None or status.caught_up_at is None or status.state is SyncState.REFUSED:
        return timedelta()
    return now - status.caught_up_at
