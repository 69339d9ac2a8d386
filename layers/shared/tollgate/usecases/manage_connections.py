"""Adds, changes and removes connections, and finds them: those that were added, and the one of the environment's variables.

A secret is written before the record that needs it, and destroyed before the record that names it goes: whatever breaks off in between
can be sent again. Changes of one connection take turns, so that no secret is of another change than the record.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from tollgate.domain.connection import Connection, Environment, is_credential, with_given
from tollgate.domain.errors import (
    AppKeyMissing,
    ConnectionExists,
    ConnectionGiven,
    ConnectionNotFound,
    LedgerUnavailable,
    RequestInvalid,
    TenantNotFound,
    VersionStale,
)
from tollgate.domain.tenant import TenantSettings
from tollgate.domain.window import window_at
from tollgate.ports import Accounts, Clock, Connections, ConnectionSecrets, Leases, SyncStatuses
from tollgate.usecases.lease_connection import leased

CHANGE = "change"
KEPT_CHANGING = "This connection was changed by somebody else meanwhile. Read it again, then change it."


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """Of one ServiceTitan tenant, as its administrator sees it. Raises RequestInvalid."""

    id: str
    secret: str = field(repr=False)

    def __post_init__(self) -> None:
        for name, value in (("clientId", self.id), ("clientSecret", self.secret)):
            if not is_credential(value):
                raise RequestInvalid(
                    f"{name} has spaces, a line break or a strange character, perhaps pasted along at one of its ends. "
                    "Send it without.",
                    param=name,
                )


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionWanted:
    """`timezone`: None for the tenant's own."""

    tenant_id: str
    servicetitan_tenant_id: str
    environment: Environment
    timezone: str | None
    client: Client


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionChange:
    """None leaves it as it is."""

    is_paused: bool | None = None
    timezone: str | None = None
    tenant_id: str | None = None
    client: Client | None = None
    if_version: int | None = None

    def values(self) -> dict[str, Any]:
        said = {"is_paused": self.is_paused, "timezone": self.timezone, "tenant_id": self.tenant_id}
        return {name: value for name, value in said.items() if value is not None}


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionPorts:
    """`given`: the connection of the environment's variables; `has_app_key`: whether the platform's secret is configured."""

    connections: Connections
    secrets: ConnectionSecrets
    accounts: Accounts
    leases: Leases
    statuses: SyncStatuses
    clock: Clock
    given: Connection | None
    has_app_key: bool


def add_connection(wanted: ConnectionWanted, ports: ConnectionPorts) -> Connection:
    """Raises AppKeyMissing, TenantNotFound, RequestInvalid, ConnectionExists, ConnectionBusy, SecretsUnavailable, LedgerUnavailable."""
    if not ports.has_app_key:
        raise AppKeyMissing
    account, now = _account(wanted.tenant_id, ports), ports.clock()
    connection = _valid(
        lambda: Connection(
            tenant_id=wanted.tenant_id,
            environment=wanted.environment,
            servicetitan_tenant_id=wanted.servicetitan_tenant_id,
            timezone=wanted.timezone or account.zone_at(window_at(now, account.zones).month),
            added_at=now,
        )
    )
    with leased(CHANGE, connection.id, ports.leases, clock=ports.clock):
        if ports.connections.read(connection.id) is not None:
            raise ConnectionExists(connection.id)
        ports.secrets.write(connection.id, client_id=wanted.client.id, client_secret=wanted.client.secret)
        if not ports.connections.swap(connection):
            raise ConnectionExists(connection.id)
    return connection


def change_connection(connection_id: str, change: ConnectionChange, ports: ConnectionPorts) -> Connection:
    """Raises ConnectionNotFound, ConnectionGiven, VersionStale, TenantNotFound, RequestInvalid, ConnectionBusy, SecretsUnavailable,
    LedgerUnavailable."""
    if not change.values() and change.client is None:
        raise RequestInvalid("Say what to change: paused, timezone, tenantId, or clientId and clientSecret.")
    _changeable(connection_id, ports)
    with leased(CHANGE, connection_id, ports.leases, clock=ports.clock):
        current = _changeable(connection_id, ports)
        if change.if_version is not None and change.if_version != current.version:
            raise VersionStale(given=change.if_version, current=current.version)
        if change.tenant_id is not None:
            _account(change.tenant_id, ports)
        new = _valid(lambda: replace(current, **change.values(), version=current.version + 1))
        if change.client is not None:
            ports.secrets.write(connection_id, client_id=change.client.id, client_secret=change.client.secret)
        if not ports.connections.swap(new):
            raise LedgerUnavailable(KEPT_CHANGING)
    return new


def remove_connection(connection_id: str, ports: ConnectionPorts) -> None:
    """What was brought by it stays. Raises ConnectionNotFound, ConnectionGiven, ConnectionBusy, SecretsUnavailable, LedgerUnavailable."""
    _changeable(connection_id, ports)
    with leased(CHANGE, connection_id, ports.leases, clock=ports.clock):
        current = _changeable(connection_id, ports)
        ports.secrets.remove(connection_id)
        if not ports.connections.remove(current) and ports.connections.read(connection_id) is not None:
            raise LedgerUnavailable(KEPT_CHANGING)
        # One that is added anew later was never read.
        ports.statuses.remove(connection_id)


def find_connection(connection_id: str, connections: Connections, given: Connection | None) -> Connection:
    """Raises ConnectionNotFound, LedgerUnavailable."""
    found = connections.read(connection_id)
    if found is None and given is not None and given.id == connection_id:
        return given
    if found is None:
        raise ConnectionNotFound(connection_id)
    return found


def list_connections(
    connections: Connections, given: Connection | None, *, tenant_id: str | None = None
) -> list[Connection]:
    """Of one tenant, or all. Raises LedgerUnavailable."""
    found = with_given(connections.stored(), given)
    return [connection for connection in found if tenant_id is None or connection.tenant_id == tenant_id]


def _changeable(connection_id: str, ports: ConnectionPorts) -> Connection:
    found = find_connection(connection_id, ports.connections, ports.given)
    if found.is_given:
        raise ConnectionGiven(connection_id)
    return found


def _account(tenant_id: str, ports: ConnectionPorts) -> TenantSettings:
    account = ports.accounts.read(tenant_id)
    if account is None:
        raise TenantNotFound(tenant_id)
    return account


def _valid(make: Callable[[], Connection]) -> Connection:
    try:
        return make()
    except ValueError as error:
        raise RequestInvalid(f"{error}.") from error
