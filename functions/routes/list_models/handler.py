"""GET /v1/models and GET /v1/models/{modelId}"""

from urllib.parse import unquote

from aws_lambda_powertools.event_handler import Response

from tollgate import wiring
from tollgate.domain.tenant import TenantSettings
from tollgate.edge.http import caller, entry, reply, rest_app, settings_for
from tollgate.edge.model_wire import model_view
from tollgate.usecases.list_models import find_model
from tollgate.usecases.list_models import list_models as list_all

# A function of its own: it needs neither the SDK nor the tokenizer that every environment of the chat function loads.
app = rest_app()


@app.get("/v1/models")
def list_models() -> Response[str]:
    found = list_all(_settings(), wiring.prices(), wiring.clock())
    return reply(app, {"object": "list", "data": [model_view(model) for model in found]})


@app.get("/v1/models/<model_id>")
def retrieve_model(model_id: str) -> Response[str]:
    return reply(app, model_view(find_model(unquote(model_id), _settings(), wiring.prices(), wiring.clock())))


def _settings() -> TenantSettings:
    tenant_id = caller(app).tenant(app.current_event.headers.get("x-tollgate-tenant"))
    return settings_for(app, tenant_id, wiring.known_settings())


handle = entry(app)
