"""One run of one connection, by whoever holds its lease: so no two read the same feeds, and together pass what a tenant may ask."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from tollgate.domain.connection import Connection
from tollgate.domain.errors import JobStoreFailed, SpansUnavailable
from tollgate.domain.sync_plan import SyncState, SyncStatus
from tollgate.ports import Clock, JobSource, JobStore, Leases, SyncQueue, SyncStatuses
from tollgate.usecases.sync_jobs import SyncRun, TimeLeft, sync_jobs

# A function is ended when its time is over: nobody then works under a lease that has this much left.
LEASE_MARGIN = timedelta(seconds=30)
STORE_PAUSE = timedelta(minutes=5)


class SyncEnd(StrEnum):
    DONE = "done"
    MORE = "more"
    """It ended for want of time, and the next run is asked for."""
    BUSY = "busy"
    """Another run holds the lease."""
    GONE = "gone"
    """It was paused or removed since it was asked for."""
    NOT_STORED = "not_stored"
    """The store cannot be reached."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncPorts:
    """`connection_of`: None for one that is not there; `source_of`: raises JobSourceFailed only when it is read."""

    connection_of: Callable[[str], Connection | None]
    source_of: Callable[[Connection], JobSource]
    store: JobStore
    leases: Leases
    statuses: SyncStatuses
    queue: SyncQueue
    clock: Clock


def sync_connection(connection_id: str, ports: SyncPorts, *, time_left: TimeLeft) -> tuple[SyncEnd, SyncRun | None]:
    """Raises LedgerUnavailable, SyncQueueFailed: the message then comes again."""
    connection = ports.connection_of(connection_id)
    if connection is None or connection.is_paused:
        return SyncEnd.GONE, None
    now = ports.clock()
    lease = f"sync/{connection_id}"
    fence = ports.leases.take(lease, now=now, until=now + time_left() + LEASE_MARGIN)
    if fence is None:
        return SyncEnd.BUSY, None
    try:
        run = sync_jobs(connection, ports.source_of(connection), ports.store, clock=ports.clock, time_left=time_left)
        ports.statuses.write(connection_id, run.status)
    except (JobStoreFailed, SpansUnavailable) as failure:
        before = ports.statuses.read(connection_id)
        ports.statuses.write(connection_id, _not_stored(connection, before, failure, ports.clock()))
        return SyncEnd.NOT_STORED, None
    finally:
        ports.leases.release(lease, fence)
    if run.has_more:
        ports.queue.send([connection_id])
        return SyncEnd.MORE, run
    return SyncEnd.DONE, run


def _not_stored(connection: Connection, before: SyncStatus | None, failure: Exception, now: datetime) -> SyncStatus:
    return SyncStatus(
        state=SyncState.FAILING,
        ended_at=now,
        next_due_at=now + STORE_PAUSE,
        connection_version=connection.version,
        caught_up_at=before.caught_up_at if before else None,
        problems={"store": f"What was read cannot be stored now: {failure}"[:500]},
    )
