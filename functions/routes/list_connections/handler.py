"""GET /api/connections (admin)"""

from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Query

from tollgate import wiring
from tollgate.domain.tenant import TENANT_ID
from tollgate.edge.connection_wire import connection_view
from tollgate.edge.http import caller, entry, reply, rest_app
from tollgate.usecases.manage_connections import list_connections as list_all

app = rest_app()


@app.get("/api/connections")
def list_connections(
    tenant_id: Annotated[str | None, Query(alias="tenantId", pattern=TENANT_ID)] = None,
) -> Response[str]:
    caller(app).must_be_admin()
    found = list_all(wiring.connections(), wiring.given_connection(), tenant_id=tenant_id)
    statuses = wiring.syncs().all() if found else {}
    views = [connection_view(connection, statuses.get(connection.id)) for connection in found]
    return reply(app, {"connections": views})


handle = entry(app)
