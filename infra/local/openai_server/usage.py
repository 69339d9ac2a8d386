"""What one request used, in the shapes that OpenAI tells it and in the classes that it is billed by."""

from __future__ import annotations

from dataclasses import dataclass

from infra.local.openai_server.fields import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    prompt: int
    cached: int = 0
    cache_write: int = 0
    image: int = 0
    completion: int = 0
    reasoning: int = 0
    rejected: int = 0

    def __post_init__(self) -> None:
        assert self.cached + self.cache_write <= self.prompt
        assert self.reasoning + self.rejected <= self.completion

    def classes(self) -> dict[str, int]:
        """Disjoint; together they are all that is paid for."""
        return {
            "uncached": self.prompt - self.cached - self.cache_write,
            "cached": self.cached,
            "cacheWrite": self.cache_write,
            "output": self.completion,
        }

    def of_chat(self) -> Json:
        return {
            "prompt_tokens": self.prompt,
            "completion_tokens": self.completion,
            "total_tokens": self.prompt + self.completion,
            "prompt_tokens_details": {
                "cached_tokens": self.cached,
                "cache_write_tokens": self.cache_write,
                "audio_tokens": 0,
                "image_tokens": self.image,
                "text_tokens": self.prompt - self.image,
            },
            "completion_tokens_details": {
                "reasoning_tokens": self.reasoning,
                "audio_tokens": 0,
                "accepted_prediction_tokens": 0,
                "rejected_prediction_tokens": self.rejected,
                "text_tokens": self.completion - self.reasoning - self.rejected,
            },
        }

    def of_responses(self) -> Json:
        writes = {"ttl_30m_tokens": self.cache_write, "ttl_12h_tokens": 0}
        return {
            "input_tokens": self.prompt,
            "input_tokens_details": {
                "cached_tokens": self.cached,
                "cache_write_tokens": self.cache_write,
                "cache_write_tokens_details": writes,
            },
            "output_tokens": self.completion,
            "output_tokens_details": {"reasoning_tokens": self.reasoning},
            "total_tokens": self.prompt + self.completion,
        }

    def of_embeddings(self) -> Json:
        return {"prompt_tokens": self.prompt, "total_tokens": self.prompt}
