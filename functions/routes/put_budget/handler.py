"""PUT /api/cost/budget/{tenantId} (admin)"""

from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Body as FromBody

from tollgate import wiring
from tollgate.domain.window import window_at
from tollgate.edge.cost_wire import BudgetChange, budget_view, changed_values
from tollgate.edge.http import TenantPath, caller, entry, if_version, reply, rest_app
from tollgate.usecases.change_limits import Change, change_limits

app = rest_app()


@app.put("/api/cost/budget/<tenant_id>")
def put_budget(tenant_id: TenantPath, body: Annotated[BudgetChange, FromBody()]) -> Response[str]:
    caller(app).must_be_admin()
    change = Change(tenant_id=tenant_id, values=changed_values(body), zone=body.timezone, if_version=if_version(app))
    changed = change_limits(change, wiring.accounts(), defaults=wiring.default_settings, clock=wiring.clock)
    now, settings = wiring.clock(), changed.settings
    page = wiring.ledger().read_page(tenant_id, window_at(now, settings.zones).month)
    headers = {"ETag": f'"{settings.version}"'}
    return reply(app, budget_view(settings, page, now), status=201 if changed.is_new else 200, headers=headers)


handle = entry(app)
