"""The upstream client on a real connection: what goes up, what comes back, and when it gives up."""

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from tollgate.adapters.openai_upstream import OpenAiUpstream
from tollgate.domain.outcome import Answered, Declined, NotSent, Unclear

REQUEST = {"model": "gpt-4o", "messages": [{"role": "user", "content": "Hello"}]}
COMPLETION = {
    "id": "chatcmpl-1",
    "choices": [],
    "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5},
    "field_of_tomorrow": 1,
}
LIMITS = {"x-ratelimit-remaining-requests": "99", "x-ratelimit-reset-tokens": "6ms", "x-request-id": "req_1"}


@dataclass(slots=True)
class Provider:
    """`answer` writes what it likes; the headers of each request and the connections that were made are kept."""

    answer: Callable[[BaseHTTPRequestHandler], None] = lambda handler: send(handler, 200, COMPLETION)
    headers: list[dict[str, str]] = field(default_factory=list)
    connections: set[tuple[str, int]] = field(default_factory=set)
    url: str = ""


def send(handler: BaseHTTPRequestHandler, status: int, body: Any, **headers: str) -> None:
    content = json.dumps(body).encode()
    handler.send_response(status)
    for name, value in (LIMITS | headers).items():
        handler.send_header(name, value)
    handler.send_header("content-type", "application/json")
    handler.send_header("content-length", str(len(content)))
    handler.end_headers()
    handler.wfile.write(content)


@pytest.fixture
def provider() -> Iterator[Provider]:
    provider = Provider()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            provider.headers.append({name.lower(): value for name, value in self.headers.items()})
            provider.connections.add(self.client_address)
            provider.answer(self)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        provider.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
        yield provider
        server.shutdown()


@pytest.fixture
def upstream(provider: Provider) -> Iterator[OpenAiUpstream]:
    upstream = OpenAiUpstream(provider.url, lambda: "sk-ours")
    yield upstream
    upstream.close()


def test_calls_share_one_connection(provider: Provider, upstream: OpenAiUpstream) -> None:
    for _ in range(3):
        assert isinstance(upstream.complete(REQUEST, timeout_s=5), Answered)

    assert len(provider.headers) == 3
    assert len(provider.connections) == 1


def test_only_our_own_key_goes_up_and_no_organization_project_or_helicone(
    provider: Provider, upstream: OpenAiUpstream
) -> None:
    upstream.complete(REQUEST, timeout_s=5)

    [sent] = provider.headers
    assert sent["authorization"] == "Bearer sk-ours"
    assert not [name for name in sent if name.startswith(("helicone-", "x-tollgate-", "openai-"))]


def test_the_answer_and_the_providers_rate_limits_come_through_untouched(
    provider: Provider, upstream: OpenAiUpstream
) -> None:
    answered = upstream.complete(REQUEST, timeout_s=5)

    assert isinstance(answered, Answered)
    assert answered.body == COMPLETION
    assert LIMITS.items() <= dict(answered.headers).items()


def test_a_refusal_keeps_the_providers_headers_too(provider: Provider, upstream: OpenAiUpstream) -> None:
    error = {"error": {"message": "Slow down", "code": "slow_down"}}
    provider.answer = lambda handler: send(handler, 429, error, **{"retry-after": "7"})

    declined = upstream.complete(REQUEST, timeout_s=5)

    assert isinstance(declined, Declined)
    assert (declined.code, declined.headers["retry-after"]) == ("slow_down", "7")
    assert declined.headers["x-ratelimit-remaining-requests"] == "99"
    assert len(provider.headers) == 1, "the SDK does not try again by itself"


def test_where_nobody_listens_nothing_was_sent() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    upstream = OpenAiUpstream(f"http://127.0.0.1:{port}/v1", lambda: "sk-ours")

    assert isinstance(upstream.complete(REQUEST, timeout_s=5), NotSent)
    upstream.close()


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "body"])
def test_an_answer_that_drips_is_cut_when_the_time_is_up(
    provider: Provider, upstream: OpenAiUpstream, stream: bool
) -> None:
    stopped = threading.Event()

    def drip(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("content-type", "text/event-stream" if stream else "application/json")
        handler.send_header("connection", "close")
        handler.end_headers()
        try:
            while not stopped.wait(0.05):
                handler.wfile.write(b'data: {"choices": []}\n\n' if stream else b" ")
        except OSError:
            pass

    provider.answer = drip
    began = time.monotonic()

    result = upstream.complete(REQUEST | {"stream": stream}, timeout_s=0.5)

    stopped.set()
    assert isinstance(result, Unclear)
    assert result.code == "timeout"
    assert time.monotonic() - began < 60, "it would have gone on for ever"
