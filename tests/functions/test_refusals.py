"""Refusals as the deployed functions count them, beside the calls."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError

from tests.fakes.gate import TENANT, Gate, gate, load, message
from tests.fakes.http_server import Server, serving
from tests.fakes.openai_provider import provider
from tollgate import wiring
from tollgate.domain.refused import by_agent, by_reason

AGENT = {"x-tollgate-agent": "booking-agent"}


@pytest.fixture(scope="module")
def openai() -> Iterator[Server]:
    with serving(provider()) as server:
        yield server


@pytest.fixture
def shop(openai: Server) -> Iterator[Gate]:
    with gate(OPENAI_BASE_URL=f"{openai.url}/v1") as one:
        yield one


def change(**settings: Any) -> None:
    known = wiring.accounts().read(TENANT)
    assert known is not None
    assert wiring.accounts().change(replace(known, version=known.version + 1, **settings), [])


def refused() -> tuple[dict[str, int], dict[str | None, int]]:
    """What is in the table once what runs has ended: by reason, and by agent."""
    wiring.refusal_tally().wait(30)
    now = datetime.now(UTC)
    hours = wiring.refusals().between(TENANT, now - timedelta(hours=2), now + timedelta(hours=1))
    return by_reason(hours), by_agent(hours)


def ten_seconds_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    now = datetime.now(UTC) + timedelta(seconds=11)
    monkeypatch.setattr(wiring.refusal_tally(), "_clock", lambda: now)


def test_the_first_refusal_is_in_the_table_when_it_is_answered_and_later_ones_follow_at_a_request_of_any_kind(
    shop: Gate, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    change(suspended=True)
    assert shop.post("/v1/chat/completions", {"model": "gpt-4o", "messages": [message("x")]}, AGENT).status == 429
    assert refused() == ({"suspended": 1}, {"booking-agent": 1})

    assert [shop.chat().status for _ in range(3)] == [429] * 3
    assert refused()[0] == {"suspended": 1}, "no write for each"
    ten_seconds_pass(monkeypatch)
    assert shop.post("/v1/embeddings", {"nonsense": True}).status == 400

    assert refused() == ({"suspended": 4}, {"booking-agent": 1, None: 3})
    metrics = [json.loads(line) for line in capsys.readouterr().out.splitlines() if "CallsRefused" in line]
    assert [metric["reason"] for metric in metrics] == ["suspended"] * 4
    assert all(TENANT not in json.dumps(metric) for metric in metrics)


def test_a_model_that_is_not_allowed_is_refused_as_before_and_counted(shop: Gate) -> None:
    change(allowed_models=("gpt-4o-mini",))

    answer = shop.chat()

    assert (answer.status, answer.body["error"]["code"]) == (400, "invalid_request")
    assert refused()[0] == {"model_not_allowed": 1}


def test_a_denied_check_is_counted_whether_or_not_it_wanted_a_hold(shop: Gate) -> None:
    change(suspended=True)
    check = Gate(load("routes/check_cost"))
    body = {"model": "gpt-4o", "inputTokens": 900, "metadata": {"agent": "dispatch"}}

    answers = [check.post("/api/cost/check", body | more) for more in ({}, {"hold": True})]

    assert [(each.status, each.body["decision"], each.body["reason"]) for each in answers] == [
        (200, "deny", "suspended")
    ] * 2
    wiring.refusal_tally()._written_at.clear()
    wiring.refusal_tally().write()
    assert refused() == ({"suspended": 2}, {"dispatch": 2})


@pytest.mark.parametrize("fault", ["no answer", "a fault of ours"])
def test_whatever_becomes_of_the_counts_calls_are_answered_as_they_would_be(
    shop: Gate, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    client = wiring.dynamodb()
    write: Callable[..., Any] = client.update_item

    def update_item(**request: Any) -> Any:
        if not request["Key"]["pk"]["S"].startswith("REFUSALS#"):
            return write(**request)
        if fault == "no answer":
            raise ReadTimeoutError(endpoint_url="x")
        raise RuntimeError(fault)

    monkeypatch.setattr(client, "update_item", update_item)
    change(suspended=True)

    answers = [shop.chat() for _ in range(3)]

    assert [answer.status for answer in answers] == [429, 429, 429]
    assert refused() == ({}, {})
