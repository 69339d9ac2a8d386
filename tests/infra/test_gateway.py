import asyncio
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest

from infra.local.gateway import Gateway

TEMPLATE = '{"error": {"code": "internal_error", "requestId": "$context.requestId"}}'


class Upstream(ThreadingHTTPServer):
    """In ministack's place: notes what comes, and answers what it is told to."""

    daemon_threads = True
    request_queue_size = 256

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Noting)
        self.seen: list[tuple[str, str, list[tuple[str, str]], bytes]] = []
        self.answer: tuple[int, list[tuple[str, str]], bytes] = (200, [], b"{}")
        self.delay = threading.Event()
        self.delay.set()
        self.in_flight = self.in_flight_most = 0
        self.lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/_aws/execute-api/abc/local"


class Noting(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Upstream

    def handle_any(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        with self.server.lock:
            self.server.seen.append((self.command, self.path, list(self.headers.items()), body))
            self.server.in_flight += 1
            self.server.in_flight_most = max(self.server.in_flight_most, self.server.in_flight)
        self.server.delay.wait(10)
        with self.server.lock:
            self.server.in_flight -= 1
        status, headers, content = self.server.answer
        self.send_response(status)
        for name, value in [*headers, ("content-length", str(len(content)))]:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_PUT = do_DELETE = handle_any  # noqa: N815 - the base class looks for these

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    with Upstream() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.delay.set()
        server.shutdown()
        thread.join()


def ask(upstream: Upstream, *requests: httpx.Request, in_flight_max: int = 4) -> list[httpx.Response]:
    return asyncio.run(ask_all(upstream.url, requests, in_flight_max=in_flight_max))


async def ask_all(url: str, requests: tuple[httpx.Request, ...], *, in_flight_max: int) -> list[httpx.Response]:
    gateway = Gateway(url, in_flight_max=in_flight_max, crash_template=TEMPLATE)
    async with gateway.client, httpx.AsyncClient(transport=httpx.ASGITransport(gateway)) as client:
        return list(await asyncio.gather(*(client.send(request) for request in requests)))


def test_a_request_goes_on_as_it_came(upstream: Upstream) -> None:
    headers = [("Authorization", "Bearer k"), ("x-two", "1"), ("x-two", "2"), ("Connection", "close")]
    url = "http://gate/api/cost/budget/a%2Fb%20c?from=2026-11-01&x=%C3%A4&x=2"

    ask(upstream, httpx.Request("PUT", url, headers=headers, content=b'{"a": "\xc3\xa4"}'))

    [(method, path, seen, body)] = upstream.seen
    pairs = [(name.lower(), value) for name, value in seen]
    assert (method, body) == ("PUT", b'{"a": "\xc3\xa4"}')
    assert path == "/_aws/execute-api/abc/local/api/cost/budget/a%2Fb%20c?from=2026-11-01&x=%C3%A4&x=2"
    assert [value for name, value in pairs if name == "x-two"] == ["1", "2"]
    assert ("authorization", "Bearer k") in pairs
    assert "connection" not in dict(pairs)


def test_an_answer_comes_back_as_it_was_given(upstream: Upstream) -> None:
    upstream.answer = (
        429,
        [("retry-after", "60"), ("set-cookie", "a=1"), ("set-cookie", "b=2"), ("x-request-id", "r")],
        b'{"e": 1}',
    )

    [response] = ask(upstream, httpx.Request("POST", "http://gate/v1/chat/completions", content=b"{}"))

    assert (response.status_code, response.content) == (429, b'{"e": 1}')
    assert response.headers.get_list("set-cookie") == ["a=1", "b=2"]
    assert (response.headers["retry-after"], response.headers["x-request-id"]) == ("60", "r")


def test_no_more_than_the_bound_are_in_flight_and_the_rest_wait(upstream: Upstream) -> None:
    upstream.delay.clear()
    threading.Timer(0.5, upstream.delay.set).start()

    responses = ask(upstream, *(httpx.Request("GET", "http://gate/x") for _ in range(40)), in_flight_max=8)

    assert [response.status_code for response in responses] == [200] * 40
    assert upstream.in_flight_most == 8


@pytest.mark.parametrize("status", [500, 502, 504])
def test_a_crashed_function_is_answered_for_in_our_own_shape(upstream: Upstream, status: int) -> None:
    upstream.answer = (status, [], b'{"message": "Worker process died"}')

    [response] = ask(upstream, httpx.Request("GET", "http://gate/x"))

    error = json.loads(response.content)["error"]
    assert response.status_code == status
    assert error["code"] == "internal_error"
    assert error["requestId"] == response.headers["x-amzn-requestid"]


def test_what_a_function_says_of_a_failure_is_its_own(upstream: Upstream) -> None:
    upstream.answer = (502, [], b'{"error": {"message": "The model is overloaded.", "type": "server_error"}}')

    [response] = ask(upstream, httpx.Request("GET", "http://gate/x"))

    assert response.json()["error"]["message"] == "The model is overloaded."


def test_without_ministack_the_answer_still_has_our_shape() -> None:
    async def lonely() -> httpx.Response:
        [response] = await ask_all("http://127.0.0.1:1/x", (httpx.Request("GET", "http://gate/x"),), in_flight_max=1)
        return response

    response = asyncio.run(lonely())

    assert (response.status_code, response.json()["error"]["code"]) == (500, "internal_error")
