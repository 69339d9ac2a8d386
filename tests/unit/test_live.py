"""A stream while it comes: what is sent at once, what waits, and what becomes of the rest."""

import http.client
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from tollgate.edge.live import LiveEvents, may_be_last
from tollgate.edge.live_server import LiveServer
from tollgate.edge.openai_wire import chunk_event
from tollgate.edge.v1_wire import response_event

WORD = {"choices": [{"delta": {"content": "Yes"}, "finish_reason": None}]}
STOP = {"choices": [{"delta": {}, "finish_reason": "stop"}]}
USAGE = {"choices": [], "usage": {"prompt_tokens": 1, "completion_tokens": 1}}
DELTA = {"type": "response.output_text.delta", "delta": "Yes"}
COMPLETED = {"type": "response.completed", "response": {"id": "resp_1"}}
FACTS = 'data: {"choices":[],"tollgate":{}}\n\n'
DONE = "data: [DONE]\n\n"


class Kept:
    """Outlet: what was sent."""

    def __init__(self) -> None:
        self.headers: dict[str, str] | None = None
        self.events: list[str] = []

    def begin(self, headers: Mapping[str, str]) -> None:
        self.headers = dict(headers)

    def send(self, event: str) -> None:
        self.events.append(event)


def heard(*chunks: Mapping[str, Any], shows_usage: bool = False) -> Kept:
    kept = Kept()
    live = LiveEvents(
        kept,
        {"x-tollgate-hold-id": "h"},
        render=lambda chunk: chunk_event(chunk, shows_usage=shows_usage),
        may_be_last=may_be_last,
    )
    live.begin({"openai-version": "1"})
    for chunk in chunks:
        live.hear(chunk)
    return kept


def test_a_word_leaves_at_once_under_the_headers_of_both() -> None:
    kept = heard(WORD)

    assert kept.events == [chunk_event(WORD, shows_usage=False)]
    assert kept.headers == {"openai-version": "1", "x-tollgate-hold-id": "h"}


def test_nothing_is_begun_before_there_is_something_to_hear() -> None:
    assert heard().headers is None


def test_what_may_be_the_last_waits_for_the_settlement() -> None:
    assert len(heard(WORD, STOP).events) == 1
    assert len(heard(WORD, STOP, USAGE).events) == 1, "a usage that the client did not ask for is no event of its own"
    assert len(heard(WORD, STOP, USAGE, shows_usage=True).events) == 2


def test_what_waited_in_vain_keeps_its_place() -> None:
    """Of several choices one is over first."""
    assert heard(STOP, WORD).events == [chunk_event(STOP, shows_usage=False), chunk_event(WORD, shows_usage=False)]


def test_of_responses_only_the_end_waits() -> None:
    assert not may_be_last(DELTA)
    assert may_be_last(COMPLETED)
    assert response_event(DELTA).startswith("event: response.output_text.delta\ndata: {")


# ---- over HTTP ------------------------------------------------------------------------------------------------------


Answer = Callable[[dict[str, Any], Any], dict[str, Any]]


@pytest.fixture
def ask() -> Iterator[Callable[..., http.client.HTTPResponse]]:
    opened: list[Any] = []

    def serve(answer: Answer, body: bytes = b"{}", **headers: str) -> http.client.HTTPResponse:
        server = LiveServer(0, answer, patience_s=0.2)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=10)
        opened.append((server, thread, connection))
        connection.request("POST", "/v1/chat/completions?a=b", body=body, headers=headers)
        return connection.getresponse()

    yield serve
    for server, thread, connection in opened:
        connection.close()
        server.shutdown()
        thread.join()
        server.server_close()


def whole(status: int, body: str) -> dict[str, Any]:
    return {"statusCode": status, "multiValueHeaders": {"Content-Type": ["text/plain"]}, "body": body}


def told(context: Any, *events: str) -> None:
    context.outlet.begin({"x-tollgate-hold-id": "h"})
    for event in events:
        context.outlet.send(event)


def test_an_answer_that_was_not_begun_goes_out_whole(ask: Any) -> None:
    answer = ask(lambda event, context: whole(429, '{"error":{}}'))

    assert (answer.status, answer.read()) == (429, b'{"error":{}}')
    assert answer.headers["content-type"] == "text/plain"


def test_the_rest_of_a_stream_follows_what_was_sent_early(ask: Any) -> None:
    def stream(event: Any, context: Any) -> dict[str, Any]:
        told(context, "data: 1\n\n", "data: 2\n\n")
        return whole(200, "data: 1\n\ndata: 2\n\n" + FACTS + DONE)

    answer = ask(stream)

    assert answer.read().decode() == "data: 1\n\ndata: 2\n\n" + FACTS + DONE
    assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert answer.headers["x-tollgate-hold-id"] == "h"


def test_an_error_after_the_beginning_is_an_event(ask: Any) -> None:
    def stream(event: Any, context: Any) -> dict[str, Any]:
        told(context, "data: 1\n\n")
        return whole(504, '{"error":\n{"code":"upstream_unknown"}}')

    answer = ask(stream)

    assert answer.status == 200
    assert answer.read().decode() == 'data: 1\n\nevent: error\ndata: {"error": {"code":"upstream_unknown"}}\n\n'


@pytest.mark.parametrize("leaves", [True, False], ids=["leaves", "stays and does not read"])
def test_a_client_that_does_not_listen_stops_nothing(leaves: bool, ask: Any) -> None:
    has_stopped, was_done = threading.Event(), threading.Event()

    def stream(event: Any, context: Any) -> dict[str, Any]:
        told(context, "data: 0\n\n")
        assert has_stopped.wait(10)
        for _ in range(100):
            context.outlet.send("data: " + "1" * 100_000 + "\n\n")
        was_done.set()
        return whole(200, FACTS)

    answer = ask(stream)
    assert answer.read(9) == b"data: 0\n\n"
    if leaves:
        answer.fp.raw._sock.close()
        answer.close()
    has_stopped.set()

    assert was_done.wait(10)


def test_a_request_arrives_as_api_gateway_s_event(ask: Any) -> None:
    seen: list[tuple[dict[str, Any], Any]] = []
    context = {"requestId": "r-1", "authorizer": {"lambda": {"role": "tenant", "account": "Käse"}}}
    headers = {
        "x-amzn-request-context": json.dumps(context, ensure_ascii=False).encode().decode("latin-1"),
        "x-amzn-lambda-context": '{"request_id": "l-1", "deadline": 32503680000000}',
        "Authorization": "Bearer tg_x",
    }

    ask(lambda event, context: seen.append((event, context)) or whole(200, ""), "Käse".encode(), **headers)

    event, lambda_context = seen[0]
    assert event["requestContext"]["authorizer"] == {"role": "tenant", "account": "Käse"}
    assert event["headers"]["Authorization"] == "Bearer tg_x"
    assert not [name for name in event["headers"] if name.startswith("x-amzn-")]
    assert (event["path"], event["queryStringParameters"]) == ("/v1/chat/completions", {"a": "b"})
    assert event["isBase64Encoded"]
    assert lambda_context.aws_request_id == "l-1"
    assert lambda_context.get_remaining_time_in_millis() > 10**9


def test_a_context_that_came_twice_is_nobody_s_word() -> None:
    """A client's own beside the adapter's: nobody could say which is which, so it is as if there were none."""
    seen: list[dict[str, Any]] = []
    server = LiveServer(0, lambda event, context: seen.append(event) or whole(200, ""))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=10)
    connection.putrequest("POST", "/v1/chat/completions")
    for tenant_id in ("mine", "theirs"):
        connection.putheader(
            "x-amzn-request-context", json.dumps({"authorizer": {"role": "tenant", "tenantId": tenant_id}})
        )
    connection.putheader("content-length", "0")
    connection.endheaders()
    connection.getresponse().read()
    connection.close()
    server.shutdown()
    thread.join()
    server.server_close()

    assert seen[0]["requestContext"]["authorizer"] == {}
