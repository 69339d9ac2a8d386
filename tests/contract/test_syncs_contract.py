"""What every keeper of statuses promises, and what the queue does with what SQS does not take."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from tests.fakes.jobs import NOON
from tests.fakes.ledger_world import TABLE
from tests.fakes.memory_syncs import MemorySyncs
from tests.fakes.moto_dynamodb import dynamodb_client
from tollgate.adapters.dynamodb_syncs import DynamoDbSyncs
from tollgate.adapters.sqs_queue import SqsQueue
from tollgate.domain.errors import LedgerUnavailable, SyncQueueFailed
from tollgate.domain.sync_plan import SyncState, SyncStatus
from tollgate.ports import SyncStatuses

STATUS = SyncStatus(
    state=SyncState.FAILING,
    ended_at=NOON,
    next_due_at=NOON + timedelta(minutes=5),
    connection_version=3,
    caught_up_at=NOON - timedelta(hours=1),
    problems={"calls": "ServiceTitan answered 403"},
)


@pytest.fixture(params=["memory", "dynamodb"])
def statuses(request: pytest.FixtureRequest) -> Iterator[SyncStatuses]:
    if request.param == "memory":
        yield MemorySyncs()
        return
    with dynamodb_client() as client:
        yield DynamoDbSyncs(client, TABLE)


def test_a_status_is_read_as_it_was_written_last(statuses: SyncStatuses) -> None:
    other = replace(STATUS, state=SyncState.CURRENT, caught_up_at=None, problems={})
    statuses.write("production-1", other)
    statuses.write("production-1", STATUS)
    statuses.write("production-2", other)

    assert statuses.all() == {"production-1": STATUS, "production-2": other}
    assert statuses.read("production-1") == STATUS


def test_one_that_was_removed_or_never_written_is_not_there(statuses: SyncStatuses) -> None:
    statuses.write("production-1", STATUS)

    statuses.remove("production-1")
    statuses.remove("production-1")

    assert statuses.all() == {}
    assert statuses.read("production-1") is None


def test_a_table_that_cannot_be_reached_says_so() -> None:
    class Away:
        def query(self, **_: Any) -> None:
            raise EndpointConnectionError(endpoint_url="http://127.0.0.1")

    with pytest.raises(LedgerUnavailable):
        DynamoDbSyncs(Away(), TABLE).all()


@dataclass
class Sqs:
    """Takes what it is sent, but for as many of `refusals` times its first message."""

    refusals: int = 0
    batches: list[list[str]] = field(default_factory=list)

    def send_message_batch(self, *, QueueUrl: str, Entries: list[dict[str, str]]) -> dict[str, Any]:  # noqa: N803
        assert QueueUrl == "url"
        self.batches.append([json.loads(entry["MessageBody"])["connectionId"] for entry in Entries])
        if self.refusals:
            self.refusals -= 1
            return {"Failed": [{"Id": Entries[0]["Id"], "Code": "InternalError", "SenderFault": False}]}
        return {"Successful": []}


def test_ten_are_sent_at_once_and_each_is() -> None:
    sqs = Sqs()
    ids = [f"production-{number}" for number in range(100, 123)]

    SqsQueue(sqs, "url").send(ids)

    assert [len(batch) for batch in sqs.batches] == [10, 10, 3]
    assert [each for batch in sqs.batches for each in batch] == ids


def test_what_was_not_taken_is_sent_once_more() -> None:
    sqs = Sqs(refusals=1)

    SqsQueue(sqs, "url").send(["production-1", "production-2"])

    assert sqs.batches == [["production-1", "production-2"], ["production-1"]]


def test_what_is_not_taken_at_all_is_an_error() -> None:
    with pytest.raises(SyncQueueFailed, match="InternalError"):
        SqsQueue(Sqs(refusals=2), "url").send(["production-1"])


def test_a_queue_that_cannot_be_reached_is_an_error() -> None:
    class Away:
        def send_message_batch(self, **_: Any) -> None:
            raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "SendMessageBatch")

    with pytest.raises(SyncQueueFailed, match="ClientError"):
        SqsQueue(Away(), "url").send(["production-1"])
