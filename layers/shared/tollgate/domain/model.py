"""What a model is and can do, as far as it decides how a call is bounded, priced, and rewritten."""

from dataclasses import dataclass
from enum import StrEnum

from tollgate.domain.lifecycle import Lifetime


class Kind(StrEnum):
    """Which of OpenAI's routes take it: `chat` is served by Chat Completions and by Responses."""

    CHAT = "chat"
    RESPONSES = "responses"
    EMBEDDING = "embedding"


class Capability(StrEnum):
    VISION = "vision"
    TOOLS = "tools"
    STRUCTURED_OUTPUT = "structured_output"
    REASONING = "reasoning"


class Taken(StrEnum):
    """When a model takes something on Chat Completions. `UNKNOWN`: no source says."""

    ALWAYS = "always"
    EFFORT_NONE = "effort_none"
    """Only with `reasoning_effort: "none"`, said outright."""
    NEVER = "never"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """`effort_none`: it takes `reasoning_effort: "none"`. `output_max`: tokens of one answer; 0 for embeddings."""

    name: str
    kind: Kind
    input_max: int
    output_max: int
    lifetime: Lifetime
    capabilities: frozenset[Capability] = frozenset()
    max_tokens_refused: bool = False
    effort_none: bool = False
    chat_tools: Taken = Taken.UNKNOWN
    temperature: Taken = Taken.UNKNOWN

    def __post_init__(self) -> None:
        if self.input_max <= 0 or self.output_max < 0:
            raise ValueError(f"{self.name}: a model takes at least one token, and writes none at the least")
