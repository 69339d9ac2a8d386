"""POST /api/cost/record"""

from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Body as FromBody

from tollgate import wiring
from tollgate.edge.cost_wire import RecordAsked, recorded_view
from tollgate.edge.http import REPLAY, caller, entry, reply, request_id, rest_app, settings_for
from tollgate.edge.record_wire import spent_of
from tollgate.usecases.record_cost import record

app = rest_app()


@app.post("/api/cost/record")
def record_cost(body: Annotated[RecordAsked, FromBody()]) -> Response[str]:
    settings = settings_for(app, caller(app).tenant(body.tenant_id), wiring.known_settings())
    now = wiring.clock()
    spent = spent_of(body, app.current_event.headers, wiring.prices(), request_id=request_id(app), now=now)
    recorded = record(spent, settings, ledger=wiring.ledger(), accounts=wiring.accounts(), clock=wiring.clock)
    view = recorded_view(recorded, settings, now)
    return reply(app, view, status=201) if recorded.is_new else reply(app, view, headers=REPLAY)


handle = entry(app)
