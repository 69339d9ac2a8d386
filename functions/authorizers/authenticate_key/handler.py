"""The REST API's authorizer: who calls, by his key; with the tenant's settings, so that a governed call needs no read."""

from typing import Any

from tollgate import wiring
from tollgate.domain.errors import KeyUnknown
from tollgate.domain.settings_text import settings_to_text
from tollgate.observability import logger
from tollgate.usecases.manage_keys import authenticate_key


def handle(event: dict[str, Any], _: Any) -> dict[str, Any]:
    """An IAM policy for the whole stage, because the answer is cached by key alone; the routes check roles and tenants.

    API Gateway answers 401 where this raises the one message that it knows.
    """
    logger.set_correlation_id(event.get("requestContext", {}).get("requestId"))
    try:
        caller, settings = authenticate_key(_bearer(event), wiring.keys(), wiring.accounts(), now=wiring.clock())
    except KeyUnknown as error:
        raise Exception("Unauthorized") from error  # noqa: TRY002
    facts = {"keyId": caller.key_id, "role": caller.role.value}
    if caller.tenant_id is not None:
        facts["tenantId"] = caller.tenant_id
    if settings is not None:
        facts["account"] = settings_to_text(settings)
    return {"principalId": caller.key_id, "policyDocument": _allow(event["methodArn"]), "context": facts}


def _bearer(event: dict[str, Any]) -> str:
    headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
    scheme, _, key = str(headers.get("authorization", "")).partition(" ")
    return key.strip() if scheme.lower() == "bearer" else ""


def _allow(method_arn: str) -> dict[str, Any]:
    stage = "/".join(method_arn.split("/")[:2])
    statement = {"Action": "execute-api:Invoke", "Effect": "Allow", "Resource": f"{stage}/*"}
    return {"Version": "2012-10-17", "Statement": [statement]}
