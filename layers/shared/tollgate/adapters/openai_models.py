"""Which models OpenAI serves, and until when: `GET /v1/models`."""

import time
from collections.abc import Callable, Mapping
from datetime import date
from http import HTTPStatus
from typing import Any

import httpx

from tollgate.domain.errors import ModelSourceFailed

TRIES = 3
TIMEOUT = httpx.Timeout(10.0, connect=5.0)
PAUSE_SECONDS = 1.0


class OpenAiModels:
    """No proxies and no redirects: the key goes to the address that was set, and nowhere else."""

    def __init__(
        self,
        base_url: str,
        api_key: Callable[[], str],
        *,
        sleep: Callable[[float], None] = time.sleep,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._url = f"{base_url.rstrip('/')}/models"
        self._api_key = api_key
        self._sleep = sleep
        self._transport = transport

    def ends(self) -> Mapping[str, date | None]:
        with httpx.Client(
            timeout=TIMEOUT, trust_env=False, follow_redirects=False, transport=self._transport
        ) as client:
            for tries_left in reversed(range(TRIES)):
                fault = "no answer"
                try:
                    answer = client.get(self._url, headers={"Authorization": f"Bearer {self._api_key()}"})
                except httpx.HTTPError as error:
                    fault = type(error).__name__
                else:
                    if answer.status_code == HTTPStatus.OK:
                        return _ends(answer)
                    fault = f"status {answer.status_code}"
                    if not _may_pass(answer.status_code):
                        break
                if tries_left:
                    self._sleep(PAUSE_SECONDS * (TRIES - tries_left))
        raise ModelSourceFailed(f"OpenAI does not say which models it serves ({fault}).")


def _may_pass(status: int) -> bool:
    return status == HTTPStatus.TOO_MANY_REQUESTS or status >= HTTPStatus.INTERNAL_SERVER_ERROR


def _ends(answer: httpx.Response) -> dict[str, date | None]:
    """Only of models whose entry has the field: another server that speaks this API may not know it."""
    try:
        entries: list[dict[str, Any]] = answer.json()["data"]
        return {str(entry["id"]): _day(entry["shutdown_date"]) for entry in entries if "shutdown_date" in entry}
    except (ValueError, KeyError, TypeError) as error:
        raise ModelSourceFailed("OpenAI's list of models could not be read.") from error


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text is not None else None
