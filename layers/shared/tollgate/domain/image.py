"""An image of a request: at what detail it is asked to be seen, and how large it is, as far as its own bytes tell."""

import base64
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from tollgate.domain.errors import NotBounded, RequestInvalid

# A JPEG states its size behind its colour profile and its thumbnail; past this an image's size is taken as unknown.
HEADER_BYTES = 262_144
PNG = b"\x89PNG\r\n\x1a\n"
# Of a JPEG: the segments that state its size, and those that have no length.
FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
ALONE = frozenset({0x01, *range(0xD0, 0xD9)})
Size = tuple[int, int]


class Detail(StrEnum):
    AUTO = "auto"
    LOW = "low"
    HIGH = "high"
    ORIGINAL = "original"


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """`size`: width and height in pixels; None where only the image itself would tell, as behind an address."""

    detail: Detail
    size: Size | None


def parse_image(value: Any, place: str) -> Image:
    """The `image_url` of a content part. Raises RequestInvalid and NotBounded, which name the field."""
    if not isinstance(value, Mapping) or not isinstance(value.get("url"), str):
        raise RequestInvalid(f"{place} must be an object with a url.", param=place)
    if unknown := sorted(value.keys() - {"url", "detail"}):
        raise NotBounded(f"{place}: the field {unknown[0][:40]!r} is not known; leave it out.", param=place)
    url, detail = value["url"], value.get("detail") or Detail.AUTO
    if detail not in tuple(Detail):
        words = ", ".join(Detail)
        raise RequestInvalid(f"{place}.detail must be one of {words}.", param=f"{place}.detail")
    if url[:5].lower() == "data:":
        return Image(detail=Detail(detail), size=data_size(url))
    if not url[:8].lower().startswith(("https://", "http://")):
        raise RequestInvalid(f"{place}.url must be an https address, or a data URL in base64.", param=f"{place}.url")
    return Image(detail=Detail(detail), size=None)


def data_size(url: str) -> Size | None:
    """Width and height by the header of a base64 data URL; None where it does not tell. Reads a bounded part of it."""
    start = url.find(",", 0, 200) + 1
    encoded = url[start : start + HEADER_BYTES // 3 * 4]
    if not start or ";base64" not in url[:start].lower():
        return None
    try:
        head = base64.b64decode(encoded[: len(encoded) // 4 * 4], validate=True)
        size = _size(head)
    except (ValueError, struct.error, IndexError):
        return None
    return size if size is not None and min(size) > 0 else None


def _size(head: bytes) -> Size | None:
    if head.startswith(PNG) and head[12:16] == b"IHDR":
        return _pair(">II", head, 16)
    if head.startswith((b"GIF87a", b"GIF89a")):
        return _gif_size(head)
    if head.startswith(b"\xff\xd8"):
        return _jpeg_size(head)
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return _webp_size(head)
    return None


def _pair(shape: str, head: bytes, at: int) -> Size:
    width, height = struct.unpack_from(shape, head, at)
    return width, height


def _jpeg_size(head: bytes) -> Size | None:
    at = 2
    while head[at] == 0xFF:
        marker = head[at + 1]
        if marker in FRAMES:
            height, width = _pair(">HH", head, at + 5)
            return width, height
        if marker == 0xFF:
            at += 1
        else:
            at += 2 if marker in ALONE else 2 + max(2, struct.unpack_from(">H", head, at + 2)[0])
    return None


def _gif_size(head: bytes) -> Size | None:
    """The larger of the screen and the first frame: readers widen the screen to a frame that does not fit it."""
    screen, at = _pair("<HH", head, 6), 13
    if head[10] & 0x80:
        at += 3 << ((head[10] & 7) + 1)
    while head[at] == 0x21:
        at += 2
        while head[at]:
            at += 1 + head[at]
        at += 1
    if head[at] != 0x2C:
        return None
    left, top, width, height = struct.unpack_from("<HHHH", head, at + 1)
    return max(screen[0], left + width), max(screen[1], top + height)


def _webp_size(head: bytes) -> Size | None:
    match head[12:16]:
        case b"VP8X":
            return 1 + int.from_bytes(head[24:27], "little"), 1 + int.from_bytes(head[27:30], "little")
        case b"VP8L" if head[20] == 0x2F:
            bits = int.from_bytes(head[21:25], "little")
            return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
        case b"VP8 " if head[23:26] == b"\x9d\x01\x2a":
            width, height = _pair("<HH", head, 26)
            return width & 0x3FFF, height & 0x3FFF
        case _:
            return None
