"""OpenAI's rate limit headers. Nothing is refused by them: that is what faults are for."""

from __future__ import annotations

from time import time

REQUESTS = 30_000
TOKENS = 150_000_000
FORGET_AT = 10_000


class RateMeter:
    def __init__(self) -> None:
        self._used: dict[tuple[str, str, int], tuple[int, int]] = {}

    def count(self, key_hash: str, model: str, tokens: int) -> dict[str, str]:
        minute, second = divmod(int(time()), 60)
        if len(self._used) > FORGET_AT:
            self._used.clear()
        requests_used, tokens_used = self._used.get((key_hash, model, minute), (0, 0))
        self._used[key_hash, model, minute] = requests_used + 1, tokens_used + tokens
        return {
            "x-ratelimit-limit-requests": str(REQUESTS),
            "x-ratelimit-limit-tokens": str(TOKENS),
            "x-ratelimit-remaining-requests": str(max(0, REQUESTS - requests_used - 1)),
            "x-ratelimit-remaining-tokens": str(max(0, TOKENS - tokens_used - tokens)),
            "x-ratelimit-reset-requests": f"{60 - second}s",
            "x-ratelimit-reset-tokens": f"{60 - second}s",
        }
