"""Secrets by ARN, kept for five minutes: a rotated one is found soon, and not every call asks for it."""

import time
from collections.abc import Callable
from functools import cache
from typing import Any

import boto3
from botocore.config import Config

KEPT_SECONDS = 300.0
CONFIG = Config(connect_timeout=2, read_timeout=5, retries={"mode": "standard", "total_max_attempts": 3})


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


@cache
def _secrets() -> Secrets:
    return Secrets(boto3.client("secretsmanager", config=CONFIG))
