"""POST /api/connections/{connectionId}/check (admin)"""

from contextlib import closing

from aws_lambda_powertools.event_handler import Response

from tollgate import wiring
from tollgate.edge.connection_wire import ConnectionPath, check_view
from tollgate.edge.http import caller, entry, reply, rest_app
from tollgate.usecases.check_connection import check_connection as check
from tollgate.usecases.manage_connections import find_connection

app = rest_app()


@app.post("/api/connections/<connection_id>/check")
def check_connection(connection_id: ConnectionPath) -> Response[str]:
    caller(app).must_be_admin()
    started_at = wiring.clock()
    connection = find_connection(connection_id, wiring.connections(), wiring.given_connection())
    with closing(wiring.connection_probe(connection)) as probe:
        found = check(connection, probe, wiring.leases(), clock=wiring.clock, started_at=started_at)
    return reply(app, check_view(found))


handle = entry(app)
