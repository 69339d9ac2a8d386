"""Secrets by ARN, kept for five minutes: a rotated one is found soon, and not every call asks for it."""

import random
import time
import uuid
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from tollgate.adapters.aws_json import AwsJson, is_enough
from tollgate.adapters.dynamodb_failures import Failure, failure_of

KEPT_SECONDS = 300.0
CONNECT_TIMEOUT_S, READ_TIMEOUT_S = 2, 5
TRIES = 3
# To read a secret again costs nothing, and a write says by its token that it is the same one.
AGAIN = (Failure.NOT_SENT, Failure.UNANSWERED, Failure.THROTTLED)


def read_secret(arn: str) -> str:
    """Raises botocore's errors."""
    return _secrets().read(arn)


def read_secret_anew(arn: str) -> str:
    """Whatever is kept. Raises botocore's errors."""
    return _secrets().read_anew(arn)


class Secrets:
    def __init__(self, client: Any, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._client = client
        self._clock = clock
        self._kept: dict[str, tuple[str, float]] = {}

    def read(self, arn: str) -> str:
        kept = self._kept.get(arn)
        if kept and self._clock() < kept[1]:
            return kept[0]
        return self.read_anew(arn)

    def read_anew(self, arn: str) -> str:
        text = str(self._client.get_secret_value(SecretId=arn)["SecretString"])
        self._kept[arn] = text, self._clock() + KEPT_SECONDS
        return text


class Vault:
    """Secrets Manager by its JSON alone, under the names of the operations that Tollgate calls."""

    def __init__(self, service: AwsJson, *, sleep: Callable[[float], None] = time.sleep, tries: int = TRIES) -> None:
        self._service = service
        self._sleep = sleep
        self._tries = tries

    def get_secret_value(self, **request: str) -> dict[str, Any]:
        return self._ask("GetSecretValue", request)

    def create_secret(self, **request: str) -> dict[str, Any]:
        return self._ask("CreateSecret", _once(request))

    def put_secret_value(self, **request: str) -> dict[str, Any]:
        return self._ask("PutSecretValue", _once(request))

    def delete_secret(self, **request: Any) -> dict[str, Any]:
        return self._ask("DeleteSecret", request)

    def _ask(self, operation: str, request: Mapping[str, Any]) -> dict[str, Any]:
        for number_of_try in range(1, self._tries):
            try:
                return self._service.ask(operation, request)
            except (ClientError, BotoCoreError) as error:
                if failure_of(error) not in AGAIN:
                    raise
            self._sleep(random.uniform(0.05, 0.2) * 2**number_of_try)  # noqa: S311
        return self._service.ask(operation, request)


def _once(request: Mapping[str, str]) -> dict[str, str]:
    """With a token of its own a write that is sent again is the same write; boto3's client adds one too."""
    return {"ClientRequestToken": str(uuid.uuid4()), **request}


@cache
def _secrets() -> Secrets:
    return Secrets(new_vault())


def new_vault(*, read_timeout_s: float = READ_TIMEOUT_S, tries: int = TRIES) -> Any:
    if is_enough():
        service = AwsJson(
            "secretsmanager",
            target="secretsmanager",
            version="1.1",
            connect_timeout_s=CONNECT_TIMEOUT_S,
            read_timeout_s=read_timeout_s,
        )
        return Vault(service, tries=tries)
    import boto3
    from botocore.config import Config

    retries = {"mode": "standard", "total_max_attempts": tries}
    config = Config(connect_timeout=CONNECT_TIMEOUT_S, read_timeout=read_timeout_s, retries=retries)  # type: ignore[arg-type]
    return boto3.client("secretsmanager", config=config)
