"""POST /api/connections (admin)"""

from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Body as FromBody

from tollgate import wiring
from tollgate.edge.connection_wire import NewConnection, connection_view, connection_wanted
from tollgate.edge.http import caller, entry, reply, rest_app
from tollgate.usecases.manage_connections import add_connection

app = rest_app()


@app.post("/api/connections")
def create_connection(body: Annotated[NewConnection, FromBody()]) -> Response[str]:
    caller(app).must_be_admin()
    connection = add_connection(connection_wanted(body), wiring.connection_ports())
    return reply(app, connection_view(connection, None), status=201, headers={"ETag": f'"{connection.version}"'})


handle = entry(app)
