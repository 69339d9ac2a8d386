"""GET /api/connections/{connectionId} (admin)"""

from aws_lambda_powertools.event_handler import Response

from tollgate import wiring
from tollgate.edge.connection_wire import ConnectionPath, connection_view
from tollgate.edge.http import caller, entry, reply, rest_app
from tollgate.usecases.manage_connections import find_connection

app = rest_app()


@app.get("/api/connections/<connection_id>")
def get_connection(connection_id: ConnectionPath) -> Response[str]:
    caller(app).must_be_admin()
    connection = find_connection(connection_id, wiring.connections(), wiring.given_connection())
    view = connection_view(connection, wiring.syncs().read(connection.id))
    return reply(app, view, headers={"ETag": f'"{connection.version}"'})


handle = entry(app)
