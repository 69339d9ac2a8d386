"""PUT /api/connections/{connectionId} (admin)"""

from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Body as FromBody

from tollgate import wiring
from tollgate.edge.connection_wire import ConnectionEdit, ConnectionPath, connection_change, connection_view
from tollgate.edge.http import caller, entry, if_version, reply, rest_app
from tollgate.usecases.manage_connections import change_connection

app = rest_app()


@app.put("/api/connections/<connection_id>")
def put_connection(connection_id: ConnectionPath, body: Annotated[ConnectionEdit, FromBody()]) -> Response[str]:
    caller(app).must_be_admin()
    change = connection_change(body, if_version=if_version(app))
    connection = change_connection(connection_id, change, wiring.connection_ports())
    view = connection_view(connection, wiring.syncs().read(connection.id))
    return reply(app, view, headers={"ETag": f'"{connection.version}"'})


handle = entry(app)
