"""What every store of refusals promises: sums by hour, for one tenant at a time."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from tests.fakes.ledger_world import TABLE
from tests.fakes.memory_refusals import MemoryRefusals
from tests.fakes.moto_dynamodb import dynamodb_client
from tollgate.adapters.dynamodb_refusals import DynamoDbRefusals
from tollgate.domain.errors import LedgerUnavailable
from tollgate.domain.refused import RefusedHour, by_agent, by_reason
from tollgate.ports import Refusals

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def an_hour(hour: datetime = NOON, **counts: int) -> RefusedHour:
    return RefusedHour(hour=hour, counts={(reason, None): calls for reason, calls in counts.items()})


@pytest.fixture(params=["memory", "dynamodb"])
def refusals(request: pytest.FixtureRequest) -> Iterator[Refusals]:
    if request.param == "memory":
        yield MemoryRefusals()
        return
    with dynamodb_client() as client:
        yield DynamoDbRefusals(lambda: client, TABLE)


def test_what_two_environments_counted_is_added_up(refusals: Refusals) -> None:
    assert refusals.add("acme", [an_hour(rate=2, daily_budget=1)])
    assert refusals.add("acme", [an_hour(rate=3), an_hour(NOON + HOUR, loop=1)])

    assert list(refusals.between("acme", NOON, NOON + 2 * HOUR)) == [
        an_hour(rate=5, daily_budget=1),
        an_hour(NOON + HOUR, loop=1),
    ]


def test_agents_are_kept_apart_whatever_their_names(refusals: Refusals) -> None:
    counts = {
        ("rate", None): 1,
        ("rate", "Böoking # agent / 7"): 2,
        ("loop", "Böoking # agent / 7"): 4,
        ("rate", "ttl"): 8,
    }
    refusals.add("acme", [RefusedHour(hour=NOON, counts=counts)])

    found = refusals.between("acme", NOON, NOON + HOUR)

    assert [each.counts for each in found] == [counts]
    assert by_reason(found) == {"rate": 11, "loop": 4}
    assert by_agent(found) == {None: 1, "Böoking # agent / 7": 6, "ttl": 8}


def test_another_tenant_s_are_not_seen(refusals: Refusals) -> None:
    refusals.add("acme-2", [an_hour(rate=1)])

    assert list(refusals.between("acme", NOON - HOUR, NOON + HOUR)) == []


@pytest.mark.parametrize(
    ("start", "end", "hours"),
    [
        (NOON, NOON + HOUR, [0]),
        (NOON, NOON + timedelta(minutes=1), [0]),
        (NOON + timedelta(minutes=30), NOON + timedelta(minutes=90), [1]),
        (NOON + timedelta(minutes=30), NOON + timedelta(minutes=40), []),
        (NOON - 48 * HOUR, NOON + 48 * HOUR, [0, 1, 2]),
    ],
)
def test_an_hour_counts_where_it_begins(refusals: Refusals, start: datetime, end: datetime, hours: list[int]) -> None:
    for number in range(3):
        refusals.add("acme", [an_hour(NOON + number * HOUR, rate=1)])

    assert [each.hour for each in refusals.between("acme", start, end)] == [NOON + number * HOUR for number in hours]


# ---- DynamoDB's own ---------------------------------------------------------------------------------------------------------


def test_an_hour_is_forgotten_after_thirteen_months_and_no_page_is_touched() -> None:
    with dynamodb_client() as client:
        DynamoDbRefusals(lambda: client, TABLE).add("acme", [an_hour(rate=1)])

        (item,) = client.scan(TableName=TABLE)["Items"]

    assert (item["pk"], item["sk"]) == ({"S": "REFUSALS#acme"}, {"S": "2026-11-23T12"})
    assert datetime.fromtimestamp(int(item["ttl"]["N"]), UTC) == NOON + timedelta(days=403)


def failing(*errors: Exception | None) -> Any:
    left = list(errors)

    def update_item(**_: object) -> None:
        error = left.pop(0)
        if error is not None:
            raise error

    return SimpleNamespace(update_item=update_item)


def throttled() -> ClientError:
    return ClientError({"Error": {"Code": "ThrottlingException", "Message": ""}}, "UpdateItem")


def test_what_was_certainly_not_added_can_be_sent_again() -> None:
    client = failing(throttled())

    assert DynamoDbRefusals(lambda: client, TABLE).add("acme", [an_hour(rate=1)]) is False


def test_what_may_have_been_added_is_not() -> None:
    for errors in ([ReadTimeoutError(endpoint_url="x")], [None, throttled()]):
        client = failing(*errors)
        with pytest.raises(LedgerUnavailable):
            DynamoDbRefusals(lambda client=client: client, TABLE).add(
                "acme", [an_hour(rate=1), an_hour(NOON + HOUR, rate=1)]
            )  # type: ignore[misc]
