"""GET /api/cost/summary/{tenantId}"""

from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Query

from tollgate import wiring
from tollgate.domain.summary import GroupBy
from tollgate.edge.http import TenantPath, caller, entry, reply, request_id, rest_app
from tollgate.edge.summary_wire import CSV_TYPE, summary_body, summary_csv, wants_csv
from tollgate.usecases.report_spend import SummaryRequest, report_spend

app = rest_app()


@app.get("/api/cost/summary/<tenant_id>")
def summarize_cost(
    tenant_id: TenantPath,
    first: Annotated[str | None, Query(alias="from", description="A date, or an RFC 3339 instant.")] = None,
    last: Annotated[str | None, Query(alias="to", description="A date, included; or an instant, excluded.")] = None,
    group_by: Annotated[str | None, Query(alias="groupBy", json_schema_extra={"enum": list(GroupBy)})] = None,
    timezone: Annotated[str | None, Query(description="An IANA time zone; else the tenant's own.")] = None,
) -> Response[str]:
    tenant_id = caller(app).tenant(tenant_id)
    request = SummaryRequest(tenant_id=tenant_id, first=first, last=last, group_by=group_by, timezone=timezone)
    summary = report_spend(request, accounts=wiring.accounts(), spans=wiring.spans(), now=wiring.clock())
    if wants_csv(app.current_event.headers.get("accept")):
        return Response(200, f"{CSV_TYPE}; charset=utf-8", summary_csv(summary), {"x-request-id": request_id(app)})
    return reply(app, summary_body(summary))


handle = entry(app)
