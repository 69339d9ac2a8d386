"""OpenAI's organization Costs and Usage, with an admin key: https://platform.openai.com/docs/api-reference/usage"""

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from http import HTTPStatus
from typing import Any

import httpx
from botocore.exceptions import BotoCoreError, ClientError

from tollgate.domain.errors import BillSourceFailed
from tollgate.domain.provider_bill import ProviderCost, ProviderUsage, Width, day_start, from_dollars
from tollgate.domain.usage import Usage

TRIES = 4
PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 20.0
REQUEST_SECONDS = 20.0
CONNECT_SECONDS = 5.0
BYTES_MAX = 32 * 1024 * 1024
# Of one question: what goes on for longer is not what was asked for.
PAGES_MAX = 50
BUCKETS = {Width.MINUTE: 1_440, Width.DAY: 31}
# What it is grouped by. Embeddings have no tier.
USAGE = {"completions": ("project_id", "model", "service_tier"), "embeddings": ("project_id", "model")}
COSTS = ("project_id", "line_item")
STANDARD = "default"

Parameters = Sequence[tuple[str, str]]


class OpenAiBill:
    """A Bill. No proxies and no redirects: the key goes to the address that was set, and nowhere else."""

    def __init__(
        self,
        base_url: str,
        admin_key: Callable[[], str],
        *,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._base_url = base_url.rstrip("/")
        self._admin_key = admin_key
        self._sleep = sleep
        self._clock = clock
        self._transport = transport

    def costs(self, day: date, *, time_left: timedelta) -> Sequence[ProviderCost]:
        start = day_start(day)
        asked = [("bucket_width", Width.DAY.value), ("limit", "1"), *_span(start, start + timedelta(days=1))]
        buckets = self._buckets("costs", asked + _grouped(COSTS), time_left)
        sums: dict[tuple[str, str], Decimal] = {}
        for _, result in buckets:
            key = (result.get("project_id") or "", result.get("line_item") or "")
            sums[key] = sums.get(key, Decimal(0)) + _dollars(result)
        try:
            return [
                ProviderCost(day=day, project=project, line_item=item, cost=from_dollars(dollars))
                for (project, item), dollars in sums.items()
            ]
        except ValueError as error:
            raise _unreadable("costs") from error

    def usage(
        self, start: datetime, end: datetime, width: Width, *, projects: Sequence[str] = (), time_left: timedelta
    ) -> Sequence[ProviderUsage]:
        ends = self._clock() + time_left.total_seconds()
        asked = [("bucket_width", width.value), ("limit", str(BUCKETS[width])), *_span(start, end)]
        asked += [("project_ids[]", project) for project in projects]
        found = []
        for endpoint, groups in USAGE.items():
            rest = timedelta(seconds=ends - self._clock())
            for at, row in self._buckets(f"usage/{endpoint}", asked + _grouped(groups), rest):
                found.append(_usage(row, at, width, endpoint))
        return found

    def _buckets(
        self, path: str, asked: Parameters, time_left: timedelta
    ) -> Iterator[tuple[datetime, Mapping[str, Any]]]:
        """Each result with its bucket's start, over all pages. Raises BillSourceFailed."""
        ends, page = self._clock() + time_left.total_seconds(), None
        for _ in range(PAGES_MAX):
            content = self._get(path, [*asked, *([("page", page)] if page else [])], ends)
            try:
                for bucket in content["data"]:
                    at = datetime.fromtimestamp(int(bucket["start_time"]), UTC)
                    yield from ((at, result) for result in bucket["results"])
                following = content["next_page"] if content["has_more"] else None
            except (KeyError, TypeError, ValueError) as error:
                raise _unreadable(path) from error
            if following is None:
                return
            if following == page:
                break
            page = following
        raise BillSourceFailed(f"OpenAI's {path} says more and more, but does not come to an end.")

    def _get(self, path: str, parameters: Parameters, ends: float) -> Mapping[str, Any]:
        fault, pause = "no time was left to ask", 0.0
        for attempt in range(TRIES):
            if attempt:
                pause = pause or PAUSE_SECONDS * 2 ** (attempt - 1)
                self._sleep(min(pause, LONGEST_PAUSE_SECONDS, max(0.0, ends - self._clock())))
            seconds = min(REQUEST_SECONDS, ends - self._clock())
            if seconds <= 0:
                break
            try:
                answer, content = self._ask(path, parameters, seconds)
            except (httpx.HTTPError, TimeoutError) as error:
                fault, pause = type(error).__name__, 0.0
                continue
            if answer.status_code == HTTPStatus.OK:
                try:
                    return dict(json.loads(content, parse_float=Decimal))
                except (ValueError, TypeError):
                    # Cut off, or a proxy's page: as good as none.
                    fault, pause = "an answer that could not be read", 0.0
                    continue
            fault, pause = f"status {answer.status_code}", _wait_of(answer)
            if not _may_pass(answer.status_code):
                break
        raise BillSourceFailed(f"OpenAI does not say what it billed ({path}: {fault}).")

    def _ask(self, path: str, parameters: Parameters, seconds: float) -> tuple[httpx.Response, bytes]:
        """The time limit is for all of it: httpx's own is for each read."""
        try:
            headers = {"Authorization": f"Bearer {self._admin_key().strip()}"}
        except (BotoCoreError, ClientError) as error:
            raise BillSourceFailed(f"The admin key could not be read ({type(error).__name__}).") from error
        ends = self._clock() + seconds
        timeout = httpx.Timeout(seconds, connect=min(CONNECT_SECONDS, seconds))
        with (
            httpx.Client(timeout=timeout, trust_env=False, follow_redirects=False, transport=self._transport) as client,
            client.stream(
                "GET", f"{self._base_url}/organization/{path}", params=list(parameters), headers=headers
            ) as answer,
        ):
            content = bytearray()
            for piece in answer.iter_bytes():
                content += piece
                if self._clock() > ends or len(content) > BYTES_MAX:
                    raise TimeoutError
            return answer, bytes(content)


def _span(start: datetime, end: datetime) -> list[tuple[str, str]]:
    return [("start_time", str(int(start.timestamp()))), ("end_time", str(int(end.timestamp())))]


def _grouped(names: Sequence[str]) -> list[tuple[str, str]]:
    return [("group_by[]", name) for name in names]


def _may_pass(status: int) -> bool:
    return status == HTTPStatus.TOO_MANY_REQUESTS or status >= HTTPStatus.INTERNAL_SERVER_ERROR


def _wait_of(answer: httpx.Response) -> float:
    """Seconds that the answer asks us to wait; 0 where it says nothing."""
    try:
        return max(0.0, float(answer.headers.get("retry-after", 0)))
    except ValueError:
        return 0.0


def _dollars(row: Mapping[str, Any]) -> Decimal:
    """A number as documented; a text of one has been seen. Another currency is none that we keep books in."""
    try:
        amount = row["amount"]
        dollars, currency = Decimal(amount["value"] or 0), str(amount.get("currency") or "usd")
    except (KeyError, TypeError, ValueError, AttributeError, InvalidOperation) as error:
        raise _unreadable("costs") from error
    if currency.lower() != "usd":
        raise BillSourceFailed(f"OpenAI's costs are in {currency[:10]}, and the books are in US dollars.")
    return dollars


def _usage(row: Mapping[str, Any], at: datetime, width: Width, endpoint: str) -> ProviderUsage:
    try:
        read, cached = int(row["input_tokens"]), int(row.get("input_cached_tokens") or 0)
        written = int(row.get("input_cache_write_tokens") or 0)
        return ProviderUsage(
            start=at,
            width=width,
            endpoint=endpoint,
            project=row.get("project_id") or "",
            model=row.get("model") or "",
            tier=row.get("service_tier") or STANDARD,
            requests=int(row["num_model_requests"]),
            usage=Usage(
                uncached=read - cached - written,
                cached=cached,
                written=written,
                output=int(row.get("output_tokens") or 0),
            ),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise _unreadable("usage") from error


def _unreadable(what: str) -> BillSourceFailed:
    return BillSourceFailed(f"OpenAI's {what} could not be read.")
