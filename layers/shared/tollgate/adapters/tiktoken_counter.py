"""Counts tokens with tiktoken, from the tables that our layer carries: nothing is downloaded at run time."""

import os
import re
from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

# What is not counted is taken by its bytes: a text that is longer than this, and all that comes after so much of a request.
TEXT_COUNTED_MAX = 200_000
REQUEST_COUNTED_MAX = 1_000_000
# As long as a page of Japanese, which has no breaks. Measured (make bench BENCH=bounds): 200,000 characters in runs of this length take at
# most 0.1 s of CPU, whatever they are; in runs of 2,000 hardly less, and in a single one 0.12 s.
RUN_COUNTED_MAX = 20_000
# tiktoken merges piece by piece, and what a piece costs grows faster than its length. No piece crosses from a space to a letter or back,
# but for one leading space; symbols may go on in line ends and slashes, and line ends have all the space before them. So a long piece
# has a long run of one of these, in the Unicode sense of Rust's `\s`: Python's own has four characters more. Each run is looked at
# from its start only.
SPACE = r"\t-\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
LONG_RUN = re.compile(
    "|".join(rf"(?<!{kind}){kind}{{{RUN_COUNTED_MAX}}}" for kind in (f"[^{SPACE}]", f"[{SPACE}]", r"[\r\n/]"))
)
# A run of symbols and the line ends after it, each just too short to be found.
PIECE_MAX = 2 * RUN_COUNTED_MAX


class TiktokenCounter:
    """By `o200k_base`, the encoding of every current chat model that publishes one; loaded at the first count (0.5 s of CPU)."""

    def count(self, texts: Sequence[str]) -> int:
        """Tokens of the texts; what is too large or too uniform to be counted in bounded time is taken by its bytes."""
        tokens, room = 0, REQUEST_COUNTED_MAX
        for text in texts:
            if len(text) <= min(room, TEXT_COUNTED_MAX) and not LONG_RUN.search(text):
                room -= len(text)
                tokens += len(_encoding().encode_ordinary(text))
            else:
                tokens += len(text.encode())
        return tokens


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
