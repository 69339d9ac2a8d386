"""A JobStore behind another function: the messages of `usecases/store_jobs.py`, each a synchronous invoke."""

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from tollgate.domain.errors import JobStoreFailed
from tollgate.domain.job import Cursor, Feed, FeedPage
from tollgate.domain.job_text import cursor_of, page_record

# Inside the time that the sync keeps back for storing. A try that was carried out unheard is answered like the first.
CONFIG = Config(connect_timeout=2, read_timeout=12, retries={"mode": "standard", "total_max_attempts": 2})

Invoke = Callable[[bytes], bytes]


class InvokedJobStore:
    """`invoke` carries one JSON message there and its JSON answer back, or raises JobStoreFailed."""

    def __init__(self, invoke: Invoke) -> None:
        self._invoke = invoke

    def read_cursors(self, connection_id: str) -> Mapping[Feed, Cursor]:
        cursors = self._send("read_cursors", connection_id)["cursors"]
        return {Feed(feed): cursor_of(cursor) for feed, cursor in cursors.items()}

    def store_page(self, connection_id: str, page: FeedPage, *, previous: str | None, at: datetime) -> bool:
        facts = {"page": page_record(page), "previous": previous, "at": at.isoformat()}
        return bool(self._send("store_page", connection_id, **facts)["stored"])

    def note_failure(self, connection_id: str, feed: Feed, *, message: str, at: datetime) -> None:
        self._send("note_failure", connection_id, feed=feed.value, message=message, at=at.isoformat())

    def _send(self, operation: str, connection_id: str, **facts: Any) -> dict[str, Any]:
        message = {"op": operation, "connection_id": connection_id, **facts}
        answer: dict[str, Any] = json.loads(self._invoke(json.dumps(message, separators=(",", ":")).encode()))
        return answer


def lambda_invoke(function_name: str) -> Invoke:
    """Lambda takes 6 MB in a synchronous call: more than ten thousand rows, which no feed is known to give at once."""
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
