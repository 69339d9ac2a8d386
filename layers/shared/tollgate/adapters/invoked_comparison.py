"""The comparison of books behind another function: a synchronous invoke, which takes as long as that may run."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from tollgate.domain.errors import SpansUnavailable

# Not tried again: one that was carried out unheard did its work, and the next hour's run does what is left.
CONFIG = Config(connect_timeout=2, read_timeout=640, retries={"mode": "standard", "total_max_attempts": 1})

Comparing = Callable[[Mapping[str, Any]], Mapping[str, Any]]


def invoked_comparison(function_name: str) -> Comparing:
    """Raises SpansUnavailable."""
    client = boto3.client("lambda", config=CONFIG)

    def compare(event: Mapping[str, Any]) -> Mapping[str, Any]:
        asked = {name: event[name] for name in ("settledMinutes", "lostMinutes") if name in event}
        try:
            answer = client.invoke(FunctionName=function_name, Payload=json.dumps(asked).encode())
            body = json.loads(answer["Payload"].read())
        except (ClientError, BotoCoreError, ValueError) as error:
            raise SpansUnavailable(f"The function that compares books gives no answer: {error}") from error
        if answer.get("FunctionError"):
            raise SpansUnavailable(f"The function that compares books failed: {body.get('errorMessage')}"[:500])
        return dict(body)

    return compare
