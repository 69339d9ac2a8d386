"""Which beginnings of prompts were seen before."""

from __future__ import annotations

from array import array
from collections import OrderedDict
from hashlib import blake2b

LEAST = 1_024
STEP = 128
REMEMBERED = 200_000


class PrefixCache:
    def __init__(self) -> None:
        self._seen: OrderedDict[bytes, None] = OrderedDict()

    def meet(self, scope: str, tokens: array[int]) -> tuple[int, int]:
        """How many tokens were seen before, and how many are now: steps of 128, none under 1,024."""
        digests = prefix_digests(scope, tokens)
        known = 0
        for digest in digests:
            if digest not in self._seen:
                break
            known += 1
        for digest in digests:
            self._seen[digest] = None
            self._seen.move_to_end(digest)
        while len(self._seen) > REMEMBERED:
            self._seen.popitem(last=False)
        return length(known), length(len(digests))


def length(steps: int) -> int:
    return LEAST + STEP * (steps - 1) if steps else 0


def prefix_digests(scope: str, tokens: array[int]) -> list[bytes]:
    if len(tokens) < LEAST:
        return []
    running = blake2b(scope.encode(), digest_size=16)
    digests, start = [], 0
    for end in range(LEAST, len(tokens) + 1, STEP):
        running.update(tokens[start:end])
        digests.append(running.digest())
        start = end
    return digests
