"""Where ServiceTitan is, and with what we may ask it."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from botocore.exceptions import BotoCoreError, ClientError

from tollgate.adapters.secrets import read_secret
from tollgate.domain.errors import JobSourceFailed
from tollgate.domain.job import SourceFault
from tollgate.observability import logger

PRODUCTION = ("https://api.servicetitan.io", "https://auth.servicetitan.io")
INTEGRATION = ("https://api-integration.servicetitan.io", "https://auth-integration.servicetitan.io")
OFFICIAL = {urlsplit(address).hostname for address in (*PRODUCTION, *INTEGRATION)}
LOOPBACK = {"127.0.0.1", "localhost", "::1"}
RETIRED = "https://api.servicetitan.com"


@dataclass(frozen=True, slots=True, kw_only=True)
class Addresses:
    """The two origins. The secrets go there, so only ServiceTitan's own hosts will do, or this machine."""

    base_url: str
    auth_url: str

    def __post_init__(self) -> None:
        for name in ("base_url", "auth_url"):
            _check_origin(name, getattr(self, name))


def addresses_of(*, environment: str, base_url: str, auth_url: str) -> Addresses:
    """Raises ValueError for an unknown environment, or for an address that may not learn our secrets."""
    if environment not in ("production", "integration"):
        raise ValueError("SERVICETITAN_ENVIRONMENT must be production or integration")
    base_url, auth_url = base_url.rstrip("/"), auth_url.rstrip("/")
    if base_url == RETIRED:
        logger.warning("%s was the host of the first API and is retired: asking %s instead", RETIRED, PRODUCTION[0])
        base_url = PRODUCTION[0]
    # The settings' defaults are production's: with the other environment they mean that one's.
    if environment == "integration" and (base_url, auth_url) == PRODUCTION:
        base_url, auth_url = INTEGRATION
    return Addresses(base_url=base_url, auth_url=auth_url)


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """One customer's client, and our own application key."""

    client_id: str
    client_secret: str = field(repr=False)
    app_key: str = field(repr=False)


def credentials_at(arn: str) -> Callable[[], Credentials]:
    """Reads them when asked. What it gives raises JobSourceFailed."""

    def read() -> Credentials:
        try:
            secret = read_secret(arn)
        except (ClientError, BotoCoreError) as error:
            raise _unusable(f"cannot be read ({type(error).__name__})") from error
        return parse_credentials(secret)

    return read


def parse_credentials(secret: str) -> Credentials:
    """From `{"clientId", "clientSecret", "appKey"}`. Raises JobSourceFailed, which never says what it holds."""
    try:
        values = json.loads(secret)
    except ValueError:
        values = None
    if not isinstance(values, dict):
        raise _unusable("is not a JSON object")
    for name in ("clientId", "clientSecret", "appKey"):
        value = values.get(name)
        if not isinstance(value, str) or not value:
            raise _unusable(f"has no {name}")
        # A newline pasted along is refused there as if the secret were wrong.
        if value != value.strip() or not value.isascii():
            raise _unusable(f"has spaces, a line break or a strange character at {name}")
    return Credentials(client_id=values["clientId"], client_secret=values["clientSecret"], app_key=values["appKey"])


def _unusable(fault: str) -> JobSourceFailed:
    return JobSourceFailed(f"The ServiceTitan secret {fault}.", fault=SourceFault.CREDENTIALS)


def _check_origin(name: str, url: str) -> None:
    parts = urlsplit(url)
    if parts.path or parts.query or parts.fragment or parts.username or parts.password:
        raise ValueError(f"{name} must be an origin, nothing behind its host: {PRODUCTION[0]}")
    if parts.hostname in LOOPBACK and parts.scheme in ("http", "https"):
        return
    if parts.scheme != "https" or parts.hostname not in OFFICIAL or parts.port not in (None, 443):
        raise ValueError(f"{name} must be one of ServiceTitan's own addresses, for example {PRODUCTION[0]}")
