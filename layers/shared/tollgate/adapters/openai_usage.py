"""OpenAI's `usage` objects as our Usage, in classes that do not overlap."""

from collections.abc import Mapping
from typing import Any

from tollgate.domain.usage import Usage

# No call comes near it, and whatever is summed from such numbers fits the books.
TOKENS_MAX = 10**9
RESPONSES = ("input_tokens", "input_tokens_details", "output_tokens", "output_tokens_details")
CHAT = ("prompt_tokens", "prompt_tokens_details", "completion_tokens", "completion_tokens_details")


def usage_of(usage: Mapping[str, Any]) -> Usage:
    """Chat's and embeddings' names, or those of Responses. Raises KeyError, TypeError or ValueError for what is neither.

    The details are inside their totals: `prompt - cached - written - audio` is what is billed as plain input. Where they overlap
    (audio that was cached, say), nobody can say what is billed, and it is no usage.
    """
    total, details, output, output_details = RESPONSES if "input_tokens" in usage else CHAT
    inner, outer = usage.get(details) or {}, usage.get(output_details) or {}
    prompt, completion = _tokens(usage[total]), _tokens(usage.get(output))
    cached, audio, audio_output = (
        _tokens(each) for each in (inner.get("cached_tokens"), inner.get("audio_tokens"), outer.get("audio_tokens"))
    )
    written = _tokens(inner.get("cache_write_tokens"))
    # Only Responses tells how long a write is kept.
    written_12h = _tokens((inner.get("cache_write_tokens_details") or {}).get("ttl_12h_tokens"))
    return Usage(
        uncached=prompt - cached - written - audio,
        cached=cached,
        written=written - written_12h,
        written_12h=written_12h,
        audio_input=audio,
        output=completion - audio_output,
        audio_output=audio_output,
        reasoning=_tokens(outer.get("reasoning_tokens")),
    )


def _tokens(value: Any) -> int:
    if value is None:
        return 0
    if isinstance(value, bool) or not isinstance(value, int) or value > TOKENS_MAX:
        raise TypeError("a number of tokens is a whole number that a call can have")
    return value
