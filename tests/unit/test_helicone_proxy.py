"""When the proxy is asked, when it is left alone, and how long a call can wait for it."""

import socket
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import closing
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

from tests.fakes.http_server import Server, serving
from tests.fakes.ledger_world import ScriptedUpstream
from tests.fakes.openai_provider import provider
from tollgate.adapters.helicone_headers import header_text
from tollgate.adapters.helicone_proxy import AVOIDED_SECONDS, CONNECT_TIMEOUT_S, HeliconeProxy, proxy_headers
from tollgate.adapters.openai_upstream import OpenAiUpstream
from tollgate.domain.call_labels import CallLabels
from tollgate.domain.outcome import Answered, Declined, NotSent, Unclear, UpstreamResult
from tollgate.domain.span import Attribution
from tollgate.domain.usage import NO_USAGE
from tollgate.ports import Listener

LABELS = CallLabels(tenant_id="acme-hvac", hold_id="2026-11.23.Zk3vQ0a1xY_9", attribution=Attribution())
REQUEST = {"model": "gpt-4o", "messages": [{"role": "user", "content": "Hi"}]}
BY_PROXY = Answered(body={"by": "proxy"}, usage=NO_USAGE, tier="default")
DIRECTLY = Answered(body={"by": "itself"}, usage=NO_USAGE, tier="default")
ITS_OWN = Declined(status=429, body={}, message="Slow down", headers={"x-request-id": "req_1"})
SOMEBODY_S = Declined(status=401, body={}, message="Unauthorized")


class Way:
    """A proxy and what it was asked, with a clock that a test moves."""

    def __init__(self, *results: UpstreamResult) -> None:
        self.now = 0.0
        self.counted: Counter[str] = Counter()
        self.proxied = ScriptedUpstream(list(results))
        self.direct = ScriptedUpstream([DIRECTLY] * 9)
        self.proxy = HeliconeProxy(
            proxied=self.proxied,
            direct=self.direct,
            count=lambda name: self.counted.update([name]),
            clock=lambda: self.now,
        )

    def call(self) -> UpstreamResult:
        return self.proxy.complete(REQUEST, path="chat/completions", labels=LABELS, timeout_s=30)


def test_a_proxy_that_answers_is_asked_each_time() -> None:
    way = Way(BY_PROXY, ITS_OWN, BY_PROXY)

    assert [way.call() for _ in range(3)] == [BY_PROXY, ITS_OWN, BY_PROXY]
    assert not way.counted


def test_only_what_was_not_sent_is_made_again_directly() -> None:
    way = Way(NotSent(message="ConnectError"))

    assert way.call() == DIRECTLY
    assert way.counted == {"HeliconeFailed": 1, "HeliconeBypassed": 1}


@pytest.mark.parametrize("unclear", [Unclear(message="", code="status_502"), SOMEBODY_S])
def test_what_may_have_been_sent_on_is_unclear_and_never_made_again(unclear: UpstreamResult) -> None:
    way = Way(unclear)

    assert isinstance(way.call(), Unclear)
    assert not way.direct.asked
    assert way.counted == {"HeliconeFailed": 1}


def test_after_a_failure_the_proxy_is_left_alone_for_a_minute_and_then_asked_again() -> None:
    way = Way(NotSent(message="ConnectError"), BY_PROXY)
    way.call()

    way.now = AVOIDED_SECONDS - 0.001
    assert way.call() == DIRECTLY
    way.now = AVOIDED_SECONDS
    assert way.call() == BY_PROXY

    assert way.counted == {"HeliconeFailed": 1, "HeliconeBypassed": 2}


class NoSecret(ScriptedUpstream):
    def complete(
        self,
        request: Mapping[str, Any],
        *,
        path: str,
        labels: CallLabels,
        timeout_s: float,
        listener: Listener | None = None,
    ) -> UpstreamResult:
        raise EndpointConnectionError(endpoint_url="secretsmanager")


def test_a_secret_that_cannot_be_read_is_a_request_that_was_not_sent() -> None:
    direct = ScriptedUpstream([DIRECTLY])
    counted: Counter[str] = Counter()
    proxy = HeliconeProxy(proxied=NoSecret(), direct=direct, count=lambda name: counted.update([name]))

    assert proxy.complete(REQUEST, path="chat/completions", labels=LABELS, timeout_s=30) == DIRECTLY
    assert counted == {"HeliconeFailed": 1, "HeliconeBypassed": 1}


@pytest.fixture
def openai() -> Iterator[Server]:
    with serving(provider()) as server:
        yield server


@pytest.fixture
def deaf() -> Iterator[int]:
    """A port where connections are taken and never spoken on."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listening:
        yield listening.getsockname()[1]


def before(openai: Server, base_url: str, *, connect_timeout_s: float = 0.2) -> HeliconeProxy:
    return HeliconeProxy(
        proxied=OpenAiUpstream(
            base_url,
            lambda: "sk-test",
            headers=proxy_headers(lambda: "key"),
            connect_timeout_s=connect_timeout_s,
        ),
        direct=OpenAiUpstream(f"{openai.url}/v1", lambda: "sk-test"),
        count=lambda _: None,
    )


def test_a_proxy_that_never_greets_back_is_given_up_within_its_time_and_the_call_is_served(
    openai: Server, deaf: int
) -> None:
    """TLS that is not answered. Without the limit this test would wait for all of the call's time."""
    result = before(openai, f"https://127.0.0.1:{deaf}/v1").complete(
        REQUEST, path="chat/completions", labels=LABELS, timeout_s=200
    )

    assert isinstance(result, Answered)
    assert len(openai.received) == 1


def test_a_proxy_that_speaks_no_tls_has_seen_nothing(openai: Server) -> None:
    with serving(provider()) as plain:
        secured = plain.url.replace("http:", "https:")
        result = before(openai, f"{secured}/v1", connect_timeout_s=CONNECT_TIMEOUT_S).complete(
            REQUEST, path="chat/completions", labels=LABELS, timeout_s=200
        )

        assert isinstance(result, Answered)
        assert not plain.received


def test_a_proxy_that_takes_the_call_and_says_nothing_may_have_sent_it_on(openai: Server, deaf: int) -> None:
    result = before(openai, f"http://127.0.0.1:{deaf}/v1").complete(
        REQUEST, path="chat/completions", labels=LABELS, timeout_s=0.3
    )

    assert isinstance(result, Unclear)
    assert result.code == "proxy_timeout"
    assert not openai.received


@pytest.mark.parametrize(
    ("words", "sent"),
    [("plain text, 100%", "plain text, 100%25"), ("Küche", "K%C3%BCche"), (" padded ", "padded"), ("№", "%E2%84%96")],
)
def test_any_label_can_be_a_header(words: str, sent: str) -> None:
    assert header_text(words) == sent
    assert header_text(words).isascii()


def test_a_call_has_one_id_however_often_it_is_told_and_no_other_has_it() -> None:
    again = CallLabels(tenant_id="acme-hvac", hold_id=LABELS.hold_id, attribution=Attribution(agent="dispatch"))
    other_tenant = CallLabels(tenant_id="acme", hold_id=LABELS.hold_id, attribution=Attribution())
    other_hold = CallLabels(tenant_id="acme-hvac", hold_id="2026-11.24.Zk3vQ0a1xY_9", attribution=Attribution())

    assert LABELS.call_uuid == again.call_uuid
    assert len({LABELS.call_uuid, other_tenant.call_uuid, other_hold.call_uuid}) == 3


def test_a_call_that_we_could_not_send_says_nothing_of_the_proxy() -> None:
    unsent = NotSent(message="The key of OpenAI project proj_acme could not be read.", ours=True)
    way = Way(unsent, BY_PROXY)

    assert way.call() == unsent
    assert way.call() == BY_PROXY
    assert not way.direct.asked
    assert not way.counted
