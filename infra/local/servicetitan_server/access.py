"""Who may ask, and how often: clients, tokens, scopes, and the two throttles."""

import base64
import binascii
import json
from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta
from email.utils import format_datetime
from itertools import count, cycle
from typing import Any

from infra.local.servicetitan_server.clock import Clock
from infra.local.servicetitan_server.problem import NO_APP_KEY, Problem
from infra.local.servicetitan_server.rate import Window
from infra.local.servicetitan_server.shops import Shop

APP_KEY = "local-app-key"
TOKEN_SECONDS = 900
TOKENS_A_MINUTE = 20
CALLS_A_SECOND = 60
SCOPES = (
    "tn.stt.businessunits:r",
    "tn.stt.technicians:r",
    "tn.stt.tagtypes:r",
    "tn.jpm.jobs:r",
    "tn.jpm.jobtypes:r",
    "tn.jpm.appointments:r",
    "tn.jpm.jobcanceledlogs:r",
    "tn.dis.appointmentassignments:r",
    "tn.crm.bookings:r",
    "tn.crm.leads:r",
    "tn.tlc.calls:r",
    "tn.acc.invoices:r",
    "tn.mar.campaigns:r",
)


class TokenRefused(Exception):
    """The token endpoint's own 400, with OAuth's short error."""


class Access:
    """The tenants' switches, and every token that is out."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._tokens: dict[str, dict[str, Any]] = {}
        self._numbers = count(1)
        self._clients: dict[str, int] = {}
        self._mints: dict[int, Window] = {}
        self._calls: dict[int, Window] = {}
        self._forms = cycle(("seconds", "date", "title", "bare"))
        self.scopes: dict[int, tuple[str, ...]] = {}
        self.enabled: dict[int, bool] = {}
        self.secrets: dict[int, str] = {}
        self.minted: Counter[int] = Counter()
        self.throttled: Counter[int] = Counter()

    def add(self, shop: Shop) -> None:
        """From now on this tenant may mint tokens, with every scope. Raises ValueError for a client id in use."""
        if shop.client_id in self._clients:
            raise ValueError(shop.client_id)
        tenant = shop.tenant_id
        self._clients[shop.client_id] = tenant
        self._mints[tenant] = Window(TOKENS_A_MINUTE, timedelta(minutes=1))
        self._calls[tenant] = Window(CALLS_A_SECOND, timedelta(seconds=1))
        self.scopes[tenant], self.enabled[tenant], self.secrets[tenant] = SCOPES, True, shop.client_secret

    def tenant_of(self, client_id: str) -> int | None:
        return self._clients.get(client_id)

    def mint(self, form: Mapping[str, str]) -> dict[str, Any]:
        """The token endpoint's answer. Raises TokenRefused, or Problem when one client asks too often."""
        if form.get("grant_type") != "client_credentials":
            raise TokenRefused("unsupported_grant_type")
        client_id = form.get("client_id", "")
        tenant = self.tenant_of(client_id)
        if tenant is None or form.get("client_secret") != self.secrets[tenant]:
            raise TokenRefused("invalid_client")
        if not self._mints[tenant].take(self._clock.now()):
            raise Problem(429, "Rate limit is exceeded. Try again in 30 seconds.", headers={"Retry-After": "30"})
        self.minted[tenant] += 1
        scopes = list(self.scopes[tenant])
        token = self._new_token(tenant, client_id, scopes)
        return {
            "access_token": token,
            "expires_in": TOKEN_SECONDS,
            "token_type": "Bearer",
            "scope": " ".join(scopes),
        }

    def admit(self, headers: Mapping[str, str], *, tenant: int, scope: str) -> None:
        """Lets a call through to its data, or raises the real API's refusal: 401, 403 or 429."""
        if not headers.get("st-app-key"):
            raise Problem(401, NO_APP_KEY)
        if headers["st-app-key"] != APP_KEY:
            raise Problem(401, "Application key is not valid.")
        claims = self._claims(headers.get("authorization", ""))
        if claims["tenant"] != str(tenant):
            raise Problem(403, "Provided authentication is insufficient to grant access")
        if not self.enabled[tenant]:
            raise Problem(403, "Forbidden")
        if not self._calls[tenant].take(self._clock.now()):
            self.throttled[tenant] += 1
            raise throttled(next(self._forms), self._clock.now())
        if scope not in claims["scope"]:
            raise Problem(403, "Forbidden")

    def revoke_all(self) -> None:
        self._tokens.clear()

    def revoke_of(self, tenant: int) -> None:
        """Every token of one tenant; those of the others stay."""
        self._tokens = {token: claims for token, claims in self._tokens.items() if claims["tenant"] != str(tenant)}

    def revoke(self, authorization: str) -> None:
        self._tokens.pop(authorization.removeprefix("Bearer "), None)

    def _new_token(self, tenant: int, client_id: str, scopes: list[str]) -> str:
        now = int(self._clock.now().timestamp())
        claims = {
            "nbf": now,
            "exp": now + TOKEN_SECONDS,
            "iss": "https://auth.servicetitan.io",
            "client_id": client_id,
            "tenant": str(tenant),
            "jti": f"{next(self._numbers):032X}",
            "scope": scopes,
        }
        token = f"{_base64({'alg': 'none', 'typ': 'at+jwt'})}.{_base64(claims)}."
        self._tokens[token] = claims
        return token

    def _claims(self, authorization: str) -> dict[str, Any]:
        claims = self._tokens.get(authorization.removeprefix("Bearer "))
        if claims is None or claims["exp"] <= self._clock.now().timestamp():
            raise Problem(401, "Unauthorized", headers={"WWW-Authenticate": 'Bearer error="invalid_token"'})
        return claims


def throttled(form: str, now: datetime) -> Problem:
    """A 429 in one of the forms that were seen: Retry-After as seconds or as a date, in the title only, or nowhere."""
    match form:
        case "seconds":
            return Problem(429, "Rate limit is exceeded.", headers={"Retry-After": "1"})
        case "date":
            dates = {"Date": _http_date(now), "Retry-After": _http_date(now + timedelta(seconds=1))}
            return Problem(429, "Rate limit is exceeded.", headers=dates)
        case "title":
            return Problem(429, "Rate limit is exceeded. Try again in 1 seconds.")
        case _:
            return Problem(429, "Too Many Requests")


def _http_date(at: datetime) -> str:
    return format_datetime(at, usegmt=True)


def pack(value: Any) -> str:
    """An opaque text for a value; `unpack` reads it."""
    return _base64(value)


def unpack(text: str) -> Any:
    """The inverse of `pack`. Raises ValueError for anything else."""
    try:
        return json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (binascii.Error, UnicodeDecodeError) as error:
        raise ValueError("not one of our tokens") from error


def _base64(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value, separators=(",", ":")).encode()).decode().rstrip("=")
