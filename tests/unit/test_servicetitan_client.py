"""The client against answers made up here: time is a number, and no test waits."""

import base64
import json
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta

import httpx
import pytest

from tollgate.adapters.servicetitan_access import Addresses, Credentials, addresses_of, parse_credentials
from tollgate.adapters.servicetitan_client import ServiceTitanClient
from tollgate.adapters.servicetitan_http import PACE_SECONDS
from tollgate.domain.errors import JobSourceFailed
from tollgate.domain.job import SourceFault

SECRET, APP_KEY, TOKEN = "cs2.very-secret", "ak1.very-secret", "token-very-secret"
CREDENTIALS = Credentials(client_id="cid.one", client_secret=SECRET, app_key=APP_KEY)
ADDRESSES = Addresses(base_url="https://api.servicetitan.io", auth_url="https://auth.servicetitan.io")
PAGE = {"hasMore": False, "continueFrom": "next", "data": []}

Reply = Callable[[httpx.Request], httpx.Response]


def answers(status: int, body: object = None, **headers: str) -> Reply:
    return lambda _: httpx.Response(status, json=body or {}, headers=headers)


def breaks(error: type[httpx.TransportError]) -> Reply:
    def reply(request: httpx.Request) -> httpx.Response:
        raise error("it broke", request=request)

    return reply


OK = answers(200, PAGE)


@dataclass
class There:
    """The other side: replies in their order, `OK` when these are used up. Its clock moves when somebody sleeps."""

    replies: list[Reply] = field(default_factory=list)
    token_replies: list[Reply] = field(default_factory=list)
    minted: int = 0
    requests: list[httpx.Request] = field(default_factory=list)
    now: float = 1000.0
    slept: list[float] = field(default_factory=list)

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        if seconds > PACE_SECONDS:
            self.slept.append(seconds)

    def reply(self, request: httpx.Request) -> httpx.Response:
        if request.url.host == "auth.servicetitan.io":
            self.minted += 1
            given = self.token_replies.pop(0) if self.token_replies else None
            token = {"access_token": f"{TOKEN}-{self.minted}", "expires_in": 900}
            return given(request) if given else httpx.Response(200, json=token)
        self.requests.append(request)
        return self.replies.pop(0)(request) if self.replies else OK(request)

    def client(self) -> ServiceTitanClient:
        return ServiceTitanClient(
            ADDRESSES,
            "1001",
            lambda: CREDENTIALS,
            clock=lambda: self.now,
            sleep=self.sleep,
            uniform=lambda _, highest: highest,
            transport=httpx.MockTransport(self.reply),
        )

    def get(self, client: ServiceTitanClient | None = None, *, seconds: float = 200) -> dict[str, object]:
        query = {"from": "2026-01-01"}
        return (client or self.client()).get("jpm/v2", "export/jobs", query, time_left=timedelta(seconds=seconds))

    def fails(self, *, seconds: float = 200) -> JobSourceFailed:
        with pytest.raises(JobSourceFailed) as caught:
            self.get(seconds=seconds)
        return caught.value


def test_a_call_carries_token_and_application_key_to_the_tenants_path() -> None:
    there = There()

    assert there.get() == PAGE
    request = there.requests[0]
    assert str(request.url) == "https://api.servicetitan.io/jpm/v2/tenant/1001/export/jobs?from=2026-01-01"
    assert (request.headers["authorization"], request.headers["st-app-key"]) == (f"Bearer {TOKEN}-1", APP_KEY)


def test_one_token_does_for_all_calls_until_a_minute_before_its_end() -> None:
    there = There()
    client = there.client()

    there.get(client)
    there.now += 800
    there.get(client)
    assert there.minted == 1

    there.now = 1000 + 841
    there.get(client)
    assert there.minted == 2


def test_a_refused_token_is_replaced_once() -> None:
    there = There(replies=[answers(401)])

    assert there.get() == PAGE
    assert [request.headers["authorization"][-1] for request in there.requests] == ["1", "2"]


def test_a_second_refusal_is_not_answered_with_a_third_token() -> None:
    there = There(replies=[answers(401), answers(401, {"title": "Application key not present"})])

    failure = there.fails()

    assert failure.fault is SourceFault.CREDENTIALS
    assert "Application key not present" in str(failure)
    assert there.minted == 2


def test_a_refused_client_is_asked_for_once() -> None:
    there = There(token_replies=[answers(400, {"error": "invalid_client"})])

    failure = there.fails()

    assert failure.fault is SourceFault.CREDENTIALS
    assert "invalid_client" in str(failure)
    assert there.minted == 1


@pytest.mark.parametrize(
    ("reply", "waits"),
    [
        (answers(429, {"title": "Slow down"}, **{"Retry-After": "7"}), 7.5),
        (
            answers(429, **{"Retry-After": "Mon, 23 Nov 2026 12:00:09 GMT", "Date": "Mon, 23 Nov 2026 12:00:00 GMT"}),
            9.5,
        ),
        (answers(429, {"title": "Rate limit is exceeded. Try again in 4 seconds."}), 4.5),
        (answers(429), 2.0),
        (answers(429, **{"Retry-After": "soon"}), 2.0),
    ],
)
def test_a_throttled_call_waits_as_it_is_told_in_any_of_the_forms(reply: Reply, waits: float) -> None:
    there = There(replies=[reply])

    assert there.get() == PAGE
    assert there.slept == [waits]


def test_a_wait_that_passes_the_time_left_is_not_begun() -> None:
    there = There(replies=[answers(429, **{"Retry-After": "60"})])

    assert there.fails(seconds=45).fault is SourceFault.OUT_OF_TIME
    assert there.slept == []


def test_a_throttled_token_endpoint_is_waited_for_too() -> None:
    there = There(token_replies=[answers(429, **{"Retry-After": "3"})])

    assert there.get() == PAGE
    assert there.slept == [3.5]


FLEETING = [
    answers(500),
    answers(503, {"title": "Unavailable"}),
    breaks(httpx.ConnectError),
    breaks(httpx.ReadTimeout),
    breaks(httpx.RemoteProtocolError),
    lambda _: httpx.Response(502, html="<h1>Bad Gateway</h1>"),
    lambda _: httpx.Response(200, html="<h1>Maintenance</h1>"),
]


@pytest.mark.parametrize("reply", FLEETING)
def test_what_passes_is_tried_again_and_not_for_ever(reply: Reply) -> None:
    assert There(replies=[reply, reply]).get() == PAGE

    there = There(replies=[reply] * 9)
    assert there.fails().fault is SourceFault.UNAVAILABLE
    assert len(there.requests) == 3


@pytest.mark.parametrize(
    ("status", "fault"),
    [
        (400, SourceFault.INVALID),
        (403, SourceFault.FORBIDDEN),
        (404, SourceFault.UNAVAILABLE),
        (302, SourceFault.UNAVAILABLE),
    ],
)
def test_what_stays_is_not_tried_again(status: int, fault: SourceFault) -> None:
    there = There(replies=[answers(status, {"title": "No", "traceId": "00-abc"}, Location="https://evil.example/")])

    failure = there.fails()

    assert failure.fault is fault
    assert "00-abc" in str(failure)
    assert len(there.requests) == 1


def test_no_call_may_take_longer_than_the_time_left_or_half_a_minute() -> None:
    there = There()

    there.get(seconds=12)
    there.get(seconds=200)

    assert [request.extensions["timeout"]["read"] for request in there.requests] == [pytest.approx(12, abs=0.1), 30]


def test_no_call_is_begun_when_the_time_is_over() -> None:
    there = There()

    assert there.fails(seconds=0).fault is SourceFault.OUT_OF_TIME
    assert (there.minted, there.requests) == (0, [])


def test_an_answer_that_drips_is_given_up_in_time() -> None:
    there = There()

    class Dripping(httpx.SyncByteStream):
        def __iter__(self) -> Iterator[bytes]:
            for _ in range(1000):
                there.now += 5
                yield b" "

    there.replies = [lambda _: httpx.Response(200, stream=Dripping())] * 3

    assert there.fails(seconds=100).fault is SourceFault.UNAVAILABLE
    assert there.now <= 1000 + 100 + 5


def test_calls_keep_a_distance_that_stays_below_sixty_a_second() -> None:
    there = There()
    client = there.client()

    for _ in range(41):
        there.get(client)

    assert there.now - 1000 >= 1


def test_a_token_of_another_tenant_is_noticed_before_it_is_used() -> None:
    claims = base64.urlsafe_b64encode(json.dumps({"tenant": "1002"}).encode()).decode().rstrip("=")
    there = There(token_replies=[answers(200, {"access_token": f"e30.{claims}.", "expires_in": 900})])

    failure = there.fails()

    assert failure.fault is SourceFault.CREDENTIALS
    assert "1002" in str(failure)
    assert there.requests == []


def test_no_secret_is_in_a_log_a_message_or_a_representation(
    caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    refusals = [[answers(401)] * 2, [answers(403)], [answers(400)], FLEETING[:3], [answers(429)] * 6]
    said = [
        repr(CREDENTIALS),
        repr(There().client()),
        *(str(There(replies=replies[:]).fails()) for replies in refusals),
    ]
    said.append(str(There(token_replies=[answers(400, {"error": "invalid_client"})]).fails()))
    written = capsys.readouterr()

    text = " ".join([*said, caplog.text, written.out, written.err])

    assert not [secret for secret in (SECRET, APP_KEY, TOKEN) if secret in text]


@pytest.mark.parametrize("tenant_id", ["", "12a", "../1", "１２", "1001 "])
def test_a_tenant_id_is_digits(tenant_id: str) -> None:
    with pytest.raises(ValueError, match="digits"):
        ServiceTitanClient(ADDRESSES, tenant_id, lambda: CREDENTIALS)


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example",
        "http://api.servicetitan.io",
        "https://api.servicetitan.io.evil.example",
        "https://api.servicetitan.io@evil.example",
        "https://user:word@api.servicetitan.io",
        "https://api.servicetitan.io/v1",
        "https://api.servicetitan.io:8443",
        "http://127.0.0.1.evil.example",
        "http://localhost@evil.example",
        "ftp://127.0.0.1",
        "api.servicetitan.io",
    ],
)
def test_secrets_go_to_no_other_address(url: str) -> None:
    with pytest.raises(ValueError, match="must be"):
        Addresses(base_url=url, auth_url="https://auth.servicetitan.io")
    with pytest.raises(ValueError, match="must be"):
        Addresses(base_url="https://api.servicetitan.io", auth_url=url)


def found(environment: str = "production", base_url: str = "", auth_url: str = "") -> Addresses:
    return addresses_of(
        environment=environment,
        base_url=base_url or "https://api.servicetitan.io",
        auth_url=auth_url or "https://auth.servicetitan.io",
    )


def test_the_integration_environment_has_addresses_of_its_own() -> None:
    assert found("integration").base_url == "https://api-integration.servicetitan.io"
    assert found("integration").auth_url == "https://auth-integration.servicetitan.io"
    assert found("integration", "http://127.0.0.1:8082", "http://127.0.0.1:8083/").auth_url == "http://127.0.0.1:8083"
    with pytest.raises(ValueError, match="SERVICETITAN_ENVIRONMENT"):
        found("staging")


def test_the_retired_host_is_taken_for_the_present_one() -> None:
    assert found(base_url="https://api.servicetitan.com/") == found()


@pytest.mark.parametrize(
    ("secret", "says"),
    [
        ("cs2.very-secret", "not a JSON object"),
        ('["cs2.very-secret"]', "not a JSON object"),
        ('{"clientId": "a", "appKey": "cs2.very-secret"}', "clientSecret"),
        ('{"clientId": "a", "clientSecret": "cs2.very-secret\\n", "appKey": "b"}', "clientSecret"),
    ],
)
def test_an_unusable_secret_is_described_and_not_quoted(secret: str, says: str) -> None:
    with pytest.raises(JobSourceFailed, match=says) as caught:
        parse_credentials(secret)

    assert "very-secret" not in str(caught.value)
    assert caught.value.fault is SourceFault.CREDENTIALS
