"""Counts tokens with tiktoken, from the tables that our layer carries: nothing is downloaded at run time."""

import os
from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

# tiktoken's time grows with the square of a run without a break; past these sizes the bytes are bound enough.
BYTES_COUNTED_MAX = 200_000
RUN_COUNTED_MAX = 2_000


class TiktokenCounter:
    """By `o200k_base`, the encoding of every current chat model that publishes one; loaded at the first count (0.5 s of CPU)."""

    def count(self, texts: Sequence[str]) -> int:
        """Tokens of the texts; what is too large or too uniform to be counted in bounded time is taken by its bytes."""
        encoding = _encoding()
        return sum(len(encoding.encode_ordinary(text)) if _is_countable(text) else len(text.encode()) for text in texts)


def _is_countable(text: str) -> bool:
    if len(text) > BYTES_COUNTED_MAX:
        return False
    return all(len(word) <= RUN_COUNTED_MAX for word in text.split(" ")) and " " * RUN_COUNTED_MAX not in text


@cache
def _encoding() -> Any:
    _point_to_tables()
    import tiktoken

    return tiktoken.get_encoding("o200k_base")


def _point_to_tables() -> None:
    """The layer's folder is found by import, because layers do not stand under /opt everywhere."""
    found = find_spec("tollgate_encodings")
    if found is not None and found.origin is not None:
        os.environ["TIKTOKEN_CACHE_DIR"] = str(Path(found.origin).parent)
