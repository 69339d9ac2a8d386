"""DynamoDB by moto, in this process: its conditions are right, its concurrency is not."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import boto3
from moto import mock_aws

from tests.fakes.ledger_world import make_table
from tollgate.adapters.dynamodb_client import CONFIG

NOBODY = {
    "AWS_ACCESS_KEY_ID": "nobody",
    "AWS_SECRET_ACCESS_KEY": "nothing",
    "AWS_SESSION_TOKEN": "none",
    "AWS_DEFAULT_REGION": "us-east-1",
}


@contextmanager
def dynamodb_client() -> Iterator[Any]:
    """A client of an empty table."""
    with patch.dict(os.environ, NOBODY), mock_aws():
        client = boto3.client("dynamodb", config=CONFIG)
        make_table(client)
        yield client
