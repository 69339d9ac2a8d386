"""A run of one connection: who may, what is left behind, and when it is asked for again."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import pytest

from tests.fakes.jobs import NOON, SHOP, MemoryJobs, ScriptedSource, a_job, a_page
from tests.fakes.memory_connections import MemoryLeases
from tests.fakes.memory_syncs import MemoryQueue, MemorySyncs
from tollgate.domain.connection import Connection
from tollgate.domain.errors import JobSourceFailed, JobStoreFailed, SyncQueueFailed
from tollgate.domain.job import Feed, FeedPage, FeedPass, SourceFault
from tollgate.domain.sync_plan import SyncState
from tollgate.usecases.sync_connection import SyncEnd, SyncPorts, sync_connection
from tollgate.usecases.sync_jobs import PAGE_TIME

LONG = timedelta(minutes=4)


@dataclass
class Stand:
    connection: Connection | None = SHOP
    source: ScriptedSource = field(default_factory=lambda: ScriptedSource({}))
    store: MemoryJobs = field(default_factory=MemoryJobs)
    leases: MemoryLeases = field(default_factory=MemoryLeases)
    statuses: MemorySyncs = field(default_factory=MemorySyncs)
    queue: MemoryQueue = field(default_factory=MemoryQueue)
    now: datetime = NOON

    def run(self, *, time_left: timedelta = LONG) -> SyncEnd:
        ports = SyncPorts(
            connection_of=lambda _: self.connection,
            source_of=lambda _: self.source,
            store=self.store,
            leases=self.leases,
            statuses=self.statuses,
            queue=self.queue,
            clock=lambda: self.now,
        )
        return sync_connection(SHOP.id, ports, time_left=lambda: time_left)[0]


def test_a_run_brings_rows_and_leaves_its_status_and_no_lease() -> None:
    stand = Stand(source=ScriptedSource({(Feed.JOBS, "day"): a_page(a_job(1), ends="end")}))

    assert stand.run() is SyncEnd.DONE

    assert [row.id for row in stand.store.rows(SHOP.id, Feed.JOBS)] == [1]
    assert stand.statuses.stored[SHOP.id].state is SyncState.CURRENT
    assert stand.leases.held == {}
    assert stand.queue.sent == []


def test_whose_the_rows_are_is_noted() -> None:
    stand = Stand()

    stand.run()

    assert stand.store.seen == {SHOP.id: SHOP}


@pytest.mark.parametrize("connection", [None, replace(SHOP, is_paused=True)])
def test_one_that_is_gone_or_paused_is_not_read(connection: Connection | None) -> None:
    stand = Stand(connection=connection)

    assert stand.run() is SyncEnd.GONE
    assert stand.source.asked == []


def test_no_two_run_at_once() -> None:
    stand = Stand()
    ends: list[SyncEnd] = []

    def come_again(_: Feed) -> None:
        if not ends:
            ends.append(stand.run())

    stand.source.before = come_again

    assert stand.run() is SyncEnd.DONE
    assert ends == [SyncEnd.BUSY]


def test_a_run_that_died_is_followed_when_its_time_is_over() -> None:
    stand = Stand()

    class Killed(BaseException):
        pass

    def die(_: Feed) -> None:
        raise Killed

    taken = stand.leases.held
    stand.source.before = die
    with pytest.raises(Killed):
        stand.run()
    # A process that is gone releases nothing.
    stand.leases.held[f"sync/{SHOP.id}"] = NOON + LONG + timedelta(seconds=30)
    stand.source.before = lambda _: None

    assert list(taken) == [f"sync/{SHOP.id}"]
    assert stand.run() is SyncEnd.BUSY
    stand.now = NOON + LONG + timedelta(seconds=31)
    assert stand.run() is SyncEnd.DONE


def test_a_run_without_time_for_all_of_it_asks_for_the_next() -> None:
    stand = Stand()

    assert stand.run(time_left=PAGE_TIME - timedelta(milliseconds=1)) is SyncEnd.MORE

    assert stand.queue.sent == [SHOP.id]
    assert stand.leases.held == {}
    assert stand.statuses.stored[SHOP.id].state is SyncState.BEHIND


def test_a_queue_that_takes_nothing_lets_the_message_come_again() -> None:
    stand = Stand(queue=MemoryQueue(away=True))

    with pytest.raises(SyncQueueFailed):
        stand.run(time_left=PAGE_TIME - timedelta(milliseconds=1))
    assert stand.leases.held == {}


def test_a_store_that_is_away_is_told_to_the_owner_and_tried_again_in_five_minutes() -> None:
    class Away(MemoryJobs):
        def begin(self, connection: Connection, *, at: datetime) -> dict[FeedPass, object]:  # type: ignore[override]
            raise JobStoreFailed("nobody is there")

    stand = Stand()
    stand.run()
    caught_up = stand.statuses.stored[SHOP.id].caught_up_at
    stand.store = Away()

    assert stand.run() is SyncEnd.NOT_STORED

    status = stand.statuses.stored[SHOP.id]
    assert (status.state, status.caught_up_at) == (SyncState.FAILING, caught_up)
    assert status.problems == {"store": "What was read cannot be stored now: nobody is there"}
    assert status.next_due_at == NOON + timedelta(minutes=5)
    assert stand.leases.held == {}


def test_a_fault_of_our_own_is_raised_and_leaves_no_lease() -> None:
    class Wrong(ScriptedSource):
        def read_page(self, *_: object, **__: object) -> FeedPage:  # type: ignore[override]
            raise ZeroDivisionError

    stand = Stand(source=Wrong({}))

    with pytest.raises(ZeroDivisionError):
        stand.run()
    assert stand.leases.held == {}


def test_refused_credentials_stop_the_reading_for_an_hour() -> None:
    refused = JobSourceFailed("check the secret", fault=SourceFault.CREDENTIALS)
    stand = Stand(source=ScriptedSource({(feed, "day"): refused for feed in Feed}))

    stand.run()

    status = stand.statuses.stored[SHOP.id]
    assert (status.state, status.next_due_at) == (SyncState.REFUSED, NOON + timedelta(hours=1))
    assert set(status.problems) == {feed.value for feed in Feed}
