"""DELETE /api/cost/budget/{tenantId}/holds/{holdId} (admin)"""

from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Path

from tollgate import wiring
from tollgate.domain.hold_id import parse_hold_id
from tollgate.edge.cost_wire import closed_view
from tollgate.edge.http import TenantPath, caller, entry, reply, rest_app
from tollgate.usecases.show_holds import close_hold as close

app = rest_app()


@app.delete("/api/cost/budget/<tenant_id>/holds/<hold_id>")
def close_hold(tenant_id: TenantPath, hold_id: Annotated[str, Path(max_length=64)]) -> Response[str]:
    caller(app).must_be_admin()
    closed = close(tenant_id, parse_hold_id(hold_id), wiring.ledger(), clock=wiring.clock)
    return reply(app, closed_view(closed))


handle = entry(app)
