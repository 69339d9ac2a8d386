"""Calls go to the addresses that the deployment named: no request, and no answer of a provider's, names another."""

import socketserver
from collections.abc import Iterator
from dataclasses import replace
from threading import Thread
from typing import Any

import pytest

from tests.fakes.gate import Gate, gate, message
from tests.fakes.http_server import Reply, Server, serving
from tests.fakes.openai_provider import complete, provider
from tollgate import wiring
from tollgate.settings import read_settings

HELLO = {"model": "gpt-4o", "messages": [message("Who comes on Friday?")]}
ADDRESSES = (
    "OPENAI_BASE_URL", "OPENAI_ADMIN_BASE_URL", "HELICONE_BASE_URL", "HELICONE_LOG_URL", "OTEL_EXPORTER_OTLP_ENDPOINT",
    "SERVICETITAN_BASE_URL", "SERVICETITAN_AUTH_URL",
)  # fmt: skip


class Trap(socketserver.ThreadingTCPServer):
    """Where nothing may come. Counts who knocks, whatever he says."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), socketserver.BaseRequestHandler)
        self.knocks = 0

    def process_request(self, request: Any, client_address: Any) -> None:
        self.knocks += 1
        super().process_request(request, client_address)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


@pytest.fixture(scope="module")
def openai() -> Iterator[Server]:
    with serving(provider()) as server:
        yield server


@pytest.fixture(scope="module")
def shop(openai: Server) -> Iterator[Gate]:
    # Repetitions and failures are what this is about.
    never = {"LOOP_REPEATS": "0", "LOOP_FAILURES": "0", "BREAKER_FAILURES": "0", "BREAKER_RATE_LIMITS": "0"}
    with gate(OPENAI_BASE_URL=f"{openai.url}/v1", **never) as shop:
        ports = replace(wiring.chat_ports(), sleep=lambda _: None)
        with pytest.MonkeyPatch.context() as changing:
            changing.setattr(wiring, "chat_ports", lambda: ports)
            yield shop


@pytest.fixture
def trap(openai: Server) -> Iterator[Trap]:
    openai.received.clear()
    with Trap() as trap:
        Thread(target=trap.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield trap
        trap.shutdown()
    openai.answer = complete


def named_in_headers(url: str) -> dict[str, str]:
    host = url.removeprefix("http://")
    return {
        "Host": host,
        "X-Forwarded-Host": host,
        "X-Forwarded-For": host,
        "Forwarded": f"host={host}",
        "X-Original-URL": url,
        "X-Rewrite-URL": url,
        "Referer": url,
        "Origin": url,
        "Location": url,
        "OpenAI-Base-Url": url,
        "Helicone-Target-Url": url,
        "Helicone-OpenAI-Api-Base": url,
        "x-stainless-base-url": url,
        "x-portkey-custom-host": url,
        "traceparent": url,
        "baggage": url,
    }


def test_no_header_of_a_request_names_where_its_call_goes(shop: Gate, openai: Server, trap: Trap) -> None:
    headers = named_in_headers(trap.url)
    for name, value in headers.items():
        assert shop.post("/v1/chat/completions", HELLO, {name: value}).status == 200, name

    assert len(openai.received) == len(headers)
    assert not any(trap.url in value for each in openai.received for value in each.headers.values())
    assert trap.knocks == 0


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/responses", "/v1/embeddings", "/api/chat"])
def test_no_field_of_a_request_names_where_its_call_goes(path: str, shop: Gate, openai: Server, trap: Trap) -> None:
    names = ("base_url", "baseUrl", "api_base", "apiBase", "endpoint", "url", "host", "proxy", "proxies", "callback_url", "webhook",
             "api_key", "extra_headers", "extra_query", "extra_body", "organization", "http_client")  # fmt: skip
    body = {
        "/v1/responses": {"model": "gpt-4o", "input": "Who comes on Friday?"},
        "/v1/embeddings": {"model": "text-embedding-3-small", "input": "Who comes on Friday?"},
    }.get(path, HELLO)
    for name in names:
        answer = shop.post(path, {**body, name: trap.url})

        assert answer.status == 400, (name, answer.text)

    assert openai.received == []
    assert trap.knocks == 0


def test_a_picture_s_address_is_handed_on_and_not_looked_at(shop: Gate, openai: Server, trap: Trap) -> None:
    """The provider fetches it; its tokens are bounded without."""
    picture = {"type": "image_url", "image_url": {"url": f"{trap.url}/latest/meta-data/", "detail": "low"}}

    shop.post("/v1/chat/completions", {"model": "gpt-4o", "messages": [{"role": "user", "content": [picture]}]})

    assert trap.knocks == 0


@pytest.mark.parametrize("streams", [False, True])
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_of_the_provider_s_is_not_followed(
    status: int, streams: bool, shop: Gate, openai: Server, trap: Trap
) -> None:
    openai.answer = lambda _: Reply(status=status, headers={"location": f"{trap.url}/v1/chat/completions"})

    answer = shop.post("/v1/chat/completions", HELLO | {"stream": streams})

    assert answer.status == 504, answer.text
    assert trap.knocks == 0


@pytest.mark.parametrize("variable", ADDRESSES)
@pytest.mark.parametrize(
    "address",
    [
        "http://api.openai.com/v1",
        "http://169.254.169.254/latest",
        "http://169.254.170.2/v2/credentials",
        "http://localhost.evil.example/v1",
        "http://127.0.0.1@evil.example/v1",
        "https://user:password@api.openai.com/v1",
        "https://api.openai.com/v1?key=1",
        "https://api.openai.com/v1#x",
        "https://api.openai.com\\@evil.example",
        "https://api.openai.com /v1",
        "https:///v1",
        "https://[::1",
        "https://api.openai.com:0/v1",
        "file:///etc/passwd",
        "gopher://127.0.0.1:6379/_x",
        "ftp://api.openai.com",
        "//api.openai.com/v1",
        "api.openai.com/v1",
        "https://аpi.openai.com/v1",
    ],
)
def test_an_address_that_may_not_learn_a_secret_stops_the_function_and_is_named(variable: str, address: str) -> None:
    with pytest.raises(ValueError, match=f"{variable} must be an https address"):
        read_settings({variable: address})


@pytest.mark.parametrize("variable", ADDRESSES)
@pytest.mark.parametrize(
    "address",
    [
        "https://gateway.example/openai/v1",
        "https://eu.api.openai.com:8443/v1",
        "http://127.0.0.1:8081/v1",
        "http://[::1]:8081",
    ],
)
def test_an_address_by_tls_or_on_this_machine_is_taken(variable: str, address: str) -> None:
    assert getattr(read_settings({variable: address}), variable.lower()) == address


def test_every_address_of_the_settings_is_looked_at() -> None:
    variables = {each.upper() for each in read_settings({}).__slots__ if each.endswith(("_url", "_endpoint"))}

    # The database is no HTTP, and the queue is AWS's, which is sent signatures and no secret.
    assert variables - {"DATABASE_URL", "SYNC_QUEUE_URL"} == set(ADDRESSES)
