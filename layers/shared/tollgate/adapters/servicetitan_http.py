"""One call of ServiceTitan, within its time, and what its answer means for the next try."""

import json
import re
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from threading import Lock
from typing import Any, NoReturn

import httpx

from tollgate.domain.errors import JobSourceFailed
from tollgate.domain.job import SourceFault

ANSWER_SECONDS_MAX = 30.0
CONNECT_SECONDS_MAX = 5.0
# Sequential calls this far apart stay at two thirds of the tenant's 60 a second, and leave a sixth of them to a check beside.
PACE_SECONDS = 0.025
CHECK_PACE_SECONDS = 0.1
# Many times the largest page: what is longer is no answer of theirs, and would fill a function's memory.
ANSWER_BYTES_MAX = 64 * 1024 * 1024
# A 429 says when to come back as seconds, as a date, in its title only, or not at all.
TRY_AGAIN_IN = re.compile(r"try again in (\d+) second", re.IGNORECASE)


class TryAgain(Exception):
    """A call that may well succeed later; `wait_s` is what the answer asked for, if it did."""

    def __init__(self, message: str, *, is_throttled: bool = False, wait_s: float | None = None) -> None:
        super().__init__(message)
        self.is_throttled = is_throttled
        self.wait_s = wait_s


class TokenRefused(Exception):
    """401: the token is past its time or withdrawn, or something else about us is not accepted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """`hidden`: what we sent and nobody may read, even where the answer repeats it."""

    status: int
    headers: httpx.Headers = field(repr=False)
    body: bytes = field(repr=False)
    hidden: tuple[str, ...] = field(default=(), repr=False)

    def facts(self) -> dict[str, Any]:
        """The body as a JSON object, its fractions as Decimal; empty where it is none."""
        try:
            value = json.loads(self.body, parse_float=Decimal)
        except (ValueError, RecursionError):
            return {}
        return value if isinstance(value, dict) else {}

    def is_our_fault(self) -> bool:
        return (
            HTTPStatus.BAD_REQUEST <= self.status < HTTPStatus.INTERNAL_SERVER_ERROR
            and self.status != HTTPStatus.TOO_MANY_REQUESTS
        )

    def problem(self) -> str:
        """Status, title and trace id of a refusal: what their support asks for, and nothing of the data."""
        facts = self.facts()
        title = self._shown(facts.get("title") or facts.get("error"))[:200].rstrip(".")
        trace = self._shown(facts.get("traceId"))[:100]
        said = f": {title}" if title else ""
        return f"ServiceTitan answered {self.status}{said}" + (f" (trace {trace})" if trace else "")

    def _shown(self, value: object) -> str:
        text = str(value or "")
        for secret in self.hidden:
            text = text.replace(secret, "[hidden]")
        return text


class ServiceTitanHttp:
    """No proxies and no redirects: the secrets go to the addresses that were checked, and nowhere else."""

    def __init__(
        self,
        *,
        clock: Callable[[], float],
        sleep: Callable[[float], None],
        pace_s: float = PACE_SECONDS,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        """`pace_s`: between the beginnings of two calls."""
        self._client = httpx.Client(trust_env=False, follow_redirects=False, transport=transport)
        self._clock = clock
        self._sleep = sleep
        self._pace_s = pace_s
        self._called_at: float | None = None
        self._turn = Lock()

    def close(self) -> None:
        self._client.close()

    def send(self, request: httpx.Request, *, until: float, hidden: tuple[str, ...] = ()) -> Answer:
        """Raises TryAgain, or JobSourceFailed when the time is over."""
        self._keep_pace()
        seconds = min(ANSWER_SECONDS_MAX, until - self._clock())
        if seconds <= 0:
            raise JobSourceFailed("No time is left to ask ServiceTitan.", fault=SourceFault.OUT_OF_TIME)
        ends_at = self._clock() + seconds
        request.extensions["timeout"] = httpx.Timeout(seconds, connect=min(seconds, CONNECT_SECONDS_MAX)).as_dict()
        try:
            response = self._client.send(request, stream=True)
            try:
                body = b"".join(self._before(ends_at, response.iter_bytes()))
            finally:
                response.close()
        except httpx.HTTPError as error:
            raise TryAgain(f"ServiceTitan cannot be reached ({type(error).__name__})") from error
        return Answer(status=response.status_code, headers=response.headers, body=body, hidden=hidden)

    def _before(self, ends_at: float, chunks: Iterable[bytes]) -> Iterator[bytes]:
        """httpx bounds the wait for each chunk, not for all of them. The last one can come late by as much again."""
        length = 0
        for chunk in chunks:
            length += len(chunk)
            if self._clock() > ends_at:
                raise TryAgain("ServiceTitan answers too slowly")
            if length > ANSWER_BYTES_MAX:
                raise TryAgain("ServiceTitan's answer has no end")
            yield chunk

    def _keep_pace(self) -> None:
        with self._turn:
            if self._called_at is not None:
                self._sleep(max(0.0, self._called_at + self._pace_s - self._clock()))
            self._called_at = self._clock()


def refuse(answer: Answer) -> NoReturn:
    """What an answer other than 200 means."""
    match answer.status:
        case HTTPStatus.UNAUTHORIZED:
            raise TokenRefused(answer.problem())
        case HTTPStatus.FORBIDDEN:
            message = f"{answer.problem()}: this feed is not granted to the application"
            raise JobSourceFailed(message, fault=SourceFault.FORBIDDEN)
        case HTTPStatus.BAD_REQUEST:
            raise JobSourceFailed(answer.problem(), fault=SourceFault.INVALID)
        case HTTPStatus.TOO_MANY_REQUESTS:
            raise TryAgain(answer.problem(), is_throttled=True, wait_s=_asked_wait(answer))
        case status if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise TryAgain(answer.problem())
        case _:
            raise JobSourceFailed(answer.problem(), fault=SourceFault.UNAVAILABLE)


def _asked_wait(answer: Answer) -> float | None:
    given = answer.headers.get("retry-after", "").strip()
    if given.isascii() and given.isdigit():
        return float(given)
    if (at := _moment(given)) is not None:
        # By their clock, where they tell it: ours may differ by more than the wait.
        now = _moment(answer.headers.get("date", "")) or time.time()
        return max(0.0, at - now)
    named = TRY_AGAIN_IN.search(str(answer.facts().get("title", "")))
    return float(named[1]) if named else None


def _moment(text: str) -> float | None:
    try:
        at: datetime = parsedate_to_datetime(text)
        return at.timestamp()
    except (ValueError, OverflowError):
        return None
