"""GET /api/cost/budget/{tenantId}"""

from aws_lambda_powertools.event_handler import Response

from tollgate import wiring
from tollgate.domain.errors import TenantNotFound
from tollgate.domain.window import window_at
from tollgate.edge.cost_wire import budget_view
from tollgate.edge.http import TenantPath, caller, entry, reply, rest_app

app = rest_app()


@app.get("/api/cost/budget/<tenant_id>")
def get_budget(tenant_id: TenantPath) -> Response[str]:
    tenant_id = caller(app).tenant(tenant_id)
    now = wiring.clock()
    settings = wiring.accounts().read(tenant_id)
    if settings is None:
        raise TenantNotFound(tenant_id)
    page = wiring.ledger().read_page(tenant_id, window_at(now, settings.zones).month)
    return reply(app, budget_view(settings, page, now), headers={"ETag": f'"{settings.version}"'})


handle = entry(app)
