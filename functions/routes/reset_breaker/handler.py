"""DELETE /api/breakers/{breakerId} (admin)"""

from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Path

from tollgate import wiring
from tollgate.edge.http import caller, entry, request_id, rest_app
from tollgate.usecases.manage_breakers import reset_breaker as reset

app = rest_app()


@app.delete("/api/breakers/<breaker_id>")
def reset_breaker(breaker_id: Annotated[str, Path(max_length=64)]) -> Response[str]:
    caller(app).must_be_admin()
    reset(breaker_id, wiring.breakers())
    return Response(status_code=204, body="", headers={"x-request-id": request_id(app)})


handle = entry(app)
