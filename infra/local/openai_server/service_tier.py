"""Which tier a call asks for, and which one the answer says."""

from __future__ import annotations

from infra.local.openai_server.api_error import bad_request
from infra.local.openai_server.fields import Json, word
from infra.local.openai_server.model import Model

ASKED = ("auto", "default", "flex", "scale", "priority", "fast", "ultrafast")


def served_tier(body: Json, model: Model) -> str:
    """`auto` is this project's setting, which is `default`; nobody here has bought scale."""
    match word(body, "service_tier", ASKED):
        case None | "auto" | "default" | "scale":
            return "default"
        case "fast" if "fast" in model.tiers:
            # The SDK documents `priority` as the echo of fast; gpt-6 was seen to say `fast`.
            return "fast" if model.name.startswith("gpt-6") else "priority"
        case tier if tier in model.tiers:
            return tier
        case tier:
            raise bad_request(
                f"Invalid service_tier argument: '{tier}' is not supported by this model.", param="service_tier"
            )
