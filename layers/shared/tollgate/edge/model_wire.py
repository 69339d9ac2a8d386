"""A model as OpenAI lists it."""

from typing import Any

from tollgate.domain.model import Model


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
