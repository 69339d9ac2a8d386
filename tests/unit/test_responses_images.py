"""Images and thoughts in a Responses input: what they are held for, and how they go up."""

from datetime import UTC, datetime
from typing import Any

import pytest

from tests.fakes.ledger_world import a_tenant, labels
from tests.fakes.pictures import data_url, png
from tollgate.adapters.price_book import FilePriceBook
from tollgate.domain.errors import NotBounded, RequestInvalid
from tollgate.domain.image_tokens import TOKENS_PER_IMAGE
from tollgate.domain.responses import THOUGHTS, ResponsesRequest, parse_responses

BOOK = FilePriceBook()
NOW = datetime(2026, 11, 24, tzinfo=UTC)
PICTURE = {"type": "input_image", "image_url": data_url(png(320, 320)), "detail": "auto"}
CALL = {"type": "function_call", "call_id": "c1", "name": "book", "arguments": "{}"}


def asked(*parts: dict[str, Any], model: str = "gpt-6-luna", **more: Any) -> ResponsesRequest:
    given = [{"role": "user", "content": list(parts)}, *more.pop("items", ())]
    return parse_responses({"model": model, "input": given} | more, labels(), default_model="gpt-4o")


def sent(request: ResponsesRequest, model: str | None = None) -> dict[str, Any]:
    served = model or request.model
    return request.sent(BOOK.model_of(served), BOOK.price_of(served, NOW), output_tokens=64)


def held(request: ResponsesRequest) -> int:
    return request.by_bytes(a_tenant(), BOOK.price_of(request.model, NOW)).input


def test_an_image_is_held_by_its_size_and_not_by_its_letters() -> None:
    assert held(asked(PICTURE)) - held(asked()) == 120 + TOKENS_PER_IMAGE


def test_an_image_without_an_end_is_sent_at_a_detail_that_has_one() -> None:
    assert sent(asked(PICTURE))["input"][0]["content"] == [PICTURE | {"detail": "high"}]
    assert sent(asked(PICTURE, model="gpt-4o"))["input"][0]["content"] == [PICTURE]


def test_an_image_in_the_result_of_a_function_is_an_image_too() -> None:
    shown = {"type": "function_call_output", "call_id": "c1", "output": [PICTURE]}
    request = asked(items=[CALL, shown])

    assert held(request) >= 120 + TOKENS_PER_IMAGE
    assert sent(request)["input"][2]["output"] == [PICTURE | {"detail": "high"}]
    assert all("base64" not in text for text in request.texts)


def test_every_pixel_goes_to_no_model_that_has_no_original_detail() -> None:
    request = asked(PICTURE | {"detail": "original"})

    assert sent(request)["input"][0]["content"][0]["detail"] == "original"
    assert sent(request, "gpt-4o")["input"][0]["content"][0]["detail"] == "high"


def test_only_a_model_that_sees_may_serve() -> None:
    request = asked(PICTURE)

    assert request.can_be_served_by(BOOK.model_of("gpt-4o-mini"))
    assert not request.can_be_served_by(BOOK.model_of("gpt-4"))
    with pytest.raises(RequestInvalid, match="takes no images"):
        request.check(BOOK.model_of("o3-mini"))


@pytest.mark.parametrize(
    ("part", "told"),
    [
        ({"type": "input_image", "file_id": "f_1"}, "base64 data URL"),
        ({"type": "input_image", "image_url": "https://x/y.png", "prompt_cache_breakpoint": {}}, "prompt_cache"),
        ({"type": "input_file", "file_id": "f_1"}, "input_image parts"),
    ],
)
def test_what_is_stored_or_kept_apart_is_refused_with_what_to_send_instead(part: dict[str, Any], told: str) -> None:
    with pytest.raises(NotBounded, match=told):
        asked(part)


@pytest.mark.parametrize("url", [None, 7, "ftp://x/y.png"])
def test_what_is_no_image_is_refused(url: Any) -> None:
    with pytest.raises(RequestInvalid, match=r"input\[0\].content\[0\]"):
        asked({"type": "input_image", "image_url": url})


def test_what_nothing_keeps_comes_back_with_its_thoughts() -> None:
    assert sent(asked())["include"] == [THOUGHTS]
    assert sent(asked(include=["message.output_text.logprobs", THOUGHTS]))["include"] == [
        "message.output_text.logprobs",
        THOUGHTS,
    ]


def test_thoughts_are_not_asked_for_where_they_are_kept_or_there_are_none() -> None:
    assert "include" not in sent(asked(store=True))
    assert "include" not in sent(asked(model="gpt-4o"))
