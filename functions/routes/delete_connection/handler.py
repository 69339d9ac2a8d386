"""DELETE /api/connections/{connectionId} (admin)"""

from aws_lambda_powertools.event_handler import Response

from tollgate import wiring
from tollgate.edge.connection_wire import ConnectionPath
from tollgate.edge.http import caller, entry, request_id, rest_app
from tollgate.usecases.manage_connections import remove_connection

app = rest_app()


@app.delete("/api/connections/<connection_id>")
def delete_connection(connection_id: ConnectionPath) -> Response[str]:
    caller(app).must_be_admin()
    remove_connection(connection_id, wiring.connection_ports())
    return Response(status_code=204, body="", headers={"x-request-id": request_id(app)})


handle = entry(app)
