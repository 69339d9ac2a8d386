"""The client against answers made up here: time is a number, and no test waits."""

import base64
import json
import logging
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from threading import Barrier

import httpx
import pytest

from tollgate.adapters import servicetitan_http
from tollgate.adapters.servicetitan_access import Addresses, Credentials
from tollgate.adapters.servicetitan_client import ServiceTitanClient
from tollgate.adapters.servicetitan_http import CHECK_PACE_SECONDS, PACE_SECONDS, Answer
from tollgate.domain.errors import JobSourceFailed, TenantDiffers
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
    credentials: Credentials = CREDENTIALS
    pace_s: float = PACE_SECONDS

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        if seconds > self.pace_s:
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
            lambda: self.credentials,
            pace_s=self.pace_s,
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


@pytest.mark.parametrize(("pace_s", "most"), [(PACE_SECONDS, 40), (CHECK_PACE_SECONDS, 10)])
def test_a_client_begins_no_more_calls_in_any_second_than_its_pace_allows(pace_s: float, most: int) -> None:
    there = There(pace_s=pace_s)
    client = there.client()
    begun: list[float] = []
    there.replies = [lambda _: (begun.append(there.now), OK(_))[1]] * (3 * most)

    for _ in range(3 * most):
        there.get(client)

    assert max(sum(at <= other < at + 1 - 1e-9 for other in begun) for at in begun) == most


def test_a_worker_and_a_check_beside_it_stay_below_sixty_a_second() -> None:
    assert 1 / PACE_SECONDS + 1 / CHECK_PACE_SECONDS <= 60


def test_threads_take_turns_and_mint_one_token() -> None:
    there = There(pace_s=0)
    client, started = there.client(), Barrier(8)

    def get(_: int) -> object:
        started.wait(10)
        return there.get(client)

    with ThreadPoolExecutor(8) as pool:
        answered = list(pool.map(get, range(8)))

    assert (answered, there.minted) == ([PAGE] * 8, 1)


def test_of_threads_whose_token_was_withdrawn_one_mints_the_next() -> None:
    """Each is refused with the first token; the ones that come later must not throw away the second."""
    there = There(pace_s=0)
    client, refused = there.client(), Barrier(4)
    there.get(client)

    def reply(request: httpx.Request) -> httpx.Response:
        if request.headers["authorization"].endswith("-1"):
            refused.wait(10)
            return httpx.Response(401)
        return OK(request)

    there.replies = [reply] * 8
    with ThreadPoolExecutor(4) as pool:
        answered = list(pool.map(lambda _: there.get(client), range(4)))

    assert (answered, there.minted) == ([PAGE] * 4, 2)


@pytest.mark.parametrize(
    ("said", "lives_s"),
    [
        ({"expires_in": 600}, 540),
        ({"expires_in": 30}, 15),
        ({"expires_in": 600.0}, 540),
        ({}, 840),
        ({"expires_in": None}, 840),
        ({"expires_in": "soon"}, 840),
        ({"expires_in": -1}, 840),
        ({"expires_in": 10**30}, 840),
    ],
)
def test_a_token_is_used_as_long_as_it_is_said_to_live_and_never_for_one_call_only(
    said: dict[str, object], lives_s: float
) -> None:
    there = There(token_replies=[answers(200, {"access_token": TOKEN, **said})], pace_s=0)
    client = there.client()

    there.get(client)
    there.now += lives_s - 1
    there.get(client)
    assert there.minted == 1

    there.now += 2
    there.get(client)
    assert there.minted == 2


def test_a_token_of_credentials_that_were_rotated_is_not_used_again() -> None:
    there = There()
    client = there.client()
    there.get(client)

    there.credentials = Credentials(client_id="cid.one", client_secret="cs2.rotated", app_key=APP_KEY)
    there.get(client)

    assert [request.headers["authorization"][-1] for request in there.requests] == ["1", "2"]


def test_signing_in_mints_a_token_whatever_is_kept_and_the_next_call_uses_it() -> None:
    there = There()
    client = there.client()
    there.get(client)

    assert client.sign_in(time_left=timedelta(seconds=10)) is None
    there.get(client)

    assert there.minted == 2
    assert there.requests[-1].headers["authorization"] == f"Bearer {TOKEN}-2"


def named(tenant: object) -> Reply:
    claims = base64.urlsafe_b64encode(json.dumps({"tenant": tenant}).encode()).decode().rstrip("=")
    return answers(200, {"access_token": f"e30.{claims}.", "expires_in": 900})


def test_signing_in_says_whose_token_it_is() -> None:
    left = timedelta(seconds=10)

    assert There(token_replies=[named("1001")]).client().sign_in(time_left=left) == "1001"
    assert There(token_replies=[named(1001)]).client().sign_in(time_left=left) == "1001"
    with pytest.raises(TenantDiffers, match="1002") as caught:
        There(token_replies=[named("1002")]).client().sign_in(time_left=left)
    assert (caught.value.named, caught.value.fault) == ("1002", SourceFault.CREDENTIALS)


def test_signing_in_is_tried_again_and_not_for_ever() -> None:
    there = There(token_replies=[answers(503)] * 9)

    with pytest.raises(JobSourceFailed) as caught:
        there.client().sign_in(time_left=timedelta(seconds=100))

    assert caught.value.fault is SourceFault.UNAVAILABLE
    assert there.minted == 3


@pytest.mark.parametrize("token", ["", "two words", "line\nbreak", "smile-\u263a", 7, None])
def test_a_token_that_could_not_stand_in_a_header_is_none(token: object) -> None:
    there = There(token_replies=[answers(200, {"access_token": token, "expires_in": 900})] * 3)

    failure = there.fails()

    assert failure.fault is SourceFault.UNAVAILABLE
    assert "without a token" in str(failure)
    assert there.requests == []


def test_an_answer_without_an_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(servicetitan_http, "ANSWER_BYTES_MAX", 10_000)
    there = There(replies=[lambda _: httpx.Response(200, content=b" " * 10_001)] * 3)

    assert "no end" in str(there.fails())
    assert (
        There(replies=[lambda _: httpx.Response(200, content=b" " * 9_000 + json.dumps(PAGE).encode())]).get() == PAGE
    )


def test_an_answer_that_is_nested_too_deeply_is_none() -> None:
    there = There(replies=[lambda _: httpx.Response(200, content=b"[" * 200_000)] * 3)

    assert there.fails().fault is SourceFault.UNAVAILABLE


def test_ids_and_fractions_arrive_as_they_were_written() -> None:
    text = b'{"data": [{"id": 9223372036854775807, "total": 0.1, "on": "2026-11-23T12:00:00.1234567Z"}], "n": 9007199254740993}'
    there = There(replies=[lambda _: httpx.Response(200, content=text)])

    answer = there.get()

    assert answer == {
        "data": [{"id": 2**63 - 1, "total": Decimal("0.1"), "on": "2026-11-23T12:00:00.1234567Z"}],
        "n": 2**53 + 1,
    }


def test_a_token_of_another_tenant_is_noticed_before_it_is_used() -> None:
    there = There(token_replies=[named("1002")])

    failure = there.fails()

    assert failure.fault is SourceFault.CREDENTIALS
    assert "1002" in str(failure)
    assert there.requests == []


def echoes(status: int) -> Reply:
    """A refusal that repeats what it was sent."""

    def reply(request: httpx.Request) -> httpx.Response:
        sent = f"{request.headers.get('authorization')} with {APP_KEY} is not {SECRET}"
        return httpx.Response(status, json={"title": sent, "traceId": APP_KEY})

    return reply


def told(error: BaseException) -> str:
    """As a log has it, with all that it was raised from."""
    return "".join(traceback.format_exception(error)) + repr(error)


def test_no_secret_is_in_a_log_a_message_or_a_representation(
    caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    refusals = [[echoes(status)] * 6 for status in (400, 401, 403, 404, 429, 500)]
    refusals += [FLEETING[:3], [answers(401)] * 2]
    client = There().client()
    client.sign_in(time_left=timedelta(seconds=10))
    kept = client._token
    answer = Answer(status=200, headers=httpx.Headers({"x-echo": APP_KEY}), body=TOKEN.encode(), hidden=(SECRET,))
    said = [
        *(repr(each) for each in (CREDENTIALS, client, kept, answer, vars(client))),
        *(told(There(replies=replies[:]).fails()) for replies in refusals),
        *(told(There(token_replies=[echoes(status)] * 6).fails()) for status in (400, 401, 403, 429, 500)),
        told(There(token_replies=[answers(200, {"access_token": f"{TOKEN}\n"})] * 3).fails()),
    ]
    written = capsys.readouterr()

    text = " ".join([*said, caplog.text, written.out, written.err])

    assert "[hidden]" in text
    assert not [secret for secret in (SECRET, APP_KEY, f"{TOKEN}-1", f"{TOKEN}\n") if secret in text]


@pytest.mark.parametrize("tenant_id", ["", "12a", "../1", "１２", "1001 "])
def test_a_tenant_id_is_digits(tenant_id: str) -> None:
    with pytest.raises(ValueError, match="digits"):
        ServiceTitanClient(ADDRESSES, tenant_id, lambda: CREDENTIALS)
