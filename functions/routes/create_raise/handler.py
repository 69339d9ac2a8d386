"""POST /api/cost/budget/{tenantId}/raises (admin)"""

from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Body as FromBody

from tollgate import wiring
from tollgate.domain.window import window_at
from tollgate.edge.cost_wire import RaiseAsked, budget_view, raise_wanted
from tollgate.edge.http import TenantPath, caller, entry, reply, rest_app
from tollgate.usecases.raise_limits import raise_limits

app = rest_app()


@app.post("/api/cost/budget/<tenant_id>/raises")
def create_raise(tenant_id: TenantPath, body: Annotated[RaiseAsked, FromBody()]) -> Response[str]:
    caller(app).must_be_admin()
    wanted = raise_wanted(body)
    raise_id, settings = raise_limits(
        tenant_id, wanted, wiring.accounts(), new_id=wiring.new_key_id, clock=wiring.clock
    )
    now = wiring.clock()
    page = wiring.ledger().read_page(tenant_id, window_at(now, settings.zones).month)
    return reply(app, {"id": raise_id, "budget": budget_view(settings, page, now)}, status=201)


handle = entry(app)
