"""Every error of Tollgate. Their HTTP statuses live in `edge/problems.py` only.

TollgateError
├── RequestInvalid          a field is missing, unknown or out of range; `param` names it
│   ├── NotBounded          the cost of what is asked cannot be bounded; says what to send instead
│   ├── ModelNotAllowed     the tenant's settings do not allow the model
│   └── ModelNotPriced      no price is known for the model, so it is refused, never free
│       └── ModelGone       its provider serves it no more; says what replaces it
├── KeyUnknown              no key, or not one of ours
├── Forbidden               a key asks for what is not its tenant's
├── TenantNotFound          an admin asks for a tenant that has no account
├── KeyNotFound             an admin revokes a key that is not there
├── RaiseNotFound           an admin ends a raise that does not run
├── HoldNotFound            an admin closes a hold that is not open
├── MonthNotFound           a month that has no page, or none any more
├── ModelNotFound           a model that is not priced, not served any more, or not allowed to the tenant
├── VersionStale            `If-Match` names an older version of the settings
├── BudgetRefused           the page refuses the hold: reason, window, what would help
├── RecordDiffers           the same record id with other content
├── CorrectionImpossible    the ledger has no step for it; says what there is instead
├── HoldNotYours            a `call` hold is the gate's: it cannot be recorded or voided from outside
├── IdempotencyConflict     the same Idempotency-Key with another request
├── IdempotencyInProgress   the first call with this key still runs
├── IdempotencyNotKept      the call was made, and its text was not kept
├── BreakerOpen             the upstream keeps failing
│   └── UpstreamNotReached  the call was let through, and no connection was made
├── LoopRefused             an agent sends the same request over and over, or fails over and over
├── BreakerNotFound         an admin resets a breaker that is not there
├── UpstreamRejected        the provider's own 4xx or 429, passed on
├── UpstreamFailed          the provider's own 5xx, not billed
├── UpstreamUnknown         the call may have been billed: settled in full
├── LedgerUnavailable       no ledger, no spend
├── SpansUnavailable        Postgres cannot be asked now
├── ModelSourceFailed       OpenAI does not say which models it serves
├── JobSourceFailed         ServiceTitan gives no page; `fault` says what that means for the sync
│   └── TenantDiffers       the token is one of another ServiceTitan tenant
├── JobStoreFailed          the function that stores jobs gives no answer, or fails
├── SyncQueueFailed         the queue takes no request for a run
├── SecretsUnavailable      Secrets Manager gives no answer, or refuses
├── ConnectionNotFound      an admin asks for a connection that is not there
├── ConnectionExists        that ServiceTitan tenant is connected already
├── ConnectionBusy          it is being checked or changed at this moment
├── ConnectionGiven         it is the environment's own, so that no route can change it
├── AppKeyMissing           connections need the platform's secret, which is not configured
├── BillSourceFailed        OpenAI does not say what it billed
└── BillStoreFailed         the function that stores the bill gives no answer, or fails
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tollgate.domain.job import SourceFault
    from tollgate.domain.refusal import Refusal


class TollgateError(Exception):
    """The root: each subclass carries facts, and a message that a person can act on."""


class RequestInvalid(TollgateError):
    def __init__(self, message: str, *, param: str | None = None) -> None:
        super().__init__(message)
        self.param = param


class NotBounded(RequestInvalid):
    pass


class ModelNotAllowed(RequestInvalid):
    def __init__(self, model: str) -> None:
        super().__init__(f"This tenant may not use the model {model[:80]!r}.", param="model")


class ModelNotPriced(RequestInvalid):
    def __init__(self, model: str) -> None:
        super().__init__(
            f"No price is known for the model {model[:80]!r}, so it cannot be held. Ask for a model of GET /v1/models.",
            param="model",
        )
        self.model = model


class ModelGone(ModelNotPriced):
    def __init__(self, model: str, *, since: date, replacement: str | None) -> None:
        super().__init__(model)
        instead = f"ask for its replacement, {replacement}" if replacement else "ask for a model of GET /v1/models"
        self.args = (f"The model {model[:80]!r} was shut down on {since.isoformat()}: {instead}.",)
        self.replacement = replacement


class ModelNotFound(TollgateError):
    def __init__(self, model: str) -> None:
        super().__init__(f"The model {model[:80]!r} does not exist or you do not have access to it.")
        self.param = "model"


class KeyUnknown(TollgateError):
    pass


class Forbidden(TollgateError):
    pass


class TenantNotFound(TollgateError):
    def __init__(self, tenant_id: str) -> None:
        super().__init__(f"There is no tenant {tenant_id!r}. An admin makes one with PUT /api/cost/budget/{tenant_id}.")


class KeyNotFound(TollgateError):
    pass


class RaiseNotFound(TollgateError):
    pass


class HoldNotFound(TollgateError):
    pass


class MonthNotFound(TollgateError):
    pass


class VersionStale(TollgateError):
    def __init__(self, *, given: int, current: int) -> None:
        super().__init__(f"The settings are at version {current}, not {given}: read them again, then change them.")


class BudgetRefused(TollgateError):
    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.message)
        self.refusal = refusal


class RecordDiffers(TollgateError):
    pass


class CorrectionImpossible(TollgateError):
    pass


class HoldNotYours(TollgateError):
    pass


class IdempotencyConflict(TollgateError):
    pass


class IdempotencyInProgress(TollgateError):
    def __init__(self, message: str, *, retry_at: datetime) -> None:
        super().__init__(message)
        self.retry_at = retry_at


class IdempotencyNotKept(TollgateError):
    pass


class BreakerOpen(TollgateError):
    def __init__(self, message: str, *, retry_at: datetime) -> None:
        super().__init__(message)
        self.retry_at = retry_at


class UpstreamNotReached(BreakerOpen):
    pass


class LoopRefused(TollgateError):
    """`remedy`: what would help, said to whoever reads the error."""

    def __init__(self, message: str, *, remedy: str, retry_at: datetime) -> None:
        super().__init__(message)
        self.remedy = remedy
        self.retry_at = retry_at


class BreakerNotFound(TollgateError):
    pass


class UpstreamRejected(TollgateError):
    """`status` and `body` are the provider's own; `headers` those of its headers that a client may see."""

    def __init__(self, message: str, *, status: int, body: object, headers: Mapping[str, str]) -> None:
        super().__init__(message)
        self.status = status
        self.body = body
        self.headers = headers


class UpstreamFailed(UpstreamRejected):
    pass


class UpstreamUnknown(TollgateError):
    pass


class LedgerUnavailable(TollgateError):
    pass


class SpansUnavailable(TollgateError):
    pass


class ModelSourceFailed(TollgateError):
    pass


class JobSourceFailed(TollgateError):
    """The message holds no secret: it is stored, and shown to the owner."""

    def __init__(self, message: str, *, fault: SourceFault) -> None:
        super().__init__(message)
        self.fault = fault


class TenantDiffers(JobSourceFailed):
    """`named`: whose token it is."""

    def __init__(self, message: str, *, fault: SourceFault, named: str) -> None:
        super().__init__(message, fault=fault)
        self.named = named


class JobStoreFailed(TollgateError):
    pass


class SyncQueueFailed(TollgateError):
    pass


class SecretsUnavailable(TollgateError):
    pass


class ConnectionNotFound(TollgateError):
    def __init__(self, connection_id: str) -> None:
        super().__init__(f"There is no connection {connection_id[:64]!r}.")


class ConnectionExists(TollgateError):
    def __init__(self, connection_id: str) -> None:
        super().__init__(f"{connection_id!r} is connected already: change it by PUT /api/connections/{connection_id}.")


class ConnectionBusy(TollgateError):
    def __init__(self, connection_id: str) -> None:
        super().__init__(f"{connection_id!r} is being checked or changed at this moment. Try again in a moment.")


class ConnectionGiven(TollgateError):
    def __init__(self, connection_id: str) -> None:
        super().__init__(
            f"{connection_id!r} is given by the environment: change SERVICETITAN_TENANT_ID, SERVICETITAN_TOLLGATE_TENANT, "
            "SERVICETITAN_TIMEZONE or the secret of ServiceTitanSecretArn, and deploy."
        )


class AppKeyMissing(TollgateError):
    def __init__(self) -> None:
        super().__init__(
            'No application key is configured: deploy with ServiceTitanSecretArn, a secret like {"appKey": "ak1..."}, and try again.'
        )


class BillSourceFailed(TollgateError):
    pass


class BillStoreFailed(TollgateError):
    pass
