"""GET /api/drifts (admin)"""

from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Query

from tollgate import wiring
from tollgate.edge.drift_wire import drift_view
from tollgate.edge.http import caller, entry, reply, rest_app

app = rest_app()


@app.get("/api/drifts")
def list_drifts(closed: Annotated[int, Query(ge=0, le=1000)] = 100) -> Response[str]:
    """All that are open, and so many of those that were closed last."""
    caller(app).must_be_admin()
    return reply(app, {"drifts": [drift_view(kept) for kept in wiring.drifts().newest(closed)]})


handle = entry(app)
