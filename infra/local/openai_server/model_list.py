"""GET /v1/models, with the day on which each model ends."""

from __future__ import annotations

import json

from starlette.responses import Response

from infra.local.openai_server.api_error import model_not_found
from infra.local.openai_server.call import Call
from infra.local.openai_server.embedding import DIMENSIONS
from infra.local.openai_server.fields import Json
from infra.local.openai_server.model import BY_NAME

EMBEDDINGS_CREATED = 1_705_948_997


def described(name: str) -> Json:
    """Raises ApiError."""
    if name not in BY_NAME and name not in DIMENSIONS:
        raise model_not_found(name)
    model = BY_NAME.get(name)
    return {
        "id": name,
        "object": "model",
        "created": model.created if model else EMBEDDINGS_CREATED,
        "owned_by": "system",
        "shutdown_date": model.shutdown if model else None,
    }


async def list_models(call: Call) -> Response:
    content = {"object": "list", "data": [described(name) for name in (*BY_NAME, *DIMENSIONS)]}
    return Response(json.dumps(content), 200, call.headers(), "application/json")


async def get_model(call: Call) -> Response:
    return Response(json.dumps(described(call.body["name"])), 200, call.headers(), "application/json")
