from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes.pictures import data_url, gif, jpeg, png, webp
from tollgate.domain.errors import NotBounded, RequestInvalid
from tollgate.domain.image import HEADER_BYTES, Detail, Image, data_size, parse_image
from tollgate.domain.image_tokens import FAMILIES, TOKENS_PER_IMAGE, Patches, Tiles, image_tokens


def published(model: str, size: tuple[int, int] | None, detail: str = "auto") -> int:
    """Without the room that is held for what stands around an image."""
    return image_tokens(model, Image(detail=Detail(detail), size=size)) - TOKENS_PER_IMAGE


@pytest.mark.parametrize(
    "image",
    [
        png(4032, 3024),
        jpeg(4032, 3024),
        jpeg(4032, 3024, profile=180_000),
        gif(4032, 3024),
        webp(4032, 3024),
        webp(4032, 3024, b"VP8L"),
        webp(4032, 3024, b"VP8 "),
    ],
)
def test_an_image_tells_its_size_whatever_stands_before_it(image: bytes) -> None:
    assert data_size(data_url(image)) == (4032, 3024)


def test_a_frame_larger_than_its_screen_counts() -> None:
    assert data_size(data_url(gif(4000, 3000, screen=(1, 1)))) == (4000, 3000)


@pytest.mark.parametrize(
    "url",
    [
        data_url(b"not an image, but some text"),
        data_url(png(0, 5)),
        data_url(png(5, 5)[:20]),
        data_url(png(5, 5).replace(b"IHDR", b"CgBI")),
        data_url(jpeg(5, 5, profile=HEADER_BYTES + 60_000)),
        data_url(jpeg(5, 5)[:25]),
        data_url(b"\xff\xd8" + b"\xff" * 1000),
        data_url(gif(5, 5)[:30]),
        "data:image/png;base64,@@@@" + data_url(png(5, 5))[22:],
        "data:image/png,89504E47",
        "data:",
    ],
)
def test_an_image_that_does_not_tell_its_size_has_none(url: str) -> None:
    assert data_size(url) is None


@given(st.binary(max_size=60), st.sampled_from([b"", b"\xff\xd8", b"GIF89a", b"RIFF\0\0\0\0WEBPVP8L", png(9, 9)[:8]]))
def test_no_bytes_break_the_reading(tail: bytes, head: bytes) -> None:
    size = data_size(data_url(head + tail))

    assert size is None or min(size) > 0


# OpenAI's own examples, from its guide and from the research table.
@pytest.mark.parametrize(
    ("model", "size", "detail", "tokens"),
    [
        ("gpt-4o", (1024, 1024), "high", 765),
        ("gpt-4o", (2048, 4096), "high", 1105),
        ("gpt-4o", (4096, 8192), "low", 85),
        ("gpt-4o", (150, 150), "auto", 255),
        ("gpt-4o-mini", (1024, 1024), "high", 2833 + 4 * 5667),
        ("gpt-4o", None, "auto", 1445),
        ("gpt-5.1", None, "high", 1190),
        ("o3", None, "high", 1275),
        ("gpt-4o-mini", None, "high", 48169),
        ("gpt-6-luna", (4032, 3024), "original", 14364),
        ("gpt-6-luna", (4032, 3024), "high", 3000),
        ("gpt-6-luna", (4032, 3024), "auto", 3000),
        ("gpt-6-luna", None, "low", 308),
        ("gpt-5.5", None, "auto", 12000),
        ("gpt-5.4", None, "auto", 3000),
        ("gpt-5.4-mini", None, "auto", 16200),
        ("gpt-5.4-nano", None, "original", 24600),
        ("gpt-4o-2024-08-06", (1024, 1024), "high", 765),
        ("ft:gpt-4o-2024-08-06:shop::id", (1024, 1024), "high", 765),
    ],
)
def test_an_image_costs_what_its_family_s_rule_says(
    model: str, size: tuple[int, int] | None, detail: str, tokens: int
) -> None:
    assert published(model, size, detail) == tokens


@given(
    st.sampled_from(sorted(FAMILIES)),
    st.tuples(st.integers(1, 9000), st.integers(1, 9000)),
    st.sampled_from(["auto", "low", "high"]),
)
def test_an_unknown_size_is_bounded_by_every_size(model: str, size: tuple[int, int], detail: str) -> None:
    assert published(model, size, detail) <= published(model, None, detail)


@given(
    st.sampled_from([name for name in FAMILIES if "mini" in name or "nano" in name or name == "gpt-5.2"]),
    st.tuples(st.integers(1, 9000), st.integers(1, 9000)),
)
def test_where_sources_differ_the_dearer_holds(model: str, size: tuple[int, int]) -> None:
    if isinstance(FAMILIES[model], Tiles):
        return
    patches = -(-size[0] // 32) * -(-size[1] // 32)
    guide = min(patches, 1536) * (Fraction("2.46") if "nano" in model else Fraction("1.62"))
    litellm = min(patches, 4096) * Fraction("1.2")

    assert published(model, size, "high") >= max(guide, litellm)


def test_an_address_at_original_detail_is_refused_only_where_it_has_no_limit() -> None:
    for model, family in FAMILIES.items():
        if isinstance(family, Patches) and family.original is None:
            with pytest.raises(NotBounded, match="detail 'high'"):
                published(model, None, "original")
        else:
            assert published(model, None, "original") > 0


def test_a_model_without_a_rule_takes_no_images() -> None:
    with pytest.raises(NotBounded, match=r"gpt-7-sol.*not known"):
        published("gpt-7-sol", (5, 5))


@pytest.mark.parametrize(
    "value",
    [
        None,
        "https://example.com/roof.jpg",
        {},
        {"url": 5},
        {"url": "file:///etc/passwd"},
        {"url": "s3://bucket/roof.jpg"},
        {"url": "https://example.com", "detail": "highest"},
        {"url": "https://example.com", "detail": ["low"]},
        {"url": "https://example.com", "file_id": "file-1"},
    ],
)
def test_what_is_no_image_is_refused_with_its_place(value: Any) -> None:
    with pytest.raises(RequestInvalid) as refused:
        parse_image(value, "messages.0.content.1.image_url")

    assert str(refused.value.param).startswith("messages.0.content.1.image_url")
