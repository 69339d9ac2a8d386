"""One request that OpenAI takes money for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from infra.local.openai_server.compact_json import compact
from infra.local.openai_server.fields import Json


class Outcome(StrEnum):
    SERVED = "served"
    BILLED_UNSEEN = "billed_unseen"
    """Billed, though its answer did not reach the client whole."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bill:
    id: str
    request_id: str
    endpoint: str
    model: str
    """As the client named it; `answered_model` is the dated name behind it."""
    answered_model: str
    service_tier: str
    usage: Json
    tokens: dict[str, int]
    stream: bool
    user: str | None
    metadata: dict[str, str]
    api_key_hash: str

    def line(self, n: int, outcome: Outcome) -> bytes:
        entry = {
            "n": n,
            "id": self.id,
            "requestId": self.request_id,
            "at": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "endpoint": self.endpoint,
            "model": self.model,
            "answeredModel": self.answered_model,
            "serviceTier": self.service_tier,
            "usage": self.usage,
            "tokens": self.tokens,
            "stream": self.stream,
            "outcome": outcome,
            "user": self.user,
            "metadata": self.metadata,
            "apiKeyHash": self.api_key_hash,
        }
        return compact(entry).encode() + b"\n"
