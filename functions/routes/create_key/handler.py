"""POST /api/keys (admin)"""

from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Body as FromBody

from tollgate import wiring
from tollgate.domain.caller import Role
from tollgate.domain.errors import RequestInvalid
from tollgate.edge.cost_wire import KeyWanted, key_view
from tollgate.edge.http import caller, entry, reply, rest_app
from tollgate.usecases.manage_keys import KeyAsked
from tollgate.usecases.manage_keys import create_key as make_key

app = rest_app()


@app.post("/api/keys")
def create_key(body: Annotated[KeyWanted, FromBody()]) -> Response[str]:
    caller(app).must_be_admin()
    if (body.role is Role.TENANT) != (body.tenant_id is not None):
        raise RequestInvalid("A tenant key names its tenantId; an admin key has none.", param="tenantId")
    if body.expires_at is not None and body.expires_at.tzinfo is None:
        raise RequestInvalid("expiresAt must have a time zone, such as 2027-01-01T00:00:00Z.", param="expiresAt")
    asked = KeyAsked(role=body.role, tenant_id=body.tenant_id, name=body.name, expires_at=body.expires_at)
    new = make_key(
        asked,
        wiring.keys(),
        wiring.accounts(),
        now=wiring.clock(),
        new_id=wiring.new_key_id,
        new_secret=wiring.new_secret,
    )
    return reply(app, key_view(new.entry) | {"key": new.key}, status=201, headers={"Cache-Control": "no-store"})


handle = entry(app)
