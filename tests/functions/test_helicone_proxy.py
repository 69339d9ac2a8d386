"""Calls through Helicone's proxy, from the function's event to the books: what it is told, and what each way to fail costs."""

import json
import socket
from collections.abc import Iterator
from dataclasses import dataclass, replace
from uuid import UUID

import pytest

from tests.fakes import helicone
from tests.fakes.gate import TENANT, Gate, gate, message
from tests.fakes.http_server import Reply, Server, bad_gateway, json_reply, serving
from tests.fakes.openai_provider import TOKENS_IN, TOKENS_OUT, complete, declined, provider
from tollgate import wiring
from tollgate.domain.span import Outcome

LABELS = {"agent": "dispatch", "runId": "run-1", "jobId": "Küche №7", "bookingId": "B-3", "callId": "C-9"}


@dataclass
class Road:
    """The function, the provider, and Helicone's proxy between them. `forward`: what the proxy does when nothing is wrong with it."""

    shop: Gate
    openai: Server
    proxy: Server

    def asked(self) -> tuple[int, int]:
        """How many calls reached the proxy, and the provider."""
        return len(self.proxy.received), len(self.openai.received)


@pytest.fixture(scope="module")
def deployed() -> Iterator[Road]:
    with serving(provider()) as openai, serving(helicone.proxy(openai)) as proxy:
        road = {"OPENAI_BASE_URL": f"{openai.url}/v1", "HELICONE_BASE_URL": f"{proxy.url}/v1"}
        with gate("HELICONE_API_KEY_SECRET_ARN", **road) as shop:
            yield Road(shop=shop, openai=openai, proxy=proxy)


@pytest.fixture
def road(deployed: Road, monkeypatch: pytest.MonkeyPatch) -> Iterator[Road]:
    """In a new environment, which has seen no failure."""
    deployed.proxy.received.clear()
    deployed.openai.received.clear()
    forward = deployed.proxy.answer
    new_environment()
    for breaker in wiring.breakers().recent():
        wiring.breakers().remove(breaker)
    yield deployed
    deployed.proxy.answer, deployed.openai.answer = forward, complete


def new_environment() -> None:
    for built in (wiring.settings, wiring.upstream, wiring.breakers, wiring.guard, wiring.chat_ports):
        built.cache_clear()


def counted(capsys: pytest.CaptureFixture[str], name: str) -> bool:
    return f'"{name}":' in capsys.readouterr().out


def closed_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


def test_a_call_goes_through_the_proxy_which_is_told_whose_it_is(road: Road) -> None:
    answer = road.shop.chat(metadata=LABELS)

    assert answer.status == 200
    assert road.asked() == (1, 1)
    told = road.proxy.received[0].headers
    assert told["helicone-auth"] == "Bearer sk-helicone-test"
    assert told["authorization"] == "Bearer sk-test"
    assert told["helicone-user-id"] == told["helicone-property-tenant"] == TENANT
    assert told["helicone-session-id"] == told["helicone-property-run"] == "run-1"
    assert told["helicone-property-agent"] == "dispatch"
    assert told["helicone-property-job"] == "K%C3%BCche %E2%84%967", "a header carries ASCII"
    assert told["helicone-property-booking"] == "B-3"
    assert told["helicone-property-hold"] == answer.headers["x-tollgate-hold-id"]
    assert UUID(told["helicone-request-id"])


def test_each_call_has_a_request_id_of_its_own(road: Road) -> None:
    for _ in range(2):
        assert road.shop.chat().status == 200

    assert len({call.headers["helicone-request-id"] for call in road.proxy.received}) == 2


def test_what_a_caller_says_to_helicone_goes_nowhere(road: Road) -> None:
    """They would say where our key goes, how often one pays, and in whose name."""
    smuggled = {
        "Helicone-OpenAI-Api-Base": "https://elsewhere.example",
        "Helicone-Target-URL": "https://elsewhere.example",
        "helicone-retry-enabled": "true",
        "Helicone-User-Id": "another",
        "Helicone-Auth": "Bearer mine",
        "OpenAI-Organization": "org-theirs",
        "OpenAI-Project": "proj-theirs",
    }

    answer = road.shop.post("/v1/chat/completions", {"messages": [message("Hi")]}, smuggled)

    assert answer.status == 200
    told = road.proxy.received[0].headers
    assert told["helicone-user-id"] == TENANT
    assert told["helicone-auth"] == "Bearer sk-helicone-test"
    assert not {"helicone-openai-api-base", "helicone-target-url", "helicone-retry-enabled"} & told.keys()
    assert not {"openai-organization", "openai-project"} & told.keys()


def test_a_proxy_that_is_not_there_costs_nothing_and_the_call_is_served_directly(
    road: Road, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HELICONE_BASE_URL", f"http://127.0.0.1:{closed_port()}/v1")
    new_environment()

    answer = road.shop.chat()

    assert answer.status == 200
    assert road.shop.last_span.outcome is Outcome.OK
    assert road.asked() == (0, 1)
    assert not any(name.startswith("helicone-") for name in road.openai.received[0].headers)
    assert counted(capsys, "HeliconeFailed")


EACH_WAY = pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])


@EACH_WAY
@pytest.mark.parametrize(
    "broken",
    [
        bad_gateway,
        helicone.unauthorized,
        lambda _: Reply(cut=0),
        lambda _: Reply(content=b'{"usage"', headers={"content-length": "900"}, cut=8),
        lambda _: Reply(content=b"<html>Welcome</html>"),
        lambda _: json_reply({"error": {"message": "worker threw"}}, status=500),
    ],
    ids=["502 page", "401 of its own", "cut before an answer", "cut in the body", "200 page", "500 of its own"],
)
def test_what_the_proxy_was_sent_may_be_billed_so_the_call_costs_its_hold_and_the_next_go_directly(
    road: Road, broken: object, capsys: pytest.CaptureFixture[str], *, stream: bool
) -> None:
    road.proxy.answer = broken  # type: ignore[assignment]
    before = road.shop.page

    failed = road.shop.chat(stream=stream)

    assert failed.status == 504
    assert failed.body["error"]["code"] == "upstream_unknown"
    span = road.shop.last_span
    assert span.outcome is Outcome.UNKNOWN
    assert span.cost_nanousd == span.held_nanousd > 0
    assert road.asked() == (1, 0), "never tried again inside the hold"
    assert counted(capsys, "HeliconeFailed")
    for _ in range(2):
        assert road.shop.chat(stream=stream).status == 200
    assert road.asked() == (1, 2)
    assert road.shop.last_span.outcome is Outcome.OK
    assert counted(capsys, "HeliconeBypassed")
    page = road.shop.page
    assert page is not None
    assert page.use.held == 0
    assert page.seq - (before.seq if before else 0) == 3


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/responses"])
def test_a_stream_comes_through_the_proxy_whole_and_is_settled_by_its_usage(road: Road, path: str) -> None:
    what = {"messages": [message("Who is free?")]} if path.endswith("completions") else {"input": "Who is free?"}

    answer = road.shop.post(path, {"model": "gpt-4o", "stream": True, **what})

    assert answer.status == 200
    assert road.asked() == (1, 1)
    events = [json.loads(line[6:]) for line in answer.text.splitlines() if line.startswith("data: {")]
    assert len(events) > 2
    assert "tollgate" in (events[-1] if path.endswith("completions") else events[-1]["response"])
    span = road.shop.last_span
    assert (span.outcome, span.uncached, span.output) == (Outcome.OK, TOKENS_IN, TOKENS_OUT)
    assert 0 < span.cost_nanousd < span.held_nanousd


def test_a_stream_that_the_proxy_cuts_off_costs_its_hold_and_the_next_goes_directly(road: Road) -> None:
    forward = road.proxy.answer
    road.proxy.answer = lambda received: replace(forward(received), cut=300)

    assert road.shop.chat(stream=True).status == 504

    span = road.shop.last_span
    assert (span.outcome, span.cost_nanousd) == (Outcome.UNKNOWN, span.held_nanousd)
    assert road.asked() == (1, 1)
    assert road.shop.chat(stream=True).status == 200
    assert road.asked() == (1, 2)


@EACH_WAY
@pytest.mark.parametrize(
    ("broken", "counted"),
    [
        (bad_gateway, 0),
        (helicone.unauthorized, 0),
        (lambda _: Reply(content=b"<html>Welcome</html>"), 0),
        (lambda _: json_reply({"error": {"message": "overloaded"}}, status=500, x_request_id="req_1"), 1),
        (lambda _: Reply(content=b"<html>", status=502, headers={"x-request-id": "req_1"}), 1),
        (lambda _: Reply(cut=0), 1),
    ],
    ids=["502 page", "401 of its own", "200 page", "500 of the provider's", "502 with the provider's id", "nothing"],
)
def test_what_the_proxy_says_of_itself_does_not_count_against_the_provider(
    road: Road, broken: object, counted: int, *, stream: bool
) -> None:
    """Each function finds out for itself, and ten of them would stop a model that works. What may be the provider's fault counts."""
    road.proxy.answer = broken  # type: ignore[assignment]

    road.shop.chat(stream=stream)

    assert sum(breaker.failures for breaker in wiring.breakers().recent()) == counted


def test_a_refusal_of_the_provider_s_own_is_the_caller_s_and_the_proxy_is_kept(road: Road) -> None:
    road.openai.answer = declined

    for _ in range(2):
        assert road.shop.chat().status == 429

    assert road.shop.last_span.outcome is Outcome.FAILED
    assert road.shop.last_span.cost_nanousd == 0
    assert road.asked() == (2, 2)


def test_a_key_for_helicone_that_cannot_be_read_does_not_stop_a_call(
    road: Road, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(
        "HELICONE_API_KEY_SECRET_ARN", "arn:aws:secretsmanager:us-east-1:123456789012:secret:gone-AbCdEf"
    )
    new_environment()

    assert road.shop.chat().status == 200

    assert road.asked() == (0, 1)


def test_in_log_mode_calls_do_not_go_through_the_proxy(road: Road, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HELICONE_MODE", "log")
    new_environment()

    assert road.shop.chat().status == 200

    assert road.asked() == (0, 1)


def test_another_mode_than_the_two_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HELICONE_MODE", "both")
    wiring.settings.cache_clear()

    with pytest.raises(ValueError, match="HELICONE_MODE must be one of proxy, log"):
        wiring.settings()
