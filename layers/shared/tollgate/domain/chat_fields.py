"""What a chat request may have, and how the cost of each field is bounded. The same as a table for people: infra/bounds.md."""

from collections.abc import Mapping
from enum import StrEnum


class Bounded(StrEnum):
    """How a field's cost is bounded."""

    BY_BYTES = "by its UTF-8 bytes, since every token has at least one; images by their size and detail"
    BY_ITSELF = "by its own number"
    BY_GATE = "set by the gate"
    FREE = "no known cost"


FIELDS: Mapping[str, Bounded] = {
    "model": Bounded.BY_GATE,
    "messages": Bounded.BY_BYTES,
    "tools": Bounded.BY_BYTES,
    "tool_choice": Bounded.BY_BYTES,
    "functions": Bounded.BY_BYTES,
    "function_call": Bounded.BY_BYTES,
    "response_format": Bounded.BY_BYTES,
    "max_completion_tokens": Bounded.BY_ITSELF,
    "max_tokens": Bounded.BY_ITSELF,
    "n": Bounded.BY_ITSELF,
    "service_tier": Bounded.BY_GATE,
    "stream": Bounded.BY_GATE,
    "stream_options": Bounded.BY_GATE,
    "metadata": Bounded.BY_GATE,
    "store": Bounded.BY_GATE,
    "modalities": Bounded.BY_GATE,
    "prompt_cache_options": Bounded.BY_GATE,
    "temperature": Bounded.FREE,
    "top_p": Bounded.FREE,
    "presence_penalty": Bounded.FREE,
    "frequency_penalty": Bounded.FREE,
    "logit_bias": Bounded.FREE,
    "logprobs": Bounded.FREE,
    "top_logprobs": Bounded.FREE,
    "seed": Bounded.FREE,
    "stop": Bounded.FREE,
    "user": Bounded.FREE,
    "safety_identifier": Bounded.FREE,
    "prompt_cache_key": Bounded.FREE,
    "parallel_tool_calls": Bounded.FREE,
    "reasoning_effort": Bounded.FREE,
    "verbosity": Bounded.FREE,
}

REFUSED: Mapping[str, str] = {
    "audio": "Audio output cannot be bounded; ask for text, and speak it with a model of its own.",
    "prediction": "Rejected tokens of a prediction are billed beyond any maximum; leave it out.",
    "web_search_options": "Web search is billed by the search and by what it finds; search with a function tool of your own.",
    "prompt_cache_retention": "Cache lifetimes are priced apart; leave them out, and the prompt is cached as usual.",
}

MESSAGE_FIELDS = frozenset(
    {"role", "content", "name", "tool_calls", "tool_call_id", "function_call", "refusal", "annotations"}
)
MESSAGE_REFUSED: Mapping[str, str] = {
    "audio": "Spoken answers are billed anew as audio; send their transcript as content.",
}

# By type of content part: its fields.
PARTS: Mapping[str, frozenset[str]] = {
    "text": frozenset({"type", "text"}),
    "refusal": frozenset({"type", "refusal"}),
    "image_url": frozenset({"type", "image_url"}),
}
PARTS_REFUSED: Mapping[str, str] = {
    "input_audio": "Audio cannot be bounded by its bytes; send its transcript as text.",
    "file": "A file is billed by its text and by an image of each page; send its text, or its pages as image_url parts.",
}
PART_FIELDS_REFUSED: Mapping[str, str] = {
    "prompt_cache_breakpoint": "Cache writes with a lifetime of their own cost up to 2.5 times the input; leave it out."
}

# By type of tool: its fields. Hosted tools (web search, file search, ...) are billed by what they do, and Chat has none.
TOOLS: Mapping[str, frozenset[str]] = {
    "function": frozenset({"type", "function"}),
    "custom": frozenset({"type", "custom"}),
}
