"""What every store of leases promises: one holder at a time, and each with a fence above all before it."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError

from tests.fakes.ledger_world import TABLE
from tests.fakes.local_dynamodb import HOST, local_dynamodb
from tests.fakes.memory_connections import MemoryLeases
from tollgate.adapters.dynamodb_leases import DynamoDbLeases
from tollgate.adapters.dynamodb_wire import new_wire
from tollgate.domain.errors import LedgerUnavailable
from tollgate.ports import Leases

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
LATER = NOON + timedelta(seconds=30)
NAMES = count(1)


@pytest.fixture(scope="module")
def wire(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Before a server whose conditional writes are atomic."""
    with local_dynamodb(tmp_path_factory.mktemp("leases")) as port:
        wire = new_wire(f"http://{HOST}:{port}")
        yield wire
        wire.close()


@pytest.fixture(params=["memory", "dynamodb"])
def leases(request: pytest.FixtureRequest) -> Leases:
    if request.param == "memory":
        return MemoryLeases()
    return DynamoDbLeases(request.getfixturevalue("wire"), TABLE)


@pytest.fixture
def name() -> str:
    return f"production-{next(NAMES)}"


def test_while_one_holds_it_nobody_else_does(leases: Leases, name: str) -> None:
    assert leases.take(name, now=NOON, until=LATER) == 1

    assert leases.take(name, now=NOON, until=LATER) is None
    assert leases.take(name, now=LATER - timedelta(milliseconds=1), until=LATER + timedelta(hours=1)) is None


def test_one_that_is_over_is_taken_with_a_higher_fence(leases: Leases, name: str) -> None:
    leases.take(name, now=NOON, until=LATER)

    assert leases.take(name, now=LATER, until=LATER + timedelta(seconds=30)) == 2
    assert leases.take(name, now=LATER, until=LATER + timedelta(seconds=30)) is None


def test_one_that_was_released_is_taken_at_once_with_a_higher_fence(leases: Leases, name: str) -> None:
    fence = leases.take(name, now=NOON, until=LATER)
    assert fence is not None

    leases.release(name, fence)

    assert leases.take(name, now=NOON, until=LATER) == 2


def test_a_release_by_an_old_fence_does_nothing(leases: Leases, name: str) -> None:
    leases.take(name, now=NOON, until=LATER)
    leases.take(name, now=LATER, until=LATER + timedelta(seconds=30))

    leases.release(name, 1)

    assert leases.take(name, now=LATER, until=LATER + timedelta(seconds=30)) is None


def test_a_release_twice_or_of_what_was_never_taken_does_nothing(leases: Leases, name: str) -> None:
    leases.release(name, 1)
    assert leases.take(name, now=NOON, until=LATER) == 1

    leases.release(name, 1)
    leases.release(name, 1)

    assert leases.take(name, now=NOON, until=LATER) == 2


def test_leases_of_different_names_do_not_meet(leases: Leases, name: str) -> None:
    leases.take(name, now=NOON, until=LATER)

    assert leases.take(f"check/{name}", now=NOON, until=LATER) == 1


# ---- in DynamoDB alone ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("before", ["nothing", "one that is over"])
def test_of_many_that_reach_for_it_at_once_one_gets_it(before: str, wire: Any, name: str) -> None:
    leases = DynamoDbLeases(wire, TABLE)
    if before == "one that is over":
        leases.take(name, now=NOON - timedelta(hours=1), until=NOON)

    def reach(_: int) -> int | None:
        return leases.take(name, now=NOON, until=LATER)

    with ThreadPoolExecutor(12) as pool:
        fences = [fence for fence in pool.map(reach, range(60)) if fence is not None]

    assert fences == [1 if before == "nothing" else 2]


def test_fences_of_many_turns_are_never_given_twice(wire: Any, name: str) -> None:
    leases = DynamoDbLeases(wire, TABLE)

    def turn(_: int) -> int | None:
        fence = leases.take(name, now=NOON, until=LATER)
        if fence is not None:
            leases.release(name, fence)
        return fence

    with ThreadPoolExecutor(8) as pool:
        fences = [fence for fence in pool.map(turn, range(80)) if fence is not None]

    assert len(fences) > 1
    assert sorted(fences) == list(range(1, len(fences) + 1))


def test_a_table_that_does_not_answer_gives_no_lease() -> None:
    class Away:
        def update_item(self, **_: Any) -> Any:
            raise ReadTimeoutError(endpoint_url="http://dynamodb.test")

    with pytest.raises(LedgerUnavailable):
        DynamoDbLeases(Away(), TABLE).take("production-1", now=NOON, until=LATER)
