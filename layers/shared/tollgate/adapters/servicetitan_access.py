"""Where ServiceTitan is, and with what we may ask it."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from botocore.exceptions import BotoCoreError, ClientError

from tollgate.adapters.connection_secrets import secret_name
from tollgate.adapters.secrets import read_secret
from tollgate.domain.connection import Connection, Environment, is_credential
from tollgate.domain.errors import JobSourceFailed
from tollgate.domain.job import SourceFault
from tollgate.domain.tenant import TENANT_ID
from tollgate.observability import logger

PRODUCTION = ("https://api.servicetitan.io", "https://auth.servicetitan.io")
INTEGRATION = ("https://api-integration.servicetitan.io", "https://auth-integration.servicetitan.io")
OFFICIAL = {urlsplit(address).hostname for address in (*PRODUCTION, *INTEGRATION)}
LOOPBACK = {"127.0.0.1", "localhost", "::1"}
HOSTS = {Environment.PRODUCTION.value: PRODUCTION, Environment.INTEGRATION.value: INTEGRATION}
RETIRED = "https://api.servicetitan.com"
PLATFORM, CONNECTION = "The secret of ServiceTitanSecretArn", "This connection's secret"


@dataclass(frozen=True, slots=True, kw_only=True)
class Addresses:
    """The two origins. The secrets go there, so only ServiceTitan's own hosts will do, or this machine."""

    base_url: str
    auth_url: str

    def __post_init__(self) -> None:
        for name in ("base_url", "auth_url"):
            _check_origin(name, getattr(self, name))


def addresses_of(*, environment: str, base_url: str, auth_url: str) -> Addresses:
    """Of an environment. `base_url` and `auth_url` are the settings': on this machine they serve every environment, and else they only
    have to be ServiceTitan's. Raises ValueError for an unknown environment, or for an address that may not learn our secrets."""
    if environment not in HOSTS:
        raise ValueError("SERVICETITAN_ENVIRONMENT must be production or integration")
    base_url, auth_url = base_url.rstrip("/"), auth_url.rstrip("/")
    if base_url == RETIRED:
        logger.warning("%s was the host of the first API and is retired: asking %s instead", RETIRED, PRODUCTION[0])
        base_url = PRODUCTION[0]
    given = Addresses(base_url=base_url, auth_url=auth_url)
    local = [urlsplit(url).hostname in LOOPBACK for url in (base_url, auth_url)]
    if all(local):
        return given
    if any(local):
        raise ValueError("SERVICETITAN_BASE_URL and SERVICETITAN_AUTH_URL must both be on this machine, or neither")
    own_base, own_auth = HOSTS[environment]
    return Addresses(base_url=own_base, auth_url=own_auth)


def given_connection(
    *, environment: str, tenant_id: str, secret_arn: str, tollgate_tenant: str, timezone: str
) -> Connection | None:
    """The connection of the environment's variables, which need a ServiceTitan tenant and the secret with its credentials; None
    without. Raises ValueError for what makes none."""
    if not tenant_id or not secret_arn:
        return None
    if environment not in HOSTS:
        raise ValueError("SERVICETITAN_ENVIRONMENT must be production or integration")
    owner = tollgate_tenant or f"servicetitan-{tenant_id}"
    if not re.fullmatch(TENANT_ID, owner):
        raise ValueError(f"SERVICETITAN_TOLLGATE_TENANT is not the id of a tenant: {owner[:80]!r}")
    try:
        return Connection(
            tenant_id=owner,
            environment=Environment(environment),
            servicetitan_tenant_id=tenant_id,
            timezone=timezone,
            is_given=True,
        )
    except ValueError as error:
        raise ValueError(f"SERVICETITAN_TENANT_ID, SERVICETITAN_TIMEZONE: {error}") from error


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """One customer's client, and our own application key."""

    client_id: str
    client_secret: str = field(repr=False)
    app_key: str = field(repr=False)

    def __post_init__(self) -> None:
        if not all(map(is_credential, (self.client_id, self.client_secret, self.app_key))):
            raise ValueError("a credential is printable, without spaces")

    @property
    def secrets(self) -> tuple[str, str]:
        return self.client_secret, self.app_key


def credentials_of(
    connection: Connection, *, platform_arn: str, prefix: str, read: Callable[[str], str] = read_secret
) -> Callable[[], Credentials]:
    """Reads them when asked. The given connection's are all in the platform's secret; of the others that one has the application key, and
    a secret of their own the rest. What it gives raises JobSourceFailed."""

    def read_own() -> Credentials:
        platform = _read(PLATFORM, platform_arn, read)
        if connection.is_given:
            return _credentials_in(PLATFORM, platform)
        client = _read(CONNECTION, secret_name(prefix, connection.id), read)
        return _credentials_in(CONNECTION, client, app_key=_text_in(PLATFORM, platform, "appKey"))

    return read_own


def parse_credentials(secret: str) -> Credentials:
    """From `{"clientId", "clientSecret", "appKey"}`. Raises JobSourceFailed, which never says what it holds."""
    return _credentials_in(PLATFORM, _object_in(PLATFORM, secret))


def _credentials_in(kind: str, values: Mapping[str, Any], *, app_key: str | None = None) -> Credentials:
    return Credentials(
        client_id=_text_in(kind, values, "clientId"),
        client_secret=_text_in(kind, values, "clientSecret"),
        app_key=app_key if app_key is not None else _text_in(kind, values, "appKey"),
    )


def _read(kind: str, name: str, read: Callable[[str], str]) -> Mapping[str, Any]:
    if not name:
        raise _unusable(kind, "is not configured")
    try:
        text = read(name)
    except (ClientError, BotoCoreError) as error:
        why = error.response.get("Error", {}).get("Code", "") if isinstance(error, ClientError) else ""
        raise _unusable(kind, f"cannot be read ({why or type(error).__name__})") from error
    return _object_in(kind, text)


def _object_in(kind: str, secret: str) -> Mapping[str, Any]:
    try:
        values = json.loads(secret)
    except (ValueError, RecursionError):
        # Its own error would quote it.
        values = None
    if not isinstance(values, dict):
        raise _unusable(kind, "is not a JSON object")
    return values


def _text_in(kind: str, values: Mapping[str, Any], name: str) -> str:
    value = values.get(name)
    if not isinstance(value, str) or not value:
        raise _unusable(kind, f"has no {name}")
    if not is_credential(value):
        raise _unusable(kind, f"has spaces, a line break or a strange character at {name}")
    return value


def _unusable(kind: str, fault: str) -> JobSourceFailed:
    return JobSourceFailed(f"{kind} {fault}.", fault=SourceFault.CREDENTIALS)


def _check_origin(name: str, url: str) -> None:
    parts = urlsplit(url)
    if parts.path or parts.query or parts.fragment or parts.username or parts.password:
        raise ValueError(f"{name} must be an origin, nothing behind its host: {PRODUCTION[0]}")
    if parts.hostname in LOOPBACK and parts.scheme in ("http", "https"):
        return
    if parts.scheme != "https" or parts.hostname not in OFFICIAL or parts.port not in (None, 443):
        raise ValueError(f"{name} must be one of ServiceTitan's own addresses, for example {PRODUCTION[0]}")
