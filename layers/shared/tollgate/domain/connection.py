"""A connection: one ServiceTitan tenant whose jobs and bookings are brought, and the tenant of ours that they belong to.

Its client id and secret lie in Secrets Manager, under the connection's id, and never come back out of the API.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

SERVICETITAN_TENANT = re.compile(r"[0-9]{1,19}")
ID = re.compile(r"(production|integration)-[0-9]{1,19}")
CREDENTIAL = re.compile(r"[!-~]{1,500}")


class Environment(StrEnum):
    """ServiceTitan's: the customers' own data, or the demonstration tenants that developers are given."""

    PRODUCTION = "production"
    INTEGRATION = "integration"


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """`tenant_id`: whose spend its jobs are set against; `timezone`: the business's own, an IANA name, because ServiceTitan tells nobody;
    `version`: counts its changes from 1 on; `is_given`: by the environment's variables, so that no route can change it."""

    tenant_id: str
    environment: Environment
    servicetitan_tenant_id: str
    timezone: str
    version: int = 1
    is_paused: bool = False
    added_at: datetime | None = None
    is_given: bool = False

    def __post_init__(self) -> None:
        if not SERVICETITAN_TENANT.fullmatch(self.servicetitan_tenant_id):
            raise ValueError("a ServiceTitan tenant id is digits only, such as 1234567890")
        try:
            ZoneInfo(self.timezone)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ValueError(f"{self.timezone[:64]!r} is no IANA time zone, such as America/Chicago") from error
        if self.version < 1:
            raise ValueError("versions count from 1 on")

    @property
    def id(self) -> str:
        """`production-1234567890`: a ServiceTitan tenant is connected once."""
        return f"{self.environment.value}-{self.servicetitan_tenant_id}"


def with_given(stored: list[Connection], given: Connection | None) -> list[Connection]:
    """All connections by their ids. One that was added stands before the environment's of the same id."""
    known = {connection.id: connection for connection in [*([given] if given else []), *stored]}
    return [known[connection_id] for connection_id in sorted(known)]


def is_credential(text: str) -> bool:
    """Printable, without spaces: a line break that was pasted along is refused there as if the secret were wrong, and in a header it
    would be quoted by the error."""
    return CREDENTIAL.fullmatch(text) is not None
