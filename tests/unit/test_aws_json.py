"""The wire to DynamoDB beside boto3's client: the same server, the same answers, the same errors."""

import json
import os
import socket
import threading
import zlib
from collections.abc import Iterator
from typing import Any
from unittest.mock import patch

import boto3
import pytest
from botocore.exceptions import (
    BotoCoreError,
    ChecksumError,
    ClientError,
    ConnectionClosedError,
    EndpointConnectionError,
    NoRegionError,
    ReadTimeoutError,
)

from tests.fakes.http_server import Received, Reply, Server, bad_gateway, serving
from tests.fakes.moto_dynamodb import NOBODY
from tollgate.adapters.aws_json import is_enough
from tollgate.adapters.dynamodb_client import CONFIG
from tollgate.adapters.dynamodb_failures import Failure, failure_of
from tollgate.adapters.dynamodb_wire import DynamoDbWire, new_dynamodb, new_wire

KEY = {"pk": {"S": "TENANT#shop"}, "sk": {"S": "MONTH#2024-03"}}
NAMESPACE = "com.amazonaws.dynamodb.v20120810#"
ITEM = {**KEY, "used": {"N": "12"}, "span": {"S": "Ärger"}, "body": {"B": "AAH/"}, "n": {"M": {"B": {"BOOL": True}}}}
REASONS = [{"Code": "None"}, {"Code": "ConditionalCheckFailed", "Message": "no", "Item": ITEM}]


def error(code: str, status: int = 400, **more: object) -> Reply:
    said = {"__type": code, "message": "It was not done.", **more}
    return Reply(status=status, content=json.dumps(said).encode(), headers={"x-amzn-requestid": "REQ1"})


REFUSALS = {
    "condition": error(f"{NAMESPACE}ConditionalCheckFailedException", Item=ITEM),
    "condition without its item": error(f"{NAMESPACE}ConditionalCheckFailedException"),
    "transaction": error(f"{NAMESPACE}TransactionCanceledException", CancellationReasons=REASONS),
    "conflict": error(f"{NAMESPACE}TransactionConflictException"),
    "throughput": error(f"{NAMESPACE}ProvisionedThroughputExceededException"),
    "throttled": error("com.amazon.coral.availability#ThrottlingException"),
    "account's limit": error("RequestLimitExceeded:http://internal.amazon.com/"),
    "validation": error("com.amazon.coral.validate#ValidationException"),
    "no table": error(f"{NAMESPACE}ResourceNotFoundException"),
    "server": error(f"{NAMESPACE}InternalServerError", status=500),
    "a load balancer's page": bad_gateway(Received(path="", headers={}, content=b"")),
    "nothing, 503": Reply(status=503, content=b""),
    "no code, 400": Reply(status=400, content=b"{}"),
}


@pytest.fixture(autouse=True)
def environment() -> Iterator[None]:
    with patch.dict(os.environ, NOBODY):
        yield


@pytest.fixture
def server() -> Iterator[Server]:
    with serving(Server(lambda _: Reply())) as server:
        yield server


@pytest.fixture
def wire(server: Server) -> Iterator[DynamoDbWire]:
    wire = new_wire(server.url, read_timeout_s=0.3)
    yield wire
    wire.close()


@pytest.fixture
def client(server: Server) -> Iterator[Any]:
    # A session of its own: the default one keeps the credentials that an earlier test gave it.
    client = boto3.Session().client("dynamodb", endpoint_url=server.url, config=CONFIG)
    yield client
    client.close()


def fault(ask: Any) -> ClientError:
    with pytest.raises(ClientError) as caught:
        ask(TableName="ledger", Key=KEY)
    return caught.value


@pytest.mark.parametrize("name", REFUSALS)
def test_a_refusal_is_told_as_the_client_tells_it(name: str, server: Server, wire: DynamoDbWire, client: Any) -> None:
    server.answer = lambda _: REFUSALS[name]

    ours, theirs = fault(wire.update_item), fault(client.update_item)

    assert failure_of(ours) is failure_of(theirs)
    assert ours.response["Error"] == theirs.response["Error"]
    for part in ("Item", "CancellationReasons"):
        assert ours.response.get(part) == theirs.response.get(part)
    for part in ("HTTPStatusCode", "RequestId"):
        assert ours.response["ResponseMetadata"].get(part) == theirs.response["ResponseMetadata"].get(part)


def test_an_item_is_read_as_the_client_reads_it_bytes_and_an_attribute_called_b_too(
    server: Server, wire: DynamoDbWire, client: Any
) -> None:
    server.answer = lambda _: Reply(content=json.dumps({"Item": ITEM}).encode())

    ours, theirs = wire.get_item(TableName="ledger", Key=KEY), client.get_item(TableName="ledger", Key=KEY)

    assert ours["Item"] == theirs["Item"]
    assert ours["Item"]["body"]["B"] == b"\x00\x01\xff"


def test_a_request_is_sent_as_the_client_sends_it(server: Server, wire: DynamoDbWire, client: Any) -> None:
    item = {
        **KEY,
        "body": {"B": b"\x00\xff"},
        "open": {"BOOL": True},
        "list": {"L": [{"NULL": True}, {"S": "Ä \U0001f600"}]},
    }

    for ask in (wire.put_item, client.put_item):
        ask(TableName="ledger", Item=item)

    ours, theirs = server.received
    assert ours.body == theirs.body
    for name in ("content-type", "x-amz-target", "host", "x-amz-security-token"):
        assert ours.headers[name] == theirs.headers[name]


def test_an_answer_that_does_not_come_in_time_leaves_open_what_was_carried_out(
    server: Server, wire: DynamoDbWire
) -> None:
    released = threading.Event()

    def late(_: Received) -> Reply:
        released.wait(20)
        return Reply()

    server.answer = late
    with pytest.raises(ReadTimeoutError) as caught:
        wire.get_item(TableName="ledger", Key=KEY)
    released.set()

    assert failure_of(caught.value) is Failure.UNANSWERED


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (Reply(content=b'{"Item": {}}', cut=0), ConnectionClosedError),
        (Reply(content=b'{"Item": {}}', cut=5), ConnectionClosedError),
        (Reply(content=b'{"Item": {}}', headers={"x-amz-crc32": "7"}), ChecksumError),
        (Reply(content=b"<html>"), BotoCoreError),
        (Reply(content=b"[]"), BotoCoreError),
    ],
)
def test_an_answer_that_cannot_be_read_leaves_it_open_too(
    reply: Reply, kind: type[BotoCoreError], server: Server, wire: DynamoDbWire
) -> None:
    server.answer = lambda _: reply

    with pytest.raises(kind) as caught:
        wire.update_item(TableName="ledger", Key=KEY)

    assert failure_of(caught.value) is Failure.UNANSWERED


def test_a_checksum_that_fits_is_no_fault(server: Server, wire: DynamoDbWire) -> None:
    content = b'{"Attributes": {}}'
    server.answer = lambda _: Reply(content=content, headers={"x-amz-crc32": str(zlib.crc32(content))})

    assert wire.update_item(TableName="ledger", Key=KEY)["Attributes"] == {}


def test_where_nobody_listens_nothing_was_sent() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{probe.getsockname()[1]}"
        wire = new_wire(url)

        with pytest.raises(EndpointConnectionError) as caught:
            wire.get_item(TableName="ledger", Key=KEY)

    assert failure_of(caught.value) is Failure.NOT_SENT


def test_a_connection_that_the_server_left_is_not_asked_again() -> None:
    """Its one answer says that it stays open, and then it is closed: a write on it would be one without an answer."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        wire = new_wire(f"http://127.0.0.1:{listening.getsockname()[1]}")
        answers = [threading.Thread(target=_answer_once, args=(listening,)) for _ in range(2)]
        for answering in answers:
            answering.start()
            assert wire.get_item(TableName="ledger", Key=KEY)["Item"] == {}
            answering.join()
        wire.close()


def _answer_once(listening: socket.socket) -> None:
    connection, _ = listening.accept()
    with connection:
        assert connection.recv(65_536)
        connection.sendall(b'HTTP/1.1 200 OK\r\ncontent-length: 12\r\n\r\n{"Item": {}}')


def test_without_a_region_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)

    with pytest.raises(NoRegionError):
        new_wire()


@pytest.mark.parametrize("region", ["us-east-1", "us-gov-west-1", "eu-central-1", "ap-southeast-4", "il-central-1"])
def test_it_is_enough_where_the_address_is_plain(region: str) -> None:
    assert is_enough({"AWS_REGION": region})


@pytest.mark.parametrize(
    "environment",
    [
        {"AWS_REGION": "cn-north-1"},
        {"AWS_REGION": "us-iso-east-1"},
        {"AWS_REGION": "us-east-1", "AWS_USE_FIPS_ENDPOINT": "true"},
        {"AWS_REGION": "us-east-1", "HTTPS_PROXY": "http://proxy:3128"},
        {},
    ],
)
def test_where_it_is_not_boto3_s_client_stands_in(environment: dict[str, str]) -> None:
    assert not is_enough(environment)


def test_the_client_stands_in_behind_a_proxy() -> None:
    with patch.dict(os.environ, {"HTTPS_PROXY": "http://127.0.0.1:9"}):
        assert not isinstance(new_dynamodb(), DynamoDbWire)
