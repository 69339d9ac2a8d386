"""DynamoDB by ministack, a server of its own: its conditional writes are atomic, and its stream carries every version of an item."""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import boto3

from infra.local import services
from infra.local.configuration import Configuration
from infra.local.daemons import start, stop, wait_until_ready
from tests.fakes.ledger_world import TABLE, make_table
from tollgate.adapters.dynamodb_client import CONFIG

HOST = "127.0.0.1"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


@contextmanager
def local_configuration(state: Path) -> Iterator[Configuration]:
    """Free ports, a state that goes with the test, and an environment that cannot reach the real AWS."""
    ports = {name: str(free_port()) for name in ("MINISTACK_PORT", "OPENAI_PORT")}
    services.scratch(state).mkdir(parents=True)
    (state / "run").mkdir()
    with patch.dict(os.environ, services.AWS_ENVIRONMENT):
        yield Configuration(state=state, builds=state, environment=ports)


@contextmanager
def running(daemon: Any, state: Path) -> Iterator[None]:
    try:
        start(daemon, state)
        wait_until_ready(daemon, state)
        yield
    finally:
        stop(state, daemon.name, stop_signal=daemon.stop_signal, grace_s=daemon.grace_s)


@contextmanager
def local_dynamodb(state: Path) -> Iterator[int]:
    """The port of a ministack with an empty ledger's table, its stream on."""
    with local_configuration(state) as configuration, running(services.ministack(configuration), state):
        client = dynamodb_at(configuration.aws_endpoint_url)
        make_table(client)
        client.update_table(TableName=TABLE, StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"})
        client.close()
        yield configuration.ministack_port


def dynamodb_at(url: str, *, read_timeout_s: float = CONFIG.read_timeout) -> Any:
    """A client as the functions have it; a shorter time limit makes waiting for late writes shorter."""
    return boto3.client("dynamodb", endpoint_url=url, config=CONFIG.merge(type(CONFIG)(read_timeout=read_timeout_s)))


def stream_records(url: str, table: str = TABLE) -> Iterator[dict[str, Any]]:
    """Every version of every item, in order, as Lambda would hand them over."""
    client = boto3.client("dynamodbstreams", endpoint_url=url)
    try:
        [stream] = client.list_streams(TableName=table)["Streams"]
        shards = client.describe_stream(StreamArn=stream["StreamArn"])["StreamDescription"]["Shards"]
        for shard in shards:
            iterator = client.get_shard_iterator(
                StreamArn=stream["StreamArn"], ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
            )["ShardIterator"]
            while iterator:
                answer = client.get_records(ShardIterator=iterator)
                yield from answer["Records"]
                iterator = answer.get("NextShardIterator") if answer["Records"] else None
    finally:
        client.close()
