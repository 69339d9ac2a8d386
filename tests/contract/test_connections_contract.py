"""What every store of connections promises: a swap wins once, and what was written is read as it was."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError

from tests.fakes.ledger_world import TABLE
from tests.fakes.memory_connections import MemoryConnections
from tests.fakes.moto_dynamodb import dynamodb_client
from tollgate.adapters.dynamodb_connections import PARTITION, DynamoDbConnections
from tollgate.domain.connection import Connection, Environment
from tollgate.domain.connection_text import connection_from, connection_record
from tollgate.domain.errors import LedgerUnavailable
from tollgate.ports import Connections

FIRST = Connection(
    tenant_id="bluebird",
    environment=Environment.PRODUCTION,
    servicetitan_tenant_id="1001",
    timezone="America/Chicago",
    added_at=datetime(2026, 11, 23, 12, 0, 0, 250_000, tzinfo=UTC),
)
PAUSED = replace(FIRST, version=2, is_paused=True)


@pytest.fixture
def client() -> Iterator[Any]:
    with dynamodb_client() as client:
        yield client


@pytest.fixture(params=["memory", "dynamodb"])
def connections(request: pytest.FixtureRequest) -> Connections:
    if request.param == "memory":
        return MemoryConnections()
    return DynamoDbConnections(request.getfixturevalue("client"), TABLE)


def test_what_was_written_is_read_as_it_was(connections: Connections) -> None:
    assert connections.swap(FIRST)
    assert connections.read(FIRST.id) == FIRST
    assert connections.swap(PAUSED)

    assert connections.read(FIRST.id) == PAUSED
    assert connections.stored() == [PAUSED]


def test_one_that_was_never_added_is_not_there(connections: Connections) -> None:
    assert connections.read(FIRST.id) is None
    assert connections.stored() == []


def test_the_same_servicetitan_tenant_is_added_once(connections: Connections) -> None:
    assert connections.swap(FIRST)

    assert not connections.swap(replace(FIRST, tenant_id="copperline"))

    assert connections.read(FIRST.id) == FIRST


def test_a_write_that_is_sent_again_has_done_what_was_wanted(connections: Connections) -> None:
    assert connections.swap(FIRST)

    assert connections.swap(FIRST)

    assert connections.stored() == [FIRST]


def test_of_two_changes_to_the_same_version_one_wins(connections: Connections) -> None:
    connections.swap(FIRST)
    moved = replace(FIRST, version=2, tenant_id="copperline")

    assert [connections.swap(PAUSED), connections.swap(moved)] == [True, False]

    assert connections.read(FIRST.id) == PAUSED


def test_a_change_of_what_is_gone_does_not_bring_it_back(connections: Connections) -> None:
    connections.swap(FIRST)
    assert connections.remove(FIRST)

    assert not connections.swap(PAUSED)
    assert connections.read(FIRST.id) is None


def test_only_the_version_that_was_seen_is_removed(connections: Connections) -> None:
    connections.swap(FIRST)
    connections.swap(PAUSED)

    assert not connections.remove(FIRST)
    assert connections.read(FIRST.id) == PAUSED

    assert connections.remove(PAUSED)
    assert not connections.remove(PAUSED)


def test_all_are_listed_by_their_ids(connections: Connections) -> None:
    several = [replace(FIRST, servicetitan_tenant_id=str(number)) for number in (77, 1002, 9)]
    several.append(replace(FIRST, environment=Environment.INTEGRATION))
    for each in several:
        connections.swap(each)

    found = [connection.id for connection in connections.stored()]

    assert found == ["integration-1001", "production-1002", "production-77", "production-9"]


# ---- in DynamoDB alone ------------------------------------------------------------------------------------------------------


def test_a_list_that_comes_in_pages_is_read_to_its_end(client: Any) -> None:
    connections = DynamoDbConnections(client, TABLE)
    for number in range(60):
        connections.swap(
            replace(FIRST, servicetitan_tenant_id=f"{number:019}", timezone="America/Argentina/ComodRivadavia")
        )

    class Paged:
        pages = 0

        def query(self, **request: Any) -> Any:
            self.pages += 1
            return client.query(**request, Limit=25)

    paged = Paged()

    assert len(DynamoDbConnections(paged, TABLE).stored()) == 60
    assert paged.pages == 3


@pytest.mark.parametrize("lands", [True, False])
def test_a_write_whose_answer_was_lost_is_done_once(client: Any, lands: bool) -> None:
    class Losing:
        lost = 0
        get_item = client.get_item

        def put_item(self, **request: Any) -> Any:
            if not self.lost:
                self.lost += 1
                if lands:
                    client.put_item(**request)
                raise ReadTimeoutError(endpoint_url="http://dynamodb.test")
            return client.put_item(**request)

    assert DynamoDbConnections(Losing(), TABLE, sleep=lambda _: None).swap(FIRST)
    assert DynamoDbConnections(client, TABLE).stored() == [FIRST]


def test_a_table_that_does_not_answer_is_asked_three_times(client: Any) -> None:
    class Away:
        asked = 0

        def get_item(self, **_: Any) -> Any:
            self.asked += 1
            raise ReadTimeoutError(endpoint_url="http://dynamodb.test")

    away = Away()

    with pytest.raises(LedgerUnavailable, match="connections"):
        DynamoDbConnections(away, TABLE, sleep=lambda _: None).read(FIRST.id)
    assert away.asked == 3


def test_the_connections_lie_in_a_partition_of_their_own(client: Any) -> None:
    DynamoDbConnections(client, TABLE).swap(FIRST)

    [item] = client.scan(TableName=TABLE)["Items"]

    assert (item["pk"]["S"], item["sk"]["S"]) == (PARTITION, FIRST.id)


@pytest.mark.parametrize(
    "changed", [{"added_at": 7}, {"environment": "staging"}, {"more": 1}, {"servicetitan_tenant_id": "x"}]
)
def test_a_record_that_is_no_connection_is_refused(changed: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"not a|digits|staging"):
        connection_from(connection_record(FIRST) | changed)
