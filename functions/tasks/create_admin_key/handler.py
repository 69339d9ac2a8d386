"""Makes an admin key: invoked by an operator, guarded by IAM, because no key is there yet to ask with."""

from typing import Any

from tollgate import wiring
from tollgate.domain.caller import Role
from tollgate.observability import logger
from tollgate.usecases.manage_keys import KeyAsked, create_key


def handle(event: dict[str, Any], context: Any) -> dict[str, str]:
    """`{"name"}` -> `{"keyId", "key"}`; the key is shown this once, and never logged."""
    logger.set_correlation_id(context.aws_request_id)
    asked = KeyAsked(role=Role.ADMIN, tenant_id=None, name=str(event.get("name") or "admin"), expires_at=None)
    new = create_key(
        asked,
        wiring.keys(),
        wiring.accounts(),
        now=wiring.clock(),
        new_id=wiring.new_key_id,
        new_secret=wiring.new_secret,
    )
    return {"keyId": new.entry.key_id, "key": new.key}
