"""POST /api/cost/corrections (admin)"""

from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Body as FromBody

from tollgate import wiring
from tollgate.edge.correction_wire import CorrectionAsked, corrected_view, correction_of
from tollgate.edge.http import REPLAY, caller, entry, reply, rest_app, settings_for
from tollgate.usecases.correct_cost import correct_cost as correct

app = rest_app()


@app.post("/api/cost/corrections")
def correct_cost(body: Annotated[CorrectionAsked, FromBody()]) -> Response[str]:
    caller(app).must_be_admin()
    settings = settings_for(app, body.tenant_id, wiring.known_settings())
    corrected = correct(
        correction_of(body), settings, ledger=wiring.ledger(), accounts=wiring.accounts(), clock=wiring.clock
    )
    view = corrected_view(corrected, settings)
    return reply(app, view, status=201) if corrected.is_new else reply(app, view, headers=REPLAY)


handle = entry(app)
