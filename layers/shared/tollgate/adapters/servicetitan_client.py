"""Reads of ServiceTitan's API: the token, and the tries. What the rows mean is `servicetitan_jobs.py`'s.

Tokens live 15 minutes and minting them is throttled, so one is kept until shortly before its end.
"""

import base64
import json
import random
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from http import HTTPStatus
from threading import Lock
from typing import Any, TypeVar

import httpx

from tollgate.adapters.servicetitan_access import Addresses, Credentials
from tollgate.adapters.servicetitan_http import PACE_SECONDS, Answer, ServiceTitanHttp, TokenRefused, TryAgain, refuse
from tollgate.domain.errors import JobSourceFailed, TenantDiffers
from tollgate.domain.job import SourceFault

T = TypeVar("T")

TOKEN = re.compile(r"[!-~]+")
TOKEN_SECONDS, TOKEN_MARGIN_SECONDS = 900, 60
SECONDS_OF_A_DAY = 86_400
TRIES_MAX = 3
THROTTLED_TRIES_MAX = 6
WAIT_SECONDS_MAX = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """`credentials`: with which it was minted; others are no reason to keep it."""

    text: str = field(repr=False)
    credentials: Credentials
    ends_at: float


class ServiceTitanClient:
    """One tenant's. `read_credentials` is asked for each call, so that a rotated secret is found. Threads may share it: they take turns
    to begin a call, and one of them mints the token while the others wait for it."""

    def __init__(
        self,
        addresses: Addresses,
        tenant_id: str,
        read_credentials: Callable[[], Credentials],
        *,
        pace_s: float = PACE_SECONDS,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        uniform: Callable[[float, float], float] = random.uniform,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        if not (tenant_id.isascii() and tenant_id.isdigit()):
            raise ValueError("SERVICETITAN_TENANT_ID must be digits only")
        self._addresses = addresses
        self._tenant_id = tenant_id
        self._read_credentials = read_credentials
        self._clock = clock
        self._sleep = sleep
        self._uniform = uniform
        self._http = ServiceTitanHttp(clock=clock, sleep=sleep, pace_s=pace_s, transport=transport)
        self._token: Token | None = None
        self._minting = Lock()

    def look(self) -> None:
        """Whether there are credentials that have the form of some. Raises JobSourceFailed."""
        self._read_credentials()

    def get(self, module: str, path: str, query: Mapping[str, str], *, time_left: timedelta) -> dict[str, Any]:
        """The answer's JSON object. Begins no try past `time_left`. Raises JobSourceFailed."""
        url = f"{self._addresses.base_url}/{module}/tenant/{self._tenant_id}/{path}"
        return self._tried(lambda until: self._get_once(url, query, until), time_left)

    def sign_in(self, *, time_left: timedelta) -> str | None:
        """Mints a token, whatever is kept; the tenant that it names, None where it names none. Raises TenantDiffers where that is
        another one, JobSourceFailed where there is none."""
        with self._minting:
            self._token = None
        return _tenant_of(self._tried(self._fresh_token, time_left).text)

    def close(self) -> None:
        self._http.close()

    def _tried(self, ask: Callable[[float], T], time_left: timedelta) -> T:
        until = self._clock() + time_left.total_seconds()
        failures: list[TryAgain] = []
        was_refused = False
        while True:
            try:
                return ask(until)
            except TokenRefused as error:
                if was_refused:
                    raise JobSourceFailed(str(error), fault=SourceFault.CREDENTIALS) from error
                was_refused = True
            except TryAgain as error:
                failures.append(error)
                self._wait(failures, until)

    def _get_once(self, url: str, query: Mapping[str, str], until: float) -> dict[str, Any]:
        token = self._fresh_token(until)
        headers = {"Authorization": f"Bearer {token.text}", "ST-App-Key": token.credentials.app_key}
        request = httpx.Request("GET", url, params=dict(query), headers=headers)
        answer = self._http.send(request, until=until, hidden=(token.text, *token.credentials.secrets))
        if answer.status == HTTPStatus.UNAUTHORIZED:
            self._forget(token)
        if answer.status != HTTPStatus.OK:
            refuse(answer)
        facts = answer.facts()
        if not facts:
            raise TryAgain("ServiceTitan answered with something else than a JSON object")
        return facts

    def _fresh_token(self, until: float) -> Token:
        credentials = self._read_credentials()
        with self._minting:
            kept = self._token
            if kept is None or self._clock() >= kept.ends_at or kept.credentials != credentials:
                kept = self._token = self._mint(credentials, until)
            return kept

    def _forget(self, token: Token) -> None:
        """Unless another one is kept by now."""
        with self._minting:
            if self._token is token:
                self._token = None

    def _mint(self, credentials: Credentials, until: float) -> Token:
        form = {
            "grant_type": "client_credentials",
            "client_id": credentials.client_id,
            "client_secret": credentials.client_secret,
        }
        asked_at = self._clock()
        request = httpx.Request("POST", f"{self._addresses.auth_url}/connect/token", data=form)
        answer = self._http.send(request, until=until, hidden=credentials.secrets)
        if answer.is_our_fault():
            message = f"{answer.problem()}: check this connection's client id and secret"
            raise JobSourceFailed(message, fault=SourceFault.CREDENTIALS)
        if answer.status != HTTPStatus.OK:
            refuse(answer)
        text, lifetime = _token_in(answer)
        self._check_tenant(text)
        # One that lives no longer than the margin would be minted for each call.
        ends_at = asked_at + max(lifetime - TOKEN_MARGIN_SECONDS, lifetime / 2)
        return Token(text=text, credentials=credentials, ends_at=ends_at)

    def _check_tenant(self, token: str) -> None:
        """A token says whose it is; with another tenant's, every call would be refused without a word why."""
        tenant = _tenant_of(token)
        if tenant is not None and tenant != self._tenant_id:
            message = f"The credentials are those of ServiceTitan tenant {tenant[:20]}, not of {self._tenant_id}"
            raise TenantDiffers(message, fault=SourceFault.CREDENTIALS, named=tenant[:20])

    def _wait(self, failures: list[TryAgain], until: float) -> None:
        """Before the next try. Raises JobSourceFailed where there is none."""
        last = failures[-1]
        alike = sum(failure.is_throttled == last.is_throttled for failure in failures)
        if alike >= (THROTTLED_TRIES_MAX if last.is_throttled else TRIES_MAX):
            raise JobSourceFailed(str(last), fault=SourceFault.UNAVAILABLE) from last
        # All that were refused together must not come back together.
        jitter = 0.5 if last.wait_s is not None else min(WAIT_SECONDS_MAX, 2.0**alike)
        wait = (last.wait_s or 0.0) + self._uniform(0.0, jitter)
        if self._clock() + wait >= until:
            raise JobSourceFailed(f"{last}, and no time is left to wait", fault=SourceFault.OUT_OF_TIME) from last
        self._sleep(wait)


def _token_in(answer: Answer) -> tuple[str, float]:
    """The token and its seconds to live: those that are documented where the answer has no word about them that makes sense."""
    facts = answer.facts()
    token, said = facts.get("access_token"), facts.get("expires_in")
    if not isinstance(token, str) or not TOKEN.fullmatch(token):
        raise TryAgain("ServiceTitan's token endpoint answered without a token")
    lifetime = int(said) if isinstance(said, int | Decimal) and 0 < said <= SECONDS_OF_A_DAY else TOKEN_SECONDS
    return token, lifetime


def _tenant_of(token: str) -> str | None:
    tenant = _claims(token).get("tenant")
    return None if tenant is None else str(tenant)


def _claims(token: str) -> dict[str, Any]:
    """What a JWT says, unverified: it is they who verify it. Empty for a token of another form."""
    try:
        part = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (IndexError, ValueError, RecursionError):
        return {}
    return claims if isinstance(claims, dict) else {}
