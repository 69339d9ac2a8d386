"""One POST of JSON to a sink of spans, within its time. Nothing is tried again here: the stream brings what is left again."""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import httpx
from botocore.exceptions import BotoCoreError, ClientError

ANSWER_TIME_MAX = timedelta(seconds=10)
CONNECT_SECONDS_MAX = 2.0
ANSWER_BYTES_MAX = 65_536


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    status: int
    body: bytes

    def facts(self) -> dict[str, Any]:
        """The body as a JSON object; empty where it is none."""
        try:
            value = json.loads(self.body)
        except (ValueError, RecursionError):
            return {}
        return value if isinstance(value, dict) else {}


class SinkHttp:
    """No redirects and no proxies of the environment: a key goes to the address that was configured, and nowhere else."""

    def __init__(self, *, clock: Callable[[], datetime]) -> None:
        self._client = httpx.Client(trust_env=False, follow_redirects=False)
        self._clock = clock

    def post(
        self, url: str, body: Mapping[str, Any], headers: Callable[[], Mapping[str, str]], *, until: datetime
    ) -> Answer | None:
        """None where no answer came, or the secret in the headers cannot be read."""
        ends_at = min(until, self._clock() + ANSWER_TIME_MAX)
        seconds = (ends_at - self._clock()).total_seconds()
        if seconds <= 0:
            return None
        timeout = httpx.Timeout(seconds, connect=min(seconds, CONNECT_SECONDS_MAX))
        content = json.dumps(body, separators=(",", ":")).encode()
        try:
            sent = {"Content-Type": "application/json", **headers()}
            with self._client.stream("POST", url, content=content, headers=sent, timeout=timeout) as response:
                return Answer(status=response.status_code, body=self._head(response.iter_bytes(), ends_at))
        except (httpx.HTTPError, httpx.InvalidURL, BotoCoreError, ClientError, UnicodeEncodeError):
            return None

    def close(self) -> None:
        self._client.close()

    def _head(self, chunks: Iterable[bytes], ends_at: datetime) -> bytes:
        """As much of an answer as anybody reads: httpx bounds the wait for each chunk, not for all of them."""
        head = b""
        for chunk in chunks:
            head += chunk
            if len(head) > ANSWER_BYTES_MAX or self._clock() > ends_at:
                break
        return head
