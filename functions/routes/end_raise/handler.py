"""DELETE /api/cost/budget/{tenantId}/raises/{raiseId} (admin)"""

from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Path

from tollgate import wiring
from tollgate.edge.http import TenantPath, caller, entry, request_id, rest_app
from tollgate.usecases.raise_limits import end_raise as end

app = rest_app()


@app.delete("/api/cost/budget/<tenant_id>/raises/<raise_id>")
def end_raise(tenant_id: TenantPath, raise_id: Annotated[str, Path(max_length=64)]) -> Response[str]:
    caller(app).must_be_admin()
    end(tenant_id, raise_id, wiring.accounts(), clock=wiring.clock)
    return Response(status_code=204, body="", headers={"x-request-id": request_id(app)})


handle = entry(app)
