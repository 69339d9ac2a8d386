"""GET /api/keys (admin)"""

from aws_lambda_powertools.event_handler import Response

from tollgate import wiring
from tollgate.edge.cost_wire import key_view
from tollgate.edge.http import caller, entry, reply, rest_app

app = rest_app()


@app.get("/api/keys")
def list_keys() -> Response[str]:
    caller(app).must_be_admin()
    return reply(app, {"keys": [key_view(entry) for entry in wiring.keys().list()]})


handle = entry(app)
