"""Text to tokens, by tiktoken with the tables of this repository."""

from __future__ import annotations

import os
from array import array
from functools import cache, lru_cache
from pathlib import Path

import tiktoken

from layers.encodings.unpack import unpack

# Agents send the same instructions again and again; longer texts would make the cache large.
REMEMBERED_CHARACTERS = 32_768
REMEMBERED_TEXTS = 1_024
# tiktoken's regex engine gives up on a million spaces in a row.
SLICE = 500_000


def prepare_tables(state: Path) -> None:
    """Must run before the first count, else tiktoken would download."""
    if "TIKTOKEN_CACHE_DIR" not in os.environ:
        os.environ["TIKTOKEN_CACHE_DIR"] = str(unpack(state / "openai"))


@cache
def encoding(name: str) -> tiktoken.Encoding:
    return tiktoken.get_encoding(name)


def encode(text: str, table: str = "o200k_base") -> array[int]:
    if len(text) <= REMEMBERED_CHARACTERS:
        return remembered(text, table)
    tokens = array("I")
    for start in range(0, len(text), SLICE):
        tokens.extend(encoding(table).encode_ordinary(text[start : start + SLICE]))
    return tokens


@lru_cache(maxsize=REMEMBERED_TEXTS)
def remembered(text: str, table: str) -> array[int]:
    """Shared between callers, who must not change it."""
    return array("I", encoding(table).encode_ordinary(text))


def count(text: str) -> int:
    return len(encode(text))


def decode(tokens: array[int]) -> str:
    return encoding("o200k_base").decode(tokens.tolist(), errors="ignore")
