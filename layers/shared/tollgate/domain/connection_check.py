"""What the check of a connection found, step by step, in words that say what to fix and where."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from tollgate.domain.connection import Connection, Environment
from tollgate.domain.job import Feed

FORMAT, TOKEN, TENANT, APP = "format", "token", "tenant", "app"
WHERE = "Settings > Integrations > API Application Access"
# What the application must be granted for each feed, by the feed's name. Names of scopes are those that were seen; where the portal calls
# one otherwise, it is the one that reads this.
SCOPES: Mapping[str, str] = {
    "jobs": "tn.jpm.jobs:r",
    "bookings": "tn.crm.bookings:r",
    "calls": "tn.tlc.calls:r",
    "cancellations": "tn.jpm.jobcanceledlogs:r",
    "invoices": "tn.acc.invoices:r",
    "assignments": "tn.dis.appointmentassignments:r",
    "leads": "tn.crm.leads:r",
    "appointments": "tn.jpm.appointments:r",
    "business_units": "tn.stt.businessunits:r",
    "technicians": "tn.stt.technicians:r",
    "tags": "tn.stt.tagtypes:r",
    "campaigns": "tn.mar.campaigns:r",
}


class StepStatus(StrEnum):
    OK = "ok"
    FIX = "fix"
    SKIPPED = "skipped"
    """Not asked, or nothing can be told of it before what is to be fixed is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    name: str
    status: StepStatus
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionCheck:
    connection_id: str
    checked_at: datetime
    steps: tuple[Step, ...]

    @property
    def is_ok(self) -> bool:
        return all(step.status is StepStatus.OK for step in self.steps)


def feed_step(feed: Feed) -> str:
    return f"feed:{feed.value}"


def wrong_client(connection: Connection, said: str) -> str:
    own = connection.environment
    other = Environment.INTEGRATION if own is Environment.PRODUCTION else Environment.PRODUCTION
    return (
        f"ServiceTitan does not accept this client id and secret ({said}). Copy both again; a secret is shown once, so make a new one "
        f"where it is lost. They must be those of the {own.value} environment: those of {other.value} are not known there."
    )


def wrong_tenant(connection: Connection, named: str) -> str:
    own = connection.servicetitan_tenant_id
    return (
        f"The client id and secret are those of ServiceTitan tenant {named}, and this connection is of {own}. Send those of {own}, or "
        f"add a connection of {named} instead."
    )


def wrong_app_key(said: str) -> str:
    return (
        f"ServiceTitan does not accept the application key ({said}). It is appKey in the secret that ServiceTitanSecretArn names: copy "
        "it again from the application's page in ServiceTitan's developer portal."
    )


def not_connected(connection: Connection, *, is_tenant_known: bool) -> str:
    told = (
        f"ServiceTitan refuses every feed: the application is not connected to tenant {connection.servicetitan_tenant_id}, or was "
        f"disabled there. One of its administrators connects it under {WHERE}."
    )
    return told if is_tenant_known else f"{told} Or the client id and secret are those of another tenant."


def not_granted(feed: Feed) -> str:
    scope = SCOPES[feed.value]
    return (
        f"The application may not read {feed.value.replace('_', ' ')}. An administrator of the tenant accepts the scope {scope} under "
        f"{WHERE}; where it is not offered there, the application needs it first in the developer portal, in a new version."
    )


def not_now(said: str) -> str:
    return f"No good answer: {said}. Nothing here is known to be wrong: check again in a few minutes."
