"""The schedule that asks for runs, and the queue's function that makes them, each by its entry; the local ServiceTitan behind them."""

import importlib.util
import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from infra.local.servicetitan_server.clock import Clock
from infra.local.servicetitan_server.server import running
from infra.local.servicetitan_server.shops import SHOPS
from infra.local.servicetitan_server.world import World
from tests.fakes.jobs import SHOP, MemoryJobs
from tests.fakes.memory_connections import MemoryLeases
from tests.fakes.memory_syncs import MemoryQueue, MemorySyncs
from tollgate import wiring
from tollgate.adapters.servicetitan_access import Addresses, Credentials
from tollgate.adapters.servicetitan_client import ServiceTitanClient
from tollgate.adapters.servicetitan_jobs import ServiceTitanJobs
from tollgate.domain.connection import Connection
from tollgate.domain.job import Feed
from tollgate.ports import JobSource
from tollgate.usecases.sync_connection import SyncPorts

FUNCTIONS = Path(__file__).resolve().parents[2] / "functions"
NOW = datetime(2026, 11, 22, 7, 0, tzinfo=UTC)


@dataclass
class Context:
    aws_request_id: str = "request-1"
    function_name: str = "sync"
    milliseconds: int = 240_000

    def get_remaining_time_in_millis(self) -> int:
        return self.milliseconds


@dataclass
class Stand:
    """`printed`: what the functions' metrics said."""

    connections: list[Connection]
    store: MemoryJobs = field(default_factory=MemoryJobs)
    queue: MemoryQueue = field(default_factory=MemoryQueue)
    statuses: MemorySyncs = field(default_factory=MemorySyncs)
    now: datetime = NOW


def entry(folder: str) -> ModuleType:
    specification = importlib.util.spec_from_file_location("handler", FUNCTIONS / folder / "handler.py")
    assert specification
    assert specification.loader
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


@pytest.fixture
def world() -> World:
    return World(Clock(NOW), months=1)


@pytest.fixture
def stand(monkeypatch: pytest.MonkeyPatch, world: World) -> Iterator[Stand]:
    made = Stand(connections=[replace(SHOP, servicetitan_tenant_id="1004")])
    with running(world) as found, ExitStack() as closing:
        addresses = Addresses(base_url=found.base_url, auth_url=found.auth_url)

        def source_of(connection: Connection) -> JobSource:
            shop = SHOPS[int(connection.servicetitan_tenant_id)]
            credentials = Credentials(
                client_id=shop.client_id, client_secret=shop.client_secret, app_key="local-app-key"
            )
            client = ServiceTitanClient(addresses, connection.servicetitan_tenant_id, lambda: credentials)
            closing.callback(client.close)
            return ServiceTitanJobs(client)

        ports = SyncPorts(
            connection_of=lambda id_: next((each for each in made.connections if each.id == id_), None),
            source_of=source_of,
            store=made.store,
            leases=MemoryLeases(),
            statuses=made.statuses,
            queue=made.queue,
            clock=lambda: made.now,
        )
        monkeypatch.setattr(wiring, "sync_ports", lambda: ports)
        monkeypatch.setattr(wiring, "all_connections", lambda: made.connections)
        monkeypatch.setattr(wiring, "syncs", lambda: made.statuses)
        monkeypatch.setattr(wiring, "sync_queue", lambda: made.queue)
        monkeypatch.setattr(wiring, "clock", lambda: made.now)
        yield made


def plan() -> dict[str, Any]:
    answer: dict[str, Any] = entry("schedules/sync_servicetitan").handle({}, Context())
    return answer


def run(connection_id: str, *, milliseconds: int = 240_000) -> dict[str, Any]:
    event = {"Records": [{"body": json.dumps({"connectionId": connection_id}), "eventSource": "aws:sqs"}]}
    answer: dict[str, Any] = entry("queues/sync_connection").handle(event, Context(milliseconds=milliseconds))
    return answer


def metrics_in(text: str) -> dict[str, Any]:
    """The last of each name."""
    found: dict[str, Any] = {}
    for line in text.splitlines():
        if line.startswith("{") and "_aws" in line:
            facts = json.loads(line)
            names = [each["Name"] for metric in facts["_aws"]["CloudWatchMetrics"] for each in metric["Metrics"]]
            found |= {name: facts[name][0] for name in names}
    return found


def test_without_a_connection_nothing_is_asked_for(stand: Stand) -> None:
    stand.connections.clear()

    assert plan() == {"connections": 0, "due": [], "paused": 0, "refused": 0}
    assert stand.queue.sent == []


def test_a_connection_is_asked_for_read_to_its_end_and_left_alone_until_it_is_due(
    stand: Stand, world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    connection_id = stand.connections[0].id

    assert plan()["due"] == [connection_id]
    done = run(*stand.queue.sent)

    assert (done["end"], done["state"]) == ("done", "current")
    assert {row.id for row in stand.store.rows(connection_id, Feed.JOBS)} == {
        row["id"] for row in world.rows(1004, "jobs")
    }
    told = metrics_in(capsys.readouterr().out)
    assert told["ServiceTitanRows"] > 100
    assert told["ServiceTitanFeedsFailed"] == told["ServiceTitanRunsNotStored"] == 0
    assert plan()["due"] == []
    stand.now += timedelta(minutes=15)
    assert plan()["due"] == [connection_id]


def test_a_run_without_time_ends_well_and_asks_for_the_next(stand: Stand) -> None:
    done = run(stand.connections[0].id, milliseconds=19_000)

    assert done["end"] == "more"
    assert stand.queue.sent == [stand.connections[0].id]


def test_the_lag_of_the_connection_furthest_behind_is_a_metric(
    stand: Stand, capsys: pytest.CaptureFixture[str]
) -> None:
    run(stand.connections[0].id)
    stand.now += timedelta(hours=3)

    plan()

    assert metrics_in(capsys.readouterr().out)["ServiceTitanSyncLag"] == 10_800


def test_a_connection_that_was_removed_meanwhile_is_not_read(stand: Stand) -> None:
    assert run("production-77") == {"connectionId": "production-77", "end": "gone"}


@pytest.mark.parametrize("body", ["no json", "{}", "[]"])
def test_a_message_without_sense_fails_and_ends_where_lost_ones_do(stand: Stand, body: str) -> None:
    with pytest.raises((ValueError, KeyError, TypeError)):
        entry("queues/sync_connection").handle({"Records": [{"body": body}]}, Context())
