"""DELETE /api/keys/{keyId} (admin)"""

from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Path

from tollgate import wiring
from tollgate.edge.http import caller, entry, request_id, rest_app
from tollgate.usecases.manage_keys import revoke_key as revoke

app = rest_app()


@app.delete("/api/keys/<key_id>")
def revoke_key(key_id: Annotated[str, Path(max_length=64)]) -> Response[str]:
    caller(app).must_be_admin()
    revoke(key_id, wiring.keys())
    return Response(status_code=204, body="", headers={"x-request-id": request_id(app)})


handle = entry(app)
