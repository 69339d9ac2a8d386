"""GET /api/cost/summary/{tenantId}, and GET /api/cost/summary over all tenants: the same tables, rights and libraries."""

from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Query

from tollgate import wiring
from tollgate.domain.summary import GroupBy
from tollgate.domain.tenant import TENANT_ID
from tollgate.edge.http import TenantPath, caller, entry, reply, request_id, rest_app
from tollgate.edge.summary_wire import CSV_TYPE, summary_body, summary_csv, tenants_body, tenants_csv, wants_csv
from tollgate.usecases.report_spend import SummaryRequest, report_spend
from tollgate.usecases.report_spend_of_all import LIMIT_MAX, TenantsRequest, report_spend_of_all

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
    summary = report_spend(
        request,
        accounts=wiring.accounts(),
        rollups=wiring.rollups(),
        refusals=wiring.refusals(),
        now=wiring.clock(),
    )
    if wants_csv(app.current_event.headers.get("accept")):
        return _sheet(summary_csv(summary))
    return reply(app, summary_body(summary))


@app.get("/api/cost/summary")
def summarize_cost_of_all(
    first: Annotated[str | None, Query(alias="from", description="A date, or an RFC 3339 instant.")] = None,
    last: Annotated[str | None, Query(alias="to", description="A date, included; or an instant, excluded.")] = None,
    timezone: Annotated[str | None, Query(description="An IANA time zone; else UTC.")] = None,
    limit: Annotated[int, Query(ge=1, le=LIMIT_MAX)] = 100,
    cursor: Annotated[str | None, Query(pattern=TENANT_ID, description="`nextCursor` of the page before.")] = None,
) -> Response[str]:
    caller(app).must_be_admin()
    request = TenantsRequest(first=first, last=last, timezone=timezone, limit=limit, cursor=cursor)
    summary = report_spend_of_all(request, rollups=wiring.rollups(), now=wiring.clock())
    if wants_csv(app.current_event.headers.get("accept")):
        return _sheet(tenants_csv(summary))
    return reply(app, tenants_body(summary))


def _sheet(text: str) -> Response[str]:
    return Response(200, f"{CSV_TYPE}; charset=utf-8", text, {"x-request-id": request_id(app)})


handle = entry(app)
