"""How an answer is written: how fast, and how long. Set for the whole server, or by a message for its own call."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields, replace
from random import uniform
from typing import Any, Literal

from infra.local.openai_server.fields import Json
from infra.local.openai_server.message import texts

Length = int | Literal["worst"] | None
DIRECTIVE = re.compile(r"\[\[local:([^\]]*)\]\]")
JSON_NAMES = {
    "latencySeconds": "latency_s",
    "jitterSeconds": "jitter_s",
    "outputTokens": "output_tokens",
    "tokensPerSecond": "tokens_per_second",
    "latency": "latency_s",
    "jitter": "jitter_s",
}


class WritingInvalid(Exception):
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class Writing:
    latency_s: float = 0.0
    jitter_s: float = 0.0
    output_tokens: Length = None
    tokens_per_second: float | None = None

    def __post_init__(self) -> None:
        if self.latency_s < 0 or self.jitter_s < 0 or (self.tokens_per_second or 1) <= 0:
            raise WritingInvalid("times are not negative, and a speed is above 0")
        if not (
            self.output_tokens in (None, "worst") or (isinstance(self.output_tokens, int) and self.output_tokens >= 1)
        ):
            raise WritingInvalid("outputTokens is a whole number from 1 on, 'worst' or null")

    def wait_s(self) -> float:
        return self.latency_s + uniform(0, self.jitter_s)  # noqa: S311

    def changed(self, values: Json) -> Writing:
        """Raises WritingInvalid."""
        unknown = values.keys() - JSON_NAMES.keys()
        if unknown:
            raise WritingInvalid(f"unknown: {', '.join(sorted(unknown))}")
        try:
            return replace(self, **{JSON_NAMES[name]: value for name, value in values.items()})
        except TypeError as error:
            raise WritingInvalid("times and speeds are numbers") from error

    def as_json(self) -> Json:
        names = {ours: theirs for theirs, ours in reversed(JSON_NAMES.items())}
        return {names[field.name]: getattr(self, field.name) for field in fields(self)}


def directed(writing: Writing, messages: list[Json]) -> Writing:
    """`[[local: outputTokens=120 latency=2.5]]` in a user's message; the last one counts."""
    for message in reversed(messages):
        if message.get("role") != "user":
            continue
        for text in texts(message):
            if "[[local:" in text and (found := DIRECTIVE.search(text)):
                return writing.changed(dict(parse_pair(pair) for pair in found[1].split()))
    return writing


def parse_pair(pair: str) -> tuple[str, Any]:
    name, _, value = pair.partition("=")
    if name == "outputTokens" and value == "worst":
        return name, value
    try:
        return name, int(value) if name == "outputTokens" else float(value)
    except ValueError as error:
        raise WritingInvalid(f"not a number: {pair}") from error
