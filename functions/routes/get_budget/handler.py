"""GET /api/cost/budget/{tenantId}"""

from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Query

from tollgate import wiring
from tollgate.domain.window import MONTH
from tollgate.edge.cost_wire import budget_view, past_view
from tollgate.edge.http import TenantPath, caller, entry, reply, rest_app
from tollgate.usecases.read_budget import read_budget

app = rest_app()


@app.get("/api/cost/budget/<tenant_id>")
def get_budget(tenant_id: TenantPath, month: Annotated[str | None, Query(pattern=MONTH)] = None) -> Response[str]:
    tenant_id = caller(app).tenant(tenant_id)
    now = wiring.clock()
    budget = read_budget(tenant_id, month, wiring.ledger(), wiring.accounts(), now=now)
    if budget.is_past and budget.page is not None:
        body = past_view(budget.settings, budget.page)
    else:
        body = budget_view(budget.settings, budget.page, now)
    return reply(app, body, headers={"ETag": f'"{budget.settings.version}"'})


handle = entry(app)
