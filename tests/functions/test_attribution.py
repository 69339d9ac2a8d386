"""Whose work a call was: from the body's metadata, else from headers, into the span that the settlement leaves."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.fakes.gate import Gate, gate, message
from tests.fakes.http_server import Server, serving
from tests.fakes.openai_provider import provider

PATHS = ["/v1/chat/completions", "/api/chat"]
EACH_PATH = pytest.mark.parametrize("path", PATHS)
CAMEL = {"agent": "dispatch", "runId": "run-1", "jobId": "J-7", "bookingId": "B-3", "callId": "C-9"}
SNAKE = {"agent": "dispatch", "run_id": "run-1", "job_id": "J-7", "booking_id": "B-3", "call_id": "C-9"}
HEADERS = {
    "X-Tollgate-Agent": "dispatch",
    "x-tollgate-run-id": "run-1",
    "x-tollgate-job-id": "J-7",
    "x-tollgate-booking-id": "B-3",
    "x-tollgate-call-id": "C-9",
}


@pytest.fixture(scope="module")
def openai() -> Iterator[Server]:
    with serving(provider()) as server:
        yield server


@pytest.fixture(scope="module")
def shop(openai: Server) -> Iterator[Gate]:
    with gate(OPENAI_BASE_URL=f"{openai.url}/v1") as one:
        yield one


def asked(**more: Any) -> dict[str, Any]:
    return {"messages": [message("Who is free?")], **more}


def labels(shop: Gate) -> dict[str, str | None]:
    return {name: getattr(shop.last_span, name) for name in SNAKE}


@EACH_PATH
@pytest.mark.parametrize("metadata", [CAMEL, SNAKE])
def test_labels_of_the_body_are_in_the_span(shop: Gate, path: str, metadata: dict[str, str]) -> None:
    assert shop.post(path, asked(metadata=metadata)).status == 200

    assert labels(shop) == SNAKE


@EACH_PATH
def test_labels_of_the_headers_are_in_the_span_whatever_their_case(shop: Gate, path: str) -> None:
    assert shop.post(path, asked(), HEADERS).status == 200

    assert labels(shop) == SNAKE


@EACH_PATH
def test_the_body_is_nearer_to_the_call_than_its_headers(shop: Gate, path: str) -> None:
    """Headers are set once for a client, metadata for each call: a label of the body wins, the others are the headers'."""
    assert shop.post(path, asked(metadata={"agent": "booking", "jobId": ""}), HEADERS).status == 200

    assert labels(shop) == SNAKE | {"agent": "booking"}


@EACH_PATH
@pytest.mark.parametrize("words", ["x" * 65, "ä" * 33, '"' * 33, "line\nbreak"])
def test_a_label_that_a_span_cannot_carry_is_refused_before_money_is_held(shop: Gate, path: str, words: str) -> None:
    before = shop.page
    by_body = shop.post(path, asked(metadata={"jobId": words}))
    by_header = shop.post(path, asked(), {"x-tollgate-job-id": words})

    for answer in (by_body, by_header):
        assert answer.status == 400
        assert "job_id" in answer.body["error"]["message"]
    assert shop.page == before


@EACH_PATH
@pytest.mark.parametrize("words", ["x" * 64, "ä" * 32, "Küche №7"])
def test_a_label_of_64_bytes_is_whole_in_the_span(shop: Gate, path: str, words: str) -> None:
    assert shop.post(path, asked(metadata={"jobId": words})).status == 200

    assert shop.last_span.job_id == words


def test_openai_s_own_metadata_passes_beside_our_labels(shop: Gate, openai: Server) -> None:
    """Any other name is the caller's business; OpenAI takes metadata with stored completions only, so it stays here without."""
    assert shop.post(PATHS[0], asked(metadata={"jobId": "J-7", "color": "blue"})).status == 200
    assert shop.post(PATHS[0], asked(store=True, metadata={"jobId": "J-8", "color": "blue"})).status == 200

    assert shop.last_span.job_id == "J-8"
    assert "metadata" not in openai.received[-2].body
    assert openai.received[-1].body["metadata"] == {"jobId": "J-8", "color": "blue"}


def test_a_label_that_is_no_text_is_refused_by_name(shop: Gate) -> None:
    answer = shop.post(PATHS[0], asked(metadata={"jobId": 7}))

    assert answer.status == 400
    assert "metadata" in answer.body["error"]["message"]
