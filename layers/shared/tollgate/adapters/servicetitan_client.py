"""Reads of ServiceTitan's API: the token, and the tries. What the rows mean is `servicetitan_jobs.py`'s.

Tokens live 15 minutes and minting them is throttled, so one is kept until shortly before its end.
"""

import base64
import json
import random
import time
from collections.abc import Callable, Mapping
from datetime import timedelta
from http import HTTPStatus
from typing import Any

import httpx

from tollgate.adapters.servicetitan_access import Addresses, Credentials
from tollgate.adapters.servicetitan_http import Answer, ServiceTitanHttp, TokenRefused, TryAgain, refuse
from tollgate.domain.errors import JobSourceFailed
from tollgate.domain.job import SourceFault

TOKEN_MARGIN_SECONDS = 60
TRIES_MAX = 3
THROTTLED_TRIES_MAX = 6
WAIT_SECONDS_MAX = 60.0


class ServiceTitanClient:
    """One tenant's. `read_credentials` is asked for each call, so that a rotated secret is found."""

    def __init__(
        self,
        addresses: Addresses,
        tenant_id: str,
        read_credentials: Callable[[], Credentials],
        *,
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
        self._http = ServiceTitanHttp(clock=clock, sleep=sleep, transport=transport)
        self._token: tuple[str, float] | None = None

    def get(self, module: str, path: str, query: Mapping[str, str], *, time_left: timedelta) -> dict[str, Any]:
        """The answer's JSON object. Begins no try past `time_left`. Raises JobSourceFailed."""
        url = f"{self._addresses.base_url}/{module}/tenant/{self._tenant_id}/{path}"
        until = self._clock() + time_left.total_seconds()
        failures: list[TryAgain] = []
        was_refused = False
        while True:
            try:
                return self._get_once(url, query, until)
            except TokenRefused as error:
                self._token = None
                if was_refused:
                    raise JobSourceFailed(str(error), fault=SourceFault.CREDENTIALS) from error
                was_refused = True
            except TryAgain as error:
                failures.append(error)
                self._wait(failures, until)

    def close(self) -> None:
        self._http.close()

    def _get_once(self, url: str, query: Mapping[str, str], until: float) -> dict[str, Any]:
        credentials = self._read_credentials()
        token = self._fresh_token(credentials, until)
        headers = {"Authorization": f"Bearer {token}", "ST-App-Key": credentials.app_key}
        answer = self._http.send(httpx.Request("GET", url, params=dict(query), headers=headers), until=until)
        if answer.status != HTTPStatus.OK:
            refuse(answer)
        facts = answer.facts()
        if not facts:
            raise TryAgain("ServiceTitan answered with something else than a JSON object")
        return facts

    def _fresh_token(self, credentials: Credentials, until: float) -> str:
        if self._token and self._clock() < self._token[1]:
            return self._token[0]
        asked_at = self._clock()
        answer = self._mint(credentials, until)
        token, lifetime = _token_in(answer)
        self._check_tenant(token)
        self._token = token, asked_at + lifetime - TOKEN_MARGIN_SECONDS
        return token

    def _mint(self, credentials: Credentials, until: float) -> Answer:
        form = {
            "grant_type": "client_credentials",
            "client_id": credentials.client_id,
            "client_secret": credentials.client_secret,
        }
        request = httpx.Request("POST", f"{self._addresses.auth_url}/connect/token", data=form)
        answer = self._http.send(request, until=until)
        if answer.is_our_fault():
            message = f"{answer.problem()}: check this connection's client id and secret"
            raise JobSourceFailed(message, fault=SourceFault.CREDENTIALS)
        if answer.status != HTTPStatus.OK:
            refuse(answer)
        return answer

    def _check_tenant(self, token: str) -> None:
        """A token says whose it is; with another tenant's, every call would be refused without a word why."""
        tenant = _claims(token).get("tenant")
        if tenant is not None and str(tenant) != self._tenant_id:
            message = f"The credentials are those of ServiceTitan tenant {str(tenant)[:20]}, not of {self._tenant_id}"
            raise JobSourceFailed(message, fault=SourceFault.CREDENTIALS)

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
    """The token and its seconds to live; without a word about these it is taken for one that ends at once."""
    facts = answer.facts()
    token, lifetime = facts.get("access_token"), facts.get("expires_in")
    if not isinstance(token, str) or not token or not token.isascii():
        raise TryAgain("ServiceTitan's token endpoint answered without a token")
    return token, float(lifetime) if isinstance(lifetime, int) else 0.0


def _claims(token: str) -> dict[str, Any]:
    """What a JWT says, unverified: it is they who verify it. Empty for a token of another form."""
    try:
        part = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (IndexError, ValueError):
        return {}
    return claims if isinstance(claims, dict) else {}
