"""What an image costs in tokens, by model family, and how large it is."""

from __future__ import annotations

import base64
import re
import struct
from dataclasses import dataclass
from math import ceil, sqrt
from typing import Protocol

LOW_DETAIL_SIDE = 512
PATCH = 32
TILE = 512
# Nothing here fetches addresses. `https://.../roof_4032x3024.jpg` says its size; any other address is taken as this.
ASSUMED = (1_024, 1_024)
SIZE_IN_ADDRESS = re.compile(r"(\d{1,5})x(\d{1,5})")
HEADER_BYTES = 65_536
# Of a JPEG: those that state its size.
FRAME_MARKERS = set(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


class ImageRule(Protocol):
    def tokens(self, width: int, height: int, detail: str) -> int: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Tiles:
    base: int
    tile: int

    def tokens(self, width: int, height: int, detail: str) -> int:
        if detail == "low":
            return self.base
        width, height = shrink(width, height, longest=2_048)
        factor = min(1.0, 768 / min(width, height))
        across, down = ceil(width * factor / TILE), ceil(height * factor / TILE)
        return self.base + self.tile * across * down


@dataclass(frozen=True, slots=True, kw_only=True)
class Patches:
    factor: float
    high: int
    original: int | None
    auto: str

    def tokens(self, width: int, height: int, detail: str) -> int:
        detail = self.auto if detail == "auto" else detail
        if detail == "low":
            width, height = shrink(width, height, longest=LOW_DETAIL_SIDE)
        patches = ceil(width / PATCH) * ceil(height / PATCH)
        most = self.original if detail == "original" else self.high
        return ceil((patches if most is None else min(patches, most)) * self.factor)


def shrink(width: int, height: int, *, longest: int) -> tuple[int, int]:
    factor = min(1.0, longest / max(width, height))
    return max(1, int(width * factor)), max(1, int(height * factor))


def image_size(url: str) -> tuple[int, int]:
    if url.startswith("data:"):
        return data_size(url.partition(",")[2])
    stated = SIZE_IN_ADDRESS.search(url)
    return (max(1, int(stated[1])), max(1, int(stated[2]))) if stated else ASSUMED


def data_size(encoded: str) -> tuple[int, int]:
    """Raises ValueError for what is no image."""
    head = base64.b64decode(encoded[: HEADER_BYTES // 3 * 4], validate=False)
    if head.startswith(b"\x89PNG"):
        return positive(struct.unpack(">II", head[16:24]))
    if head.startswith(b"GIF8"):
        return positive(struct.unpack("<HH", head[6:10]))
    if head.startswith(b"\xff\xd8"):
        return jpeg_size(head)
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        # The three kinds of WebP keep their size in three places; an area like this file's length is near enough.
        side = max(1, int(sqrt(len(encoded) * 6)))
        return side, side
    raise ValueError("not an image")


def jpeg_size(head: bytes) -> tuple[int, int]:
    at = 2
    while at + 9 < len(head):
        marker, length = head[at + 1], struct.unpack(">H", head[at + 2 : at + 4])[0]
        if marker in FRAME_MARKERS:
            height, width = struct.unpack(">HH", head[at + 5 : at + 9])
            return positive((width, height))
        at += 2 + length
    raise ValueError("a JPEG without a size")


def positive(size: tuple[int, ...]) -> tuple[int, int]:
    width, height = size
    if not (width and height):
        raise ValueError("an image without a size")
    return width, height
