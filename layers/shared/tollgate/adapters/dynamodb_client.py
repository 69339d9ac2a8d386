"""boto3's low-level DynamoDB client, for tools, and for functions whose environment wants more than `dynamodb_wire` knows."""

from typing import Any

import boto3
from botocore.config import Config

from tollgate.adapters.dynamodb_failures import CONNECT_TIMEOUT_S, READ_TIMEOUT_S

# One attempt each: whether a try had an answer decides what a gate must do next, so the tries are ours to count (LEDGER.md, "Holding").
CONFIG = Config(
    connect_timeout=CONNECT_TIMEOUT_S,
    read_timeout=READ_TIMEOUT_S,
    retries={"mode": "standard", "total_max_attempts": 1},
    tcp_keepalive=True,
)


def new_client() -> Any:
    return boto3.client("dynamodb", config=CONFIG)
