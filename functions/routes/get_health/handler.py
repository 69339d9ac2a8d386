"""GET /api/health"""

from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Query

from tollgate import VERSION, wiring
from tollgate.edge.http import entry, reply, rest_app
from tollgate.usecases.check_health import check_health

app = rest_app()


@app.get("/api/health")
def get_health(deep: Annotated[bool, Query()] = False) -> Response[str]:  # noqa: FBT002
    warnings = wiring.model_warnings()
    if not deep:
        return reply(app, {"status": "ok", "version": VERSION, "warnings": warnings})
    health = check_health(wiring.health_checks())
    status = "ok" if health.is_ok else "degraded"
    body = {"status": status, "version": VERSION, "checks": health.checks, "warnings": warnings}
    return reply(app, body, status=200 if health.is_ok else 503)


handle = entry(app)
