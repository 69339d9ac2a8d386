"""Requests with an Idempotency-Key through the functions' own handlers: what a client sees of a repetition, and what is spent."""

import json
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any

import pytest

from tests.fakes.ledger_world import (
    Books,
    CountsLetters,
    ScriptedUpstream,
    TwoPrices,
    a_tenant,
    books_in_memory,
    keys,
)
from tests.fakes.memory_breakers import ToldAlerts
from tests.fakes.memory_kept_calls import MemoryKeptCalls
from tests.fakes.memory_ledger import MemoryTable
from tests.functions.test_bad_requests import load
from tollgate import wiring
from tollgate.domain.money import NanoUsd
from tollgate.domain.outcome import Answered, Declined, Unclear, UpstreamResult
from tollgate.domain.usage import Usage
from tollgate.domain.window import window_at
from tollgate.usecases.answer_once import OncePorts
from tollgate.usecases.complete_chat import ChatPorts
from tollgate.usecases.know_settings import KnownSettings

V1, API, RECORD = "/v1/chat/completions", "/api/chat", "/api/cost/record"
CHAT, RECORDS = "create_chat_completion", "record_cost"
HELLO = {"model": "dear", "messages": [{"role": "user", "content": "Who can come today?"}], "temperature": 0.5}
SAID = {"choices": [{"message": {"role": "assistant", "content": "Ann, at nine."}, "finish_reason": "stop"}]}
CHUNKS = {"chunks": [{"choices": [{"delta": {"content": "Ann"}}]}, {"choices": [{"delta": {"content": ", at nine."}}]}]}
RICH = 10**12
EACH_ROUTE = pytest.mark.parametrize("path", [V1, API])


def said(body: dict[str, Any] = SAID) -> Answered:
    return Answered(body=body, usage=Usage(uncached=5, output=7), tier="default")


@dataclass(slots=True)
class Gate:
    upstream: ScriptedUpstream = field(default_factory=ScriptedUpstream)
    calls: MemoryKeptCalls = field(default_factory=MemoryKeptCalls)
    books: Books = field(default_factory=lambda: books_in_memory(MemoryTable()))

    def send(
        self,
        path: str,
        body: dict[str, Any],
        key: str | None = "booking-7",
        *,
        tenant_id: str = "shop",
        folder: str = CHAT,
    ) -> dict[str, Any]:
        headers = {"Content-Type": "application/json"} | ({"idempotency-key": key} if key is not None else {})
        event = {
            "resource": path,
            "path": path,
            "httpMethod": "POST",
            "headers": headers,
            "multiValueHeaders": {name: [value] for name, value in headers.items()},
            "queryStringParameters": None,
            "multiValueQueryStringParameters": None,
            "pathParameters": {},
            "requestContext": {
                "stage": "local",
                "path": f"/local{path}",
                "requestId": f"request-{self.calls.asked}",
                "authorizer": {"keyId": "key-1", "role": "tenant", "tenantId": tenant_id},
            },
            "body": json.dumps(body),
            "isBase64Encoded": False,
        }
        context = SimpleNamespace(aws_request_id="request", get_remaining_time_in_millis=lambda: 60_000)
        answer: dict[str, Any] = load(folder).handle(event, context)
        answer["told"] = {name.lower(): values[0] for name, values in answer["multiValueHeaders"].items()}
        return answer

    def spent(self, tenant_id: str = "shop") -> int:
        month = window_at(wiring.clock(), a_tenant().zones).month
        page = self.books.ledger.read_page(tenant_id, month)
        assert page is not None
        assert not page.holds
        return page.use.spent


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Gate:
    gate = Gate()
    for tenant_id in ("shop", "other"):
        gate.books.accounts.create(a_tenant(tenant_id, daily_limit=NanoUsd(RICH), monthly_limit=NanoUsd(RICH)), ())
    known = KnownSettings(gate.books.accounts)
    ports = ChatPorts(
        ledger=gate.books.ledger,
        accounts=gate.books.accounts,
        prices=TwoPrices(),  # type: ignore[arg-type]
        counter=CountsLetters(),
        upstream=gate.upstream,
        clock=wiring.clock,
        new_key=keys(),
    )
    once = OncePorts(calls=gate.calls, alerts=ToldAlerts(), clock=wiring.clock, keeps_text=True)
    for name, made in {
        "chat_ports": ports,
        "once_ports": once,
        "known_settings": known,
        "ledger": gate.books.ledger,
        "accounts": gate.books.accounts,
        "prices": TwoPrices(),
    }.items():
        monkeypatch.setattr(wiring, name, lambda made=made: made)
    return gate


@EACH_ROUTE
def test_a_repetition_is_the_first_answer_word_for_word_and_says_so(gate: Gate, path: str) -> None:
    gate.upstream.results = [said()]

    first, again = gate.send(path, HELLO), gate.send(path, HELLO)

    assert (first["statusCode"], again["statusCode"]) == (200, 200), first["body"]
    assert again["body"] == first["body"]
    assert "x-tollgate-idempotent-replay" not in first["told"]
    assert again["told"] == first["told"] | {"x-tollgate-idempotent-replay": "true"}
    assert again["told"]["x-tollgate-cost-usd"] == "0.000000012"
    assert len(gate.upstream.asked) == 1
    assert gate.spent() == 12


def test_a_stream_is_told_again_as_the_same_text(gate: Gate) -> None:
    gate.upstream.results = [said(CHUNKS)]
    asked = HELLO | {"stream": True}

    first, again = gate.send(V1, asked), gate.send(V1, asked)

    assert first["body"].endswith("data: [DONE]\n\n")
    assert again["body"] == first["body"]
    assert again["told"]["content-type"] == "text/event-stream; charset=utf-8"
    assert len(gate.upstream.asked) == 1


@EACH_ROUTE
def test_a_key_with_another_body_is_refused_in_the_routes_own_shape(gate: Gate, path: str) -> None:
    gate.upstream.results = [said()]
    gate.send(path, HELLO)

    other = gate.send(path, HELLO | {"temperature": 0.6})

    assert other["statusCode"] == 422
    error = json.loads(other["body"])["error"]
    assert error["code"] == "idempotency_conflict"
    assert ("type" in error, "requestId" in error) == (path == V1, path == API)
    assert other["told"]["x-should-retry"] == "false"
    assert gate.spent() == 12


@EACH_ROUTE
def test_while_the_first_runs_its_repetition_is_told_to_wait(gate: Gate, path: str) -> None:
    told: list[dict[str, Any]] = []
    gate.upstream.results = [said()]
    gate.upstream.meanwhile = lambda: told.append(gate.send(path, HELLO))

    gate.send(path, HELLO)

    [early] = told
    assert (early["statusCode"], json.loads(early["body"])["error"]["code"]) == (409, "idempotency_in_progress")
    assert int(early["told"]["retry-after"]) > 0
    assert early["told"]["x-should-retry"] == "true"
    assert len(gate.upstream.asked) == 1


@pytest.mark.parametrize(
    "failed",
    [
        Declined(status=400, body={"error": {"message": "no"}}, message="no"),
        Declined(status=429, body={"error": {"message": "no"}}, message="no"),
        Declined(status=500, body={"error": {"message": "no"}}, message="no"),
    ],
    ids=["400", "429", "500"],
)
def test_a_call_that_was_not_billed_is_made_anew(gate: Gate, failed: UpstreamResult) -> None:
    gate.upstream.results = [failed, said()]

    first, again = gate.send(V1, HELLO), gate.send(V1, HELLO)

    assert (first["statusCode"] >= 400, again["statusCode"]) == (True, 200)
    assert "x-tollgate-idempotent-replay" not in again["told"]
    assert gate.spent() == 12


def test_a_call_that_the_budget_refused_is_made_anew(gate: Gate) -> None:
    poor = a_tenant("poor", daily_limit=NanoUsd(1), monthly_limit=NanoUsd(RICH))
    gate.books.accounts.create(poor, ())
    gate.upstream.results = [said()]
    refused = gate.send(V1, HELLO, tenant_id="poor")
    month = window_at(wiring.clock(), poor.zones).month
    assert gate.books.accounts.change(replace(poor, version=2, daily_limit=NanoUsd(RICH)), (month,))

    again = gate.send(V1, HELLO, tenant_id="poor")

    assert (refused["statusCode"], again["statusCode"]) == (429, 200)
    assert gate.spent("poor") == 12


@EACH_ROUTE
def test_a_call_that_may_have_been_billed_is_not_made_again(gate: Gate, path: str) -> None:
    gate.upstream.results = [Unclear(message="The connection broke.", code="connection_broken"), said()]
    first = gate.send(path, HELLO)
    spent = gate.spent()

    again = gate.send(path, HELLO)

    assert (first["statusCode"], again["statusCode"]) == (504, 504)
    assert again["body"] == first["body"]
    assert again["told"]["x-tollgate-idempotent-replay"] == "true"
    assert len(gate.upstream.asked) == 1
    assert gate.spent() == spent > 12


def test_a_call_that_broke_on_our_side_is_not_made_again(gate: Gate) -> None:
    gate.upstream.results = [Answered(body={}, usage=Usage(uncached=5, output=7), tier="default")]
    asked = HELLO | {"stream": True}

    first, again = gate.send(V1, asked), gate.send(V1, asked)

    assert (first["statusCode"], again["statusCode"]) == (500, 500)
    assert len(gate.upstream.asked) == 1


def test_an_answer_whose_text_was_not_kept_is_not_bought_again(gate: Gate) -> None:
    gate.calls.body_characters_max = 10
    gate.upstream.results = [said()]
    first = gate.send(V1, HELLO)

    again = gate.send(V1, HELLO)

    assert (again["statusCode"], json.loads(again["body"])["error"]["code"]) == (409, "idempotency_not_kept")
    assert again["told"]["x-should-retry"] == "false"
    assert again["told"]["x-tollgate-idempotent-replay"] == "true"
    assert again["told"]["x-tollgate-cost-usd"] == first["told"]["x-tollgate-cost-usd"]
    assert len(gate.upstream.asked) == 1


def test_one_tenants_key_is_nothing_to_another(gate: Gate) -> None:
    gate.upstream.results = [said(), said()]
    gate.send(V1, HELLO)

    other = gate.send(V1, HELLO, tenant_id="other")

    assert other["statusCode"] == 200
    assert "x-tollgate-idempotent-replay" not in other["told"]
    assert gate.spent("other") == 12


def test_a_key_is_not_for_both_routes(gate: Gate) -> None:
    gate.upstream.results = [said()]
    gate.send(V1, HELLO)

    assert gate.send(API, HELLO)["statusCode"] == 422


def test_without_a_key_nothing_is_asked_of_the_table(gate: Gate) -> None:
    gate.upstream.results = [said(), said()]

    gate.send(V1, HELLO, None)
    gate.send(API, HELLO, None)

    assert gate.calls.asked == 0
    assert gate.spent() == 24


@pytest.mark.parametrize("key", ["", "a" * 65])
def test_a_key_that_is_none_is_refused_before_anything_is_spent(gate: Gate, key: str) -> None:
    refused = gate.send(V1, HELLO, key)

    assert refused["statusCode"] == 400
    assert json.loads(refused["body"])["error"]["param"] == "Idempotency-Key"
    assert gate.calls.asked == 0


def test_a_record_counts_once_by_the_header(gate: Gate) -> None:
    spent = {"costUsd": 0.00000005}

    first, again = (gate.send(RECORD, spent, folder=RECORDS) for _ in range(2))
    other = gate.send(RECORD, {"costUsd": 0.00000006}, folder=RECORDS)
    elsewhere = gate.send(RECORD, spent, tenant_id="other", folder=RECORDS)

    assert [answer["statusCode"] for answer in (first, again, other, elsewhere)] == [201, 200, 409, 201]
    assert "x-tollgate-idempotent-replay" not in first["told"]
    assert again["told"]["x-tollgate-idempotent-replay"] == "true"
    assert json.loads(other["body"])["error"]["code"] == "record_conflict"
    assert (gate.spent(), gate.spent("other")) == (50, 50)
    assert gate.calls.asked == 0, "the ledger itself counts records once"
