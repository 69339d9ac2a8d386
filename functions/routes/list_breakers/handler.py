"""GET /api/breakers (admin)"""

from aws_lambda_powertools.event_handler import Response

from tollgate import wiring
from tollgate.edge.breaker_wire import breaker_view
from tollgate.edge.http import caller, entry, reply, rest_app
from tollgate.usecases.manage_breakers import list_breakers as list_all

app = rest_app()


@app.get("/api/breakers")
def list_breakers() -> Response[str]:
    caller(app).must_be_admin()
    found = list_all(wiring.breakers(), wiring.breaker_rules(), wiring.clock())
    return reply(app, {"breakers": [breaker_view(breaker) for breaker in found]})


handle = entry(app)
