"""The migration of the database behind another function, which is inside the private network."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from tollgate.domain.errors import SpansUnavailable

# As long as the function may run. Not tried again: a second one would only wait for the first.
CONFIG = Config(connect_timeout=2, read_timeout=310, retries={"mode": "standard", "total_max_attempts": 1})

Migrating = Callable[[], Mapping[str, Any]]


def invoked_migration(function_name: str, client: Any = None) -> Migrating:
    """Raises SpansUnavailable."""
    lambdas = client or boto3.client("lambda", config=CONFIG)

    def migrate() -> Mapping[str, Any]:
        try:
            answer = lambdas.invoke(FunctionName=function_name, Payload=b"{}")
            body = json.loads(answer["Payload"].read())
        except (ClientError, BotoCoreError, ValueError) as error:
            raise SpansUnavailable(f"The function that migrates the database gives no answer: {error}") from error
        if answer.get("FunctionError"):
            raise SpansUnavailable(f"The function that migrates the database failed: {body.get('errorMessage')}"[:500])
        return dict(body)

    return migrate
