"""POST /api/cost/check"""

from datetime import timedelta
from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Body as FromBody

from tollgate import wiring
from tollgate.edge.cost_wire import CheckAsked, attribution_of, hold_time, verdict_view
from tollgate.edge.http import caller, entry, reply, rest_app, settings_for
from tollgate.edge.openai_wire import check_menu
from tollgate.edge.refusals import counting_refusals
from tollgate.usecases.check_cost import Check, check_cost

app = rest_app()


@app.post("/api/cost/check")
def check(body: Annotated[CheckAsked, FromBody()]) -> Response[str]:
    settings = settings_for(app, caller(app).tenant(body.tenant_id), wiring.known_settings())
    now = wiring.clock()
    attribution = attribution_of(body.metadata, app.current_event.headers)
    tally = wiring.refusal_tally()
    with tally.counting(settings.tenant_id, attribution.agent):
        menu = check_menu(body, settings, attribution, prices=wiring.prices(), counter=wiring.counter(), at=now)
    deadline = now + timedelta(milliseconds=app.lambda_context.get_remaining_time_in_millis())
    asked = Check(menu=menu, attribution=attribution, hold_for=hold_time(body))
    verdict = check_cost(asked, settings, wiring.check_ports(), deadline=deadline)
    wiring.known_settings().saw(verdict.settings)
    if verdict.refusal is not None:
        tally.count(verdict.refusal.reason.value, settings.tenant_id, attribution.agent)
    return reply(app, verdict_view(verdict, menu.asked.price.model, now))


handle = counting_refusals(entry(app), wiring.refusal_tally)
