"""A DynamoDB of the race's own: ministack, whose conditional writes are atomic, with tables and their streams."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import boto3

from infra.local import daemons, services
from infra.local.configuration import Configuration
from tests.fakes.ledger_world import make_table
from tests.system.own_stack import free_ports
from tollgate.adapters.dynamodb_client import CONFIG, new_client


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnDynamoDb:
    endpoint_url: str
    client: Any
    streams: Any

    def make_table(self, name: str) -> None:
        """As in template.yaml, with the stream that is the outbox."""
        make_table(self.client, name)
        stream = {"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"}
        self.client.update_table(TableName=name, StreamSpecification=stream)

    def images(self, name: str) -> Iterator[dict[str, Any]]:
        """Every version of every item of a table, in the order of the writes. Nobody may write meanwhile: an open shard never ends."""
        stream = self.client.describe_table(TableName=name)["Table"]["LatestStreamArn"]
        for shard in self.streams.describe_stream(StreamArn=stream)["StreamDescription"]["Shards"]:
            iterator = self.streams.get_shard_iterator(
                StreamArn=stream, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
            )["ShardIterator"]
            while iterator:
                answer = self.streams.get_records(ShardIterator=iterator)
                yield from (record["dynamodb"]["NewImage"] for record in answer["Records"])
                iterator = answer["Records"] and answer["NextShardIterator"]


@contextmanager
def own_dynamodb() -> Iterator[OwnDynamoDb]:
    with tempfile.TemporaryDirectory(prefix="tollgate-race-", ignore_cleanup_errors=True) as folder:
        state = Path(folder)
        services.scratch(state).mkdir(parents=True)
        (state / "run").mkdir()
        configuration = Configuration(state=state, builds=state, environment={"MINISTACK_PORT": str(free_ports(1)[0])})
        daemon = services.ministack(configuration)
        daemons.start(daemon, state)
        try:
            daemons.wait_until_ready(daemon, state)
            yield _connected(configuration.aws_endpoint_url)
        finally:
            daemons.stop(state, daemon.name, stop_signal=daemon.stop_signal, grace_s=daemon.grace_s)


def _connected(endpoint_url: str) -> OwnDynamoDb:
    with patch.dict(os.environ, {**services.AWS_ENVIRONMENT, "AWS_ENDPOINT_URL": endpoint_url}):
        streams = boto3.client("dynamodbstreams", config=CONFIG)
        return OwnDynamoDb(endpoint_url=endpoint_url, client=new_client(), streams=streams)
