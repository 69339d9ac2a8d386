"""What was used and what it costs, by minute and key: what OpenAI's organization Costs and Usage APIs tell from."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from fractions import Fraction

from infra.local.openai_server.fields import Json
from infra.local.openai_server.price import line_items

EMBEDDINGS = "/v1/embeddings"


@dataclass(frozen=True, slots=True)
class Use:
    """What one request used. `second`: since 1970, UTC."""

    second: int
    key_hash: str
    is_embedding: bool
    model: str
    tier: str
    tokens: dict[str, int]
    items: dict[str, tuple[Fraction, int]]

    @property
    def cost(self) -> Fraction:
        """In dollars."""
        return sum((dollars for dollars, _ in self.items.values()), Fraction(0))


@dataclass
class Meter:
    """`uses`: in the order in which they were billed. `spent`: dollars by key and month (UTC)."""

    uses: list[Use] = field(default_factory=list)
    spent: dict[tuple[str, str], Fraction] = field(default_factory=lambda: defaultdict(Fraction))

    def count(self, entry: Json) -> None:
        """One line of the books."""
        at = datetime.fromisoformat(str(entry["at"])).astimezone(UTC)
        model, named, tier = str(entry["model"]), str(entry["answeredModel"]), str(entry["serviceTier"])
        tokens = entry["tokens"]
        use = Use(
            second=int(at.timestamp()),
            key_hash=str(entry["apiKeyHash"]),
            is_embedding=entry["endpoint"] == EMBEDDINGS,
            model=named,
            tier=tier,
            tokens=tokens,
            items=line_items(model, named, tier, tokens, at),
        )
        self.uses.append(use)
        self.spent[use.key_hash, f"{at:%Y-%m}"] += use.cost

    def between(self, start: int, end: int, *, known_at: float) -> Iterator[Use]:
        """Of this time, the end excluded, and billed until `known_at`."""
        return (use for use in self.uses if start <= use.second < end and use.second <= known_at)
