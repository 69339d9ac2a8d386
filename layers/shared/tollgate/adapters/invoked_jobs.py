"""A JobStore behind another function: the messages of `usecases/store_jobs.py`, each a synchronous invoke."""

import base64
import json
import zlib
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from tollgate.domain.connection import Connection
from tollgate.domain.connection_text import connection_record
from tollgate.domain.errors import JobStoreFailed
from tollgate.domain.job import Cursor, FeedPage, FeedPass, SourceFault
from tollgate.domain.job_text import cursor_of, page_record

# Inside the time that the sync keeps back for storing. A try that was carried out unheard is answered like the first.
CONFIG = Config(connect_timeout=2, read_timeout=12, retries={"mode": "standard", "total_max_attempts": 2})

Invoke = Callable[[bytes], bytes]


class InvokedJobStore:
    """`invoke` carries one JSON message there and its JSON answer back, or raises JobStoreFailed."""

    def __init__(self, invoke: Invoke) -> None:
        self._invoke = invoke

    def begin(self, connection: Connection, *, at: datetime) -> Mapping[FeedPass, Cursor]:
        cursors = self._send("begin", at, connection=connection_record(connection))["cursors"]
        return {FeedPass.named(name): cursor_of(cursor) for name, cursor in cursors.items()}

    def store_page(
        self, connection_id: str, feed_pass: FeedPass, page: FeedPage, *, previous: str | None, at: datetime
    ) -> int | None:
        facts = {"feed_pass": feed_pass.name, "page": page_record(page), "previous": previous}
        changed: int | None = self._send("store_page", at, connection_id=connection_id, **facts)["changed"]
        return changed

    def note_failure(
        self, connection_id: str, feed_pass: FeedPass, *, fault: SourceFault, message: str, at: datetime
    ) -> None:
        facts = {"feed_pass": feed_pass.name, "fault": fault.value, "message": message}
        self._send("note_failure", at, connection_id=connection_id, **facts)

    def _send(self, operation: str, at: datetime, **facts: Any) -> dict[str, Any]:
        message = {"op": operation, "at": at.isoformat(), **facts}
        answer: dict[str, Any] = json.loads(self._invoke(packed(message)))
        return answer


def packed(message: Mapping[str, Any]) -> bytes:
    """Lambda takes 6 MB in a synchronous call, and nobody says how large an export page can be: packed, rows are a tenth of their text."""
    text = json.dumps(message, separators=(",", ":")).encode()
    return json.dumps({"packed": base64.b64encode(zlib.compress(text, level=1)).decode()}).encode()


def unpacked(event: Mapping[str, Any]) -> dict[str, Any]:
    """The inverse of `packed`. Raises ValueError for anything else."""
    try:
        message = json.loads(zlib.decompress(base64.b64decode(event["packed"], validate=True)))
    except (KeyError, TypeError, zlib.error) as error:
        raise ValueError(f"not a packed message: {error!r}") from error
    if not isinstance(message, dict):
        raise ValueError("not a packed message: no object is in it")  # noqa: TRY004 - what came is wrong, not a type of ours
    return message


def lambda_invoke(function_name: str) -> Invoke:
    client = boto3.client("lambda", config=CONFIG)

    def invoke(message: bytes) -> bytes:
        try:
            answer = client.invoke(FunctionName=function_name, InvocationType="RequestResponse", Payload=message)
            body = answer["Payload"].read()
        except (ClientError, BotoCoreError) as error:
            raise JobStoreFailed(f"The function that stores jobs gives no answer: {error}") from error
        if answer.get("FunctionError"):
            raise JobStoreFailed(f"The function that stores jobs failed: {_error_in(body)}")
        return bytes(body)

    return invoke


def _error_in(body: bytes) -> str:
    try:
        facts = json.loads(body)
        return f"{facts.get('errorType')}: {facts.get('errorMessage')}"[:500]
    except (ValueError, AttributeError):
        return "without a word"
