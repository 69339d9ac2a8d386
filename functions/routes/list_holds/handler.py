"""GET /api/cost/budget/{tenantId}/holds"""

from aws_lambda_powertools.event_handler import Response

from tollgate import wiring
from tollgate.domain.errors import TenantNotFound
from tollgate.edge.cost_wire import hold_view
from tollgate.edge.http import TenantPath, caller, entry, reply, rest_app
from tollgate.usecases.show_holds import holds_of

app = rest_app()


@app.get("/api/cost/budget/<tenant_id>/holds")
def list_holds(tenant_id: TenantPath) -> Response[str]:
    tenant_id = caller(app).tenant(tenant_id)
    settings = wiring.accounts().read(tenant_id)
    if settings is None:
        raise TenantNotFound(tenant_id)
    now = wiring.clock()
    return reply(app, {"holds": [hold_view(entry, now) for entry in holds_of(settings, wiring.ledger(), now=now)]})


handle = entry(app)
