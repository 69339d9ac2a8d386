"""Whole businesses from the local ServiceTitan into a real Postgres, interrupted wherever it hurts."""

import json
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import psycopg
import pytest

from infra.local.servicetitan_server.clock import Clock
from infra.local.servicetitan_server.faults import Fault
from infra.local.servicetitan_server.server import running
from infra.local.servicetitan_server.shops import SHOPS
from infra.local.servicetitan_server.world import World
from tests.fakes.jobs import SHOP
from tests.fakes.servicetitan_truth import TRUTH, at, columns, told
from tollgate.adapters.invoked_jobs import InvokedJobStore, unpacked
from tollgate.adapters.postgres import Postgres
from tollgate.adapters.postgres_jobs import PostgresJobs
from tollgate.adapters.servicetitan_access import Addresses, Credentials
from tollgate.adapters.servicetitan_client import ServiceTitanClient
from tollgate.adapters.servicetitan_jobs import ServiceTitanJobs
from tollgate.domain.connection import Connection
from tollgate.domain.errors import JobStoreFailed
from tollgate.domain.job import Feed
from tollgate.domain.sync_plan import SyncState
from tollgate.usecases.store_jobs import store_jobs
from tollgate.usecases.sync_jobs import PassState, SyncRun, sync_jobs

# At night nothing changes for an hour and more, so that what the feeds show a quarter of an hour later is all there is.
NOW = datetime(2026, 11, 22, 7, 0, tzinfo=UTC)
LONG = timedelta(minutes=4)


class Killed(BaseException):
    """As if the process were gone: nobody catches it."""


@dataclass
class Stand:
    """Everything between the two ends; `dies` decides before and after each message whether the function dies there."""

    world: World
    addresses: Addresses
    database: str
    store: PostgresJobs
    dies: Callable[[], bool] = lambda: False
    written: list[bytes] = field(default_factory=list)

    def invoke(self, message: bytes) -> bytes:
        self.written.append(message)
        self._die_perhaps()
        answer = json.dumps(store_jobs(unpacked(json.loads(message)), self.store)).encode()
        self._die_perhaps()
        return answer

    def sync(self, tenant: int, *, time_left: Callable[[], timedelta] = lambda: LONG, secret: str = "") -> SyncRun:
        """A run in a new process: no token and no cursor is left of the one before."""
        credentials = Credentials(
            client_id=SHOPS[tenant].client_id,
            client_secret=secret or SHOPS[tenant].client_secret,
            app_key="local-app-key",
        )
        clock = self.world.clock
        client = ServiceTitanClient(
            self.addresses,
            str(tenant),
            lambda: credentials,
            clock=lambda: clock.now().timestamp(),
            sleep=lambda seconds: clock.advance(timedelta(seconds=seconds)),
        )
        source, store = ServiceTitanJobs(client), InvokedJobStore(self.invoke)
        with closing(client):
            return sync_jobs(connection_to(tenant), source, store, clock=clock.now, time_left=time_left)

    def kept(self, tenant: int, feed: Feed) -> list[tuple[Any, ...]]:
        query = f"SELECT id, {', '.join(columns(feed))} FROM servicetitan_{feed} WHERE connection_id = %s ORDER BY id"
        with psycopg.connect(self.database) as connection:
            return connection.execute(query.encode(), [connection_to(tenant).id]).fetchall()

    def _die_perhaps(self) -> None:
        if self.dies():
            raise Killed


@pytest.fixture
def stand(database: str, postgres: Postgres) -> Iterator[Stand]:
    world = World(Clock(NOW), rows_max=60, months=4)
    with running(world) as found:
        addresses = Addresses(base_url=found.base_url, auth_url=found.auth_url)
        yield Stand(world=world, addresses=addresses, database=database, store=PostgresJobs(postgres))


def connection_to(tenant: int) -> Connection:
    return replace(SHOP, servicetitan_tenant_id=str(tenant))


def assert_whole(stand: Stand, tenant: int, *, first_run: datetime = NOW) -> None:
    """What is stored equals what the local ServiceTitan holds, row by row; calls from 90 days before the first run on."""
    since = (first_run - timedelta(days=90)).date()
    for feed in Feed:
        rows = stand.world.rows(tenant, TRUTH[feed][0])
        if feed is Feed.CALLS:
            rows = [row for row in rows if (at(row["modifiedOn"]) or NOW).date() >= since]
        assert stand.kept(tenant, feed) == told(feed, rows), feed
        assert rows, feed


def states(run: SyncRun) -> set[PassState]:
    return {each.state for each in run.passes}


def test_a_first_sync_brings_the_whole_business_and_a_second_one_nothing(stand: Stand) -> None:
    first = stand.sync(1003)
    second = stand.sync(1003)

    assert_whole(stand, 1003)
    assert states(first) == {PassState.CURRENT}
    assert first.status.state is SyncState.CURRENT
    assert {each.feed for each in first.passes if each.rows > 200} >= {Feed.CALLS, Feed.BOOKINGS, Feed.JOBS}
    assert sum(each.changed for each in first.passes if each.feed_pass.is_overlap) == 0
    assert second.passes == []
    assert stand.world.access.minted[1003] == 1


def test_what_changes_between_two_runs_comes_with_the_second(stand: Stand) -> None:
    first_run = NOW - timedelta(days=9)
    stand.world.clock.freeze(first_run)
    stand.sync(1004)
    stand.world.clock.freeze(NOW)

    second = stand.sync(1004)

    assert_whole(stand, 1004, first_run=first_run)
    assert 0 < sum(each.changed for each in second.passes) < 1000
    assert sum(each.changed for each in second.passes if each.feed_pass.is_overlap) == 0


@pytest.mark.parametrize("seed", range(5))
def test_a_sync_that_is_broken_off_anywhere_ends_with_the_same_rows(stand: Stand, seed: int) -> None:
    random = Random(seed)
    stand.dies = lambda: random.random() < 0.1

    ends = [broken_run(stand, random) for _ in range(10)]
    stand.dies = lambda: False
    stand.world.faults.clear()
    # What failed is left alone for a while, which is over then.
    stand.world.clock.advance(timedelta(minutes=61))
    last = stand.sync(1002)

    assert set(ends) & {"killed", "broken"}
    assert states(last) <= {PassState.CURRENT}
    assert last.status.state is SyncState.CURRENT
    assert_whole(stand, 1002)
    # By the clock that the client keeps its pace by: here it waits by moving that on.
    assert stand.world.stats()["peakCallsPerWorldSecond"]["1002"] <= 60


def broken_run(stand: Stand, random: Random) -> str:
    """A run that meets faults, is killed, or has time for a few pages only; how it ended."""
    kind = random.choice(("429", "500", "html", "reset", "401", "html-200"))
    form = random.choice(("seconds", "date", "title", "bare"))
    skip, times = random.randrange(3), random.randrange(1, 7)
    stand.world.faults.plan(Fault(kind=kind, form=form, skip=skip, times=times, path="export"))
    # Each page looks at the time twice.
    looks = iter(range(random.choice((3, 10, 10**6))))
    try:
        run = stand.sync(1002, time_left=lambda: LONG if next(looks, None) is not None else timedelta())
    except Killed:
        return "killed"
    finally:
        # The next run is another process, which does not know when this one asked last; its lease keeps it away for longer than this.
        stand.world.clock.advance(timedelta(seconds=2))
    return "whole" if run.status.state is SyncState.CURRENT else "broken"


def test_a_token_that_ends_between_two_pages_is_replaced(stand: Stand) -> None:
    looks = iter(range(10**6))

    def later() -> timedelta:
        if next(looks) % 12 == 11:
            stand.world.access.revoke_all()
        return LONG

    run = stand.sync(1002, time_left=later)

    assert states(run) == {PassState.CURRENT}
    assert stand.world.access.minted[1002] > 2
    assert_whole(stand, 1002)


def test_one_tenants_wrong_secret_leaves_the_others_alone(stand: Stand) -> None:
    broken = stand.sync(1001, secret="wrong")
    stand.sync(1004)

    assert {each.cursor.error for each in broken.passes} == {
        "ServiceTitan answered 400: invalid_client: check this connection's client id and secret"
    }
    assert broken.status.state is SyncState.REFUSED
    assert_whole(stand, 1004)
    with psycopg.connect(stand.database) as connection:
        query = "SELECT connection_id, count(*) FROM servicetitan_cursors WHERE last_error IS NOT NULL GROUP BY 1"
        assert connection.execute(query).fetchall() == [("production-1001", len(Feed))]


def test_a_scope_that_is_missing_costs_its_feed_alone_and_heals(stand: Stand) -> None:
    scopes = stand.world.access.scopes[1004]
    stand.world.access.scopes[1004] = tuple(scope for scope in scopes if "calls" not in scope)

    run = stand.sync(1004)
    stand.world.access.scopes[1004] = scopes
    stand.world.clock.advance(timedelta(days=1))
    stand.sync(1004)

    assert {each.feed for each in run.passes if each.state is PassState.FAILED} == {Feed.CALLS}
    assert run.status.state is SyncState.FAILING
    assert_whole(stand, 1004, first_run=NOW + timedelta(days=1))


def test_places_that_died_are_found_again_without_a_hole(stand: Stand) -> None:
    first_run = NOW - timedelta(days=9)
    stand.world.clock.freeze(first_run)
    stand.sync(1004)
    with psycopg.connect(stand.database, autocommit=True) as connection:
        connection.execute("UPDATE servicetitan_cursors SET continue_from = 'dead' WHERE feed <> 'campaigns'")
    stand.world.clock.freeze(NOW)

    run = stand.sync(1004)

    assert states(run) == {PassState.CURRENT}
    assert_whole(stand, 1004, first_run=first_run)


def test_no_customer_reaches_the_database_or_the_way_to_it(stand: Stand) -> None:
    stand.sync(1004)
    row = stand.world.rows(1004, "calls")[0]
    assert "+1555" in json.dumps(row)

    text = json.dumps([unpacked(json.loads(message)) for message in stand.written])

    assert not [word for word in ("+1555", "Springfield", "recordings", "Abbott", "ask for", "@") if word in text]


def test_a_store_that_is_away_fails_the_run_and_the_next_one_goes_on(stand: Stand) -> None:
    messages = iter(range(10**6))
    whole = stand.invoke

    def fail_later(message: bytes) -> bytes:
        if next(messages) >= 6:
            raise JobStoreFailed("nobody is there")
        return whole(message)

    stand.invoke = fail_later  # type: ignore[method-assign]
    with pytest.raises(JobStoreFailed):
        stand.sync(1004)
    stand.invoke = whole  # type: ignore[method-assign]
    stand.sync(1004)

    assert_whole(stand, 1004)
