"""What the deployed functions say of calls in CloudWatch's embedded format: figures, and never whose they are."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest

from tests.fakes.gate import TENANT, Gate, gate, load, message
from tests.fakes.http_server import Reply, Server, json_reply, serving
from tests.fakes.openai_provider import complete, provider
from tollgate import wiring
from tollgate.domain.breaker import Breaker, Kind, State, Subject
from tollgate.domain.errors import LedgerUnavailable

CONTEXT = SimpleNamespace(aws_request_id="run-1", function_name="f", get_remaining_time_in_millis=lambda: 40_000)


@pytest.fixture(scope="module")
def openai() -> Iterator[Server]:
    with serving(provider()) as server:
        yield server


@pytest.fixture
def shop(openai: Server) -> Iterator[Gate]:
    openai.answer = complete
    with gate(OPENAI_BASE_URL=f"{openai.url}/v1") as one:
        yield one


def told(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    """The lines of metrics since the last look."""
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    return [line for line in lines if "_aws" in line]


def line_with(lines: list[dict[str, Any]], name: str) -> dict[str, Any]:
    [line] = [line for line in lines if name in line]
    return line


def error_of(status: int) -> Reply:
    """The provider's own, so that nothing was billed."""
    error = {"message": "No.", "type": "invalid_request_error", "param": None, "code": "no"}
    return json_reply({"error": error}, status=status, x_request_id="req_no")


def test_a_call_is_one_line_that_says_how_it_came_out_what_it_held_and_what_time_was_ours(
    shop: Gate, openai: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()

    assert shop.chat().status == 200

    [line] = told(capsys)
    assert (line["CallsMade"], line["CallsOk"], line["CallsInFlight"]) == ([1.0], [1.0], [1.0])
    [held] = line["CallHeldUsd"]
    assert round(held * 1e9) == shop.last_span.held_nanousd
    assert 0 < line["CallOverhead"][0] < 30_000
    assert 0 < line["CallUpstream"][0] < 30_000


def test_the_provider_s_time_is_not_counted_as_ours(
    shop: Gate, openai: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    import time

    def slow(received: Any) -> Any:
        time.sleep(0.5)
        return complete(received)

    shop.chat()
    openai.answer = slow
    capsys.readouterr()

    assert shop.chat().status == 200

    [line] = told(capsys)
    assert line["CallUpstream"][0] >= 500
    assert line["CallOverhead"][0] < 500


@pytest.mark.parametrize(("status", "metric"), [(400, "CallsRejected"), (500, "CallsFailed"), (None, "CallsUnknown")])
def test_a_call_that_came_to_nothing_says_in_which_way(
    shop: Gate, openai: Server, capsys: pytest.CaptureFixture[str], status: int | None, metric: str
) -> None:
    openai.answer = lambda _: error_of(status) if status else json_reply({"no": "usage"})
    capsys.readouterr()

    assert shop.chat().status >= 400

    line = line_with(told(capsys), "CallsMade")
    assert line[metric] == [1.0]
    assert not {"CallsOk", "CallsRejected", "CallsFailed", "CallsUnknown"} - {metric} & line.keys()


def test_a_downgrade_is_counted_by_its_reason(shop: Gate, capsys: pytest.CaptureFixture[str]) -> None:
    known = wiring.accounts().read(TENANT)
    assert known is not None
    changed = replace(known, version=known.version + 1, soft_cap=Decimal("0.0000001"))
    assert wiring.accounts().change(changed, [])
    shop.chat()
    capsys.readouterr()

    answer = shop.chat()

    assert answer.headers["x-tollgate-downgrade-reason"] == "soft_cap"
    line = line_with(told(capsys), "CallsDowngraded")
    assert (line["CallsDowngraded"], line["reason"]) == ([1.0], "soft_cap")


def test_a_refused_call_was_not_made(shop: Gate, capsys: pytest.CaptureFixture[str]) -> None:
    known = wiring.accounts().read(TENANT)
    assert known is not None
    assert wiring.accounts().change(replace(known, version=known.version + 1, suspended=True), [])
    capsys.readouterr()

    assert shop.chat().status == 429

    assert not [line for line in told(capsys) if "CallsMade" in line]


def test_a_request_that_breaks_is_counted_and_one_that_is_wrong_is_not(
    shop: Gate, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert shop.post("/v1/embeddings", {"nonsense": True}).status == 400
    assert not [line for line in told(capsys) if "RequestsBroken" in line]

    def broken() -> Any:
        raise RuntimeError("a fault of ours")

    monkeypatch.setattr(wiring, "chat_ports", broken)
    assert shop.chat().status == 500

    assert line_with(told(capsys), "RequestsBroken")["RequestsBroken"] == [1.0]


def test_no_figure_has_the_tenant_or_a_word_of_the_call_beside_it(
    shop: Gate, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    shop.post(
        "/v1/chat/completions",
        {"model": "gpt-4o", "messages": [message("a secret of the shop")], "metadata": {"agent": "dispatch"}},
    )

    lines = told(capsys)
    assert lines
    for line in lines:
        text = json.dumps(line)
        assert TENANT not in text
        assert "secret" not in text
        assert "dispatch" not in text
        dimensions = {
            name for metrics in line["_aws"]["CloudWatchMetrics"] for each in metrics["Dimensions"] for name in each
        }
        assert dimensions <= {"service", "reason"}


# ---- the schedules ----------------------------------------------------------------------------------------------------------


def barring(kind: Kind, name: str, *, until: timedelta) -> Breaker:
    subject = (
        Subject(kind=kind, upstream="openai", model=name)
        if kind is Kind.UPSTREAM
        else Subject(kind=kind, tenant_id=TENANT, agent=name)
    )
    return Breaker(subject=subject, version=1, state=State.OPEN, retry_at=datetime.now(UTC) + until)


def test_the_sweep_says_how_many_breakers_bar_calls_at_the_moment(
    shop: Gate, capsys: pytest.CaptureFixture[str]
) -> None:
    minute = timedelta(minutes=1)
    for breaker in (
        barring(Kind.UPSTREAM, "gpt-4o", until=minute),
        barring(Kind.UPSTREAM, "gpt-4o-mini", until=-minute),
        barring(Kind.LOOP, "dispatch", until=minute),
        barring(Kind.LOOP, "booking", until=-minute),
    ):
        assert wiring.breakers().swap(breaker)
    capsys.readouterr()

    load("schedules/sweep_holds").handle({}, CONTEXT)

    line = line_with(told(capsys), "BreakersOpen")
    assert (line["BreakersOpen"], line["LoopsStopped"], line["HoldsLapsed"]) == ([1.0], [1.0], [0.0])


def test_a_sweep_that_cannot_count_breakers_is_done_all_the_same(
    shop: Gate, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def away() -> Any:
        raise LedgerUnavailable("away")

    monkeypatch.setattr(wiring.breakers(), "recent", away)
    capsys.readouterr()

    load("schedules/sweep_holds").handle({}, CONTEXT)

    line = line_with(told(capsys), "HoldsLapsed")
    assert "BreakersOpen" not in line
