"""What a client needs to know of AWS here: a server on this machine, and keys of the length that a function's are."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch

# A function signs with temporary keys, whose token makes the longest header of a request.
ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "ASIALOCALLOCALLOCAL1",
    "AWS_SECRET_ACCESS_KEY": "local" * 8,
    "AWS_SESSION_TOKEN": "local" * 160,
    "AWS_REGION": "us-east-1",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_CONFIG_FILE": "/dev/null",
    "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
    "AWS_EC2_METADATA_DISABLED": "true",
}


@contextmanager
def aws_at(url: str) -> Iterator[None]:
    with patch.dict(os.environ, ENVIRONMENT | {"AWS_ENDPOINT_URL": url}):
        yield
