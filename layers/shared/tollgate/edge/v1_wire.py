"""What comes by `/v1` besides chat, in OpenAI's words: embeddings, responses, and the list of models."""

from collections.abc import Mapping
from typing import Any

from tollgate.domain.embeddings import EmbeddingsRequest, parse_embeddings
from tollgate.domain.errors import RequestInvalid
from tollgate.domain.model import Model
from tollgate.edge.cost_wire import Labels, attribution_of
from tollgate.edge.http import read_json


def v1_embeddings(text: str | None, headers: Mapping[str, str]) -> EmbeddingsRequest:
    """Raises RequestInvalid for what is not a JSON object. It has no metadata, so whose work it is stands in the headers."""
    return parse_embeddings(_json_object(text), attribution_of(Labels(), headers))


def model_view(model: Model) -> dict[str, Any]:
    """`created` is in OpenAI's shape, and no part of the price list."""
    shutdown = model.lifetime.shutdown
    return {
        "id": model.name,
        "object": "model",
        "created": 0,
        "owned_by": "openai",
        "shutdown_date": shutdown.isoformat() if shutdown is not None else None,
    }


def _json_object(text: str | None) -> dict[str, Any]:
    try:
        body = read_json(text or "", number=float)
    except ValueError as error:
        raise RequestInvalid("The body is not valid JSON.") from error
    if not isinstance(body, dict):
        raise RequestInvalid("The body must be a JSON object.")
    return body
