"""Twice a day: when do OpenAI's models end? No call needs the answer: the price list has days of its own."""

from collections.abc import Mapping
from typing import Any

from tollgate import wiring
from tollgate.edge.schedules import scheduled
from tollgate.usecases.refresh_models import refresh_models


def refresh(_: Mapping[str, Any]) -> Mapping[str, Any]:
    if not wiring.settings().openai_api_key_secret_arn:
        return {"configured": False}
    refreshed = refresh_models(
        wiring.model_source(), wiring.stored_ends(), wiring.prices().shipped_ends(), now=wiring.clock()
    )
    differing = {name: day.isoformat() if day else None for name, day in refreshed.differing.items()}
    return {"configured": True, "told": refreshed.told, "differing": differing}


handle = scheduled(refresh)
