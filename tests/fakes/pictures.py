"""Images as their headers state them, for tests: no pixels."""

import base64
import struct


def png(width: int, height: int) -> bytes:
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sII", 13, b"IHDR", width, height) + bytes(9)


def jpeg(width: int, height: int, *, profile: int = 0) -> bytes:
    """`profile`: bytes of segments before the one that states the size; each begins like a frame of 1 by 1."""
    decoy = struct.pack(">BBHBHH", 0xFF, 0xC0, 17, 8, 1, 1)
    segments = b"".join(
        struct.pack(">BBH", 0xFF, 0xE2, 60_002) + decoy.ljust(60_000, b"\0") for _ in range(profile // 60_000)
    )
    frame = struct.pack(">BBHBHH", 0xFF, 0xC2, 17, 8, height, width) + bytes(10)
    return b"\xff\xd8" + struct.pack(">BBH", 0xFF, 0xE0, 16) + bytes(14) + segments + b"\xff" + frame


def gif(width: int, height: int, *, screen: tuple[int, int] | None = None) -> bytes:
    """`screen`: where it differs from the frame; a palette and a comment stand between the two."""
    head = b"GIF89a" + struct.pack("<HHBBB", *(screen or (width, height)), 0x80, 0, 0) + bytes(6)
    return head + b"\x21\xfe\x05hello\x00" + b"\x2c" + struct.pack("<HHHHB", 0, 0, width, height, 0) + bytes(8)


def webp(width: int, height: int, kind: bytes = b"VP8X") -> bytes:
    body = {
        b"VP8X": bytes(4) + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little"),
        b"VP8L": b"\x2f" + ((width - 1) | (height - 1) << 14).to_bytes(4, "little"),
        b"VP8 ": bytes(3) + b"\x9d\x01\x2a" + struct.pack("<HH", width, height),
    }[kind]
    return b"RIFF" + struct.pack("<I", 12 + len(body)) + b"WEBP" + kind + struct.pack("<I", len(body)) + body


def data_url(image: bytes, kind: str = "png") -> str:
    return f"data:image/{kind};base64,{base64.b64encode(image).decode()}"
