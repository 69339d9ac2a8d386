"""GET /openapi.json and GET /docs: this API's own description, for machines and for people"""

from importlib.resources import files

from aws_lambda_powertools.event_handler import Response

from tollgate.edge.http import entry, request_id, rest_app

# Nothing in it is of a tenant or of this deployment.
CACHE = "public, max-age=3600"
app = rest_app()


@app.get("/openapi.json")
def get_openapi() -> Response[str]:
    return _file("openapi.json", "application/json")


@app.get("/docs")
def get_docs() -> Response[str]:
    return _file("openapi.html", "text/html; charset=utf-8")


def _file(name: str, content_type: str) -> Response[str]:
    text = files("tollgate.data").joinpath(name).read_text(encoding="utf-8")
    return Response(200, content_type, text, {"Cache-Control": CACHE, "x-request-id": request_id(app)})


handle = entry(app)
