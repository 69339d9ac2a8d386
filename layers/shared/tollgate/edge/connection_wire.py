"""Connections and their checks as JSON. No answer has a client id or a secret in it."""

from typing import Annotated, Any

from aws_lambda_powertools.event_handler.openapi.params import Path
from pydantic import Field, SecretStr

from tollgate.domain.connection import Connection, Environment
from tollgate.domain.connection_check import ConnectionCheck
from tollgate.domain.errors import RequestInvalid
from tollgate.domain.sync_plan import SyncStatus
from tollgate.edge.cost_wire import TenantId, rfc3339
from tollgate.edge.http import Body
from tollgate.usecases.manage_connections import Client, ConnectionChange, ConnectionWanted

ConnectionPath = Annotated[str, Path(max_length=64)]
# Longer ones are refused with the other things that a credential is not.
Credential = Annotated[SecretStr, Field(min_length=1, max_length=10_000)]
Timezone = Annotated[str, Field(min_length=1, max_length=64)]


class NewConnection(Body):
    tenant_id: TenantId
    servicetitan_tenant_id: Annotated[str, Field(pattern="^[0-9]{1,19}$")]
    environment: Environment = Environment.PRODUCTION
    client_id: Credential
    client_secret: Credential
    timezone: Timezone | None = None


class ConnectionEdit(Body):
    """Every field is optional; one that is not sent stays as it is. `clientId` and `clientSecret` go together."""

    paused: bool | None = None
    timezone: Timezone | None = None
    tenant_id: TenantId | None = None
    client_id: Credential | None = None
    client_secret: Credential | None = None


def connection_wanted(body: NewConnection) -> ConnectionWanted:
    """Raises RequestInvalid."""
    return ConnectionWanted(
        tenant_id=body.tenant_id,
        servicetitan_tenant_id=body.servicetitan_tenant_id,
        environment=body.environment,
        timezone=body.timezone,
        client=_client(body.client_id, body.client_secret),
    )


def connection_change(body: ConnectionEdit, *, if_version: int | None) -> ConnectionChange:
    """Raises RequestInvalid."""
    client = None
    if body.client_id is not None and body.client_secret is not None:
        client = _client(body.client_id, body.client_secret)
    elif body.client_id is not None or body.client_secret is not None:
        missing = "clientId" if body.client_id is None else "clientSecret"
        raise RequestInvalid("clientId and clientSecret are rotated together: send both.", param=missing)
    return ConnectionChange(
        is_paused=body.paused,
        timezone=body.timezone,
        tenant_id=body.tenant_id,
        client=client,
        if_version=if_version,
    )


def connection_view(connection: Connection, status: SyncStatus | None) -> dict[str, Any]:
    """`status`: of its last run; None before the first."""
    return {
        "connectionId": connection.id,
        "tenantId": connection.tenant_id,
        "servicetitanTenantId": connection.servicetitan_tenant_id,
        "environment": connection.environment.value,
        "timezone": connection.timezone,
        "paused": connection.is_paused,
        "given": connection.is_given,
        "addedAt": rfc3339(connection.added_at) if connection.added_at else None,
        "version": connection.version,
        "sync": _sync_view(status) if status else None,
    }


def _sync_view(status: SyncStatus) -> dict[str, Any]:
    return {
        "state": status.state.value,
        "caughtUpAt": rfc3339(status.caught_up_at) if status.caught_up_at else None,
        "endedAt": rfc3339(status.ended_at),
        "nextDueAt": rfc3339(status.next_due_at),
        "problems": [{"feed": feed, "message": message} for feed, message in status.problems.items()],
    }


def check_view(check: ConnectionCheck) -> dict[str, Any]:
    return {
        "connectionId": check.connection_id,
        "ok": check.is_ok,
        "checkedAt": rfc3339(check.checked_at),
        "steps": [{"step": step.name, "status": step.status.value, "message": step.message} for step in check.steps],
    }


def _client(client_id: SecretStr, client_secret: SecretStr) -> Client:
    return Client(id=client_id.get_secret_value(), secret=client_secret.get_secret_value())
