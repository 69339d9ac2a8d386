"""OpenAI's `usage` objects as our Usage, in classes that do not overlap."""

from collections.abc import Mapping
from typing import Any

from tollgate.domain.usage import Usage

# No call comes near it, and whatever is summed from such numbers fits the books.
TOKENS_MAX = 10**9


def usage_of(usage: Mapping[str, Any]) -> Usage:
    """Chat's and embeddings' names, or those of Responses. Raises KeyError, TypeError or ValueError for what is neither.

    The details are inside their totals: `prompt - cached - written` is what is billed as plain input.
    """
    if "input_tokens" in usage:
        total, details, output, output_details = (
            "input_tokens",
            "input_tokens_details",
            "output_tokens",
            "output_tokens_details",
        )
    else:
        total, details, output, output_details = (
            "prompt_tokens",
            "prompt_tokens_details",
            "completion_tokens",
            "completion_tokens_details",
        )
    inner, outer = usage.get(details) or {}, usage.get(output_details) or {}
    prompt = _tokens(usage[total])
    cached, written = _tokens(inner.get("cached_tokens")), _tokens(inner.get("cache_write_tokens"))
    return Usage(
        uncached=prompt - cached - written,
        cached=cached,
        written=written,
        output=_tokens(usage.get(output)),
        reasoning=_tokens(outer.get("reasoning_tokens")),
    )


def _tokens(value: Any) -> int:
    if value is None:
        return 0
    if isinstance(value, bool) or not isinstance(value, int) or value > TOKENS_MAX:
        raise TypeError("a number of tokens is a whole number that a call can have")
    return value
