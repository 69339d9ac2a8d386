"""The ledger's stream to Helicone's log and to an OpenTelemetry collector, from the function's event to what they keep."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta
from types import ModuleType, NoneType, SimpleNamespace
from typing import Any

import pytest

from tests.fakes import helicone
from tests.fakes.gate import load, wired
from tests.fakes.http_server import Received, Reply, bad_gateway, json_reply, serving
from tests.fakes.otlp_collector import Collector
from tests.fakes.spans import NOON, a_record, a_span
from tollgate import wiring
from tollgate.adapters.otlp_span import otlp_span
from tollgate.domain.place import Place, PlacedSpan
from tollgate.domain.span import Outcome, Span

CONTEXT = SimpleNamespace(aws_request_id="request-1")
VOIDED = a_span(posting="void", outcome=Outcome.VOIDED, cost_nanousd=0, uncached=0, output=0)
FULL = a_span(
    requested_model="gpt-4o",
    model="gpt-4o-mini",
    downgrade_reason="soft_cap",
    service_tier="default",
    uncached=700,
    cached=200,
    written=100,
    output=500,
    reasoning=300,
    latency_ms=1250,
    upstream_ms=1200,
    agent="Küche №7",
    run_id="run-1",
    job_id="J-7",
    booking_id="B-3",
    call_id="C-9",
    request_id="request-1",
    upstream_id="req_1",
)


@dataclass
class Sinks:
    log: helicone.Log
    collector: Collector
    handler: ModuleType

    def export(self, *records: dict[str, Any]) -> list[str]:
        """The sequence numbers that come again."""
        answer = self.handler.handle({"Records": list(records)}, CONTEXT)
        return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]

    @property
    def logged(self) -> list[dict[str, Any]]:
        return list(self.log.kept.values())

    @property
    def told(self) -> list[tuple[dict[str, Any], dict[str, Any]]]:
        return list(self.collector.kept.values())


@pytest.fixture(scope="module")
def deployed() -> Iterator[Sinks]:
    log, collector = helicone.Log(), Collector()
    with serving(log.server), serving(collector.server):
        sinks = {
            "HELICONE_MODE": "log",
            "HELICONE_LOG_URL": f"{log.server.url}/custom/v1/log",
            "OTEL_EXPORTER_OTLP_ENDPOINT": collector.server.url,
        }
        with wired("HELICONE_API_KEY_SECRET_ARN", "OTLP_HEADERS_SECRET_ARN", **sinks):
            yield Sinks(log=log, collector=collector, handler=load("streams/export_spans"))


@pytest.fixture
def sinks(deployed: Sinks) -> Iterator[Sinks]:
    """Empty, and in a new environment, which has delivered nothing."""
    for server in (deployed.log.server, deployed.collector.server):
        server.received.clear()
    deployed.log.kept.clear()
    deployed.collector.kept.clear()
    deployed.collector.requests.clear()
    deployed.collector.refused_names.clear()
    fresh_environment(deployed)
    yield deployed
    deployed.log.server.answer, deployed.collector.server.answer = deployed.log.keep, deployed.collector.keep


def fresh_environment(sinks: Sinks) -> None:
    wiring.settings.cache_clear()
    wiring.span_sinks.cache_clear()
    sinks.handler = load("streams/export_spans")


def three(*spans: Span) -> list[dict[str, Any]]:
    chosen = spans or (a_span(), a_span(hold="second______"), a_span(hold="third_______"))
    return [a_record(span, seq=seq) for seq, span in enumerate(chosen, start=1)]


def metric(capsys: pytest.CaptureFixture[str], name: str) -> float | None:
    for line in capsys.readouterr().out.splitlines():
        facts = json.loads(line)
        if name in facts:
            return float(facts[name][0])
    return None


# ---- what is told ----------------------------------------------------------------------------------------------------------


def test_helicone_s_log_gets_numbers_and_labels_and_no_words_of_the_call(sinks: Sinks) -> None:
    assert sinks.export(a_record(FULL, seq=7)) == []

    (entry,) = sinks.logged
    assert sinks.log.server.received[0].headers["authorization"] == "Bearer sk-helicone-test"
    assert entry["providerRequest"]["json"] == {"model": "gpt-4o", "messages": []}
    assert entry["providerResponse"]["status"] == 200
    assert entry["providerResponse"]["json"] == {
        "model": "gpt-4o-mini",
        "choices": [],
        "usage": {
            "prompt_tokens": 1000,
            "completion_tokens": 500,
            "total_tokens": 1500,
            "prompt_tokens_details": {"cached_tokens": 200, "cache_write_tokens": 100},
            "completion_tokens_details": {"reasoning_tokens": 300},
        },
    }
    meta = entry["providerRequest"]["meta"]
    assert meta["Helicone-User-Id"] == "acme-hvac"
    assert meta["Helicone-Session-Id"] == "run-1"
    assert meta["Helicone-Property-Agent"] == "K%C3%BCche %E2%84%967"
    assert meta["Helicone-Property-Job"] == "J-7"
    assert meta["Helicone-Property-Hold"] == "2026-11.23.Zk3vQ0a1xY_9"
    assert meta["Helicone-Property-Outcome"] == "ok"
    assert meta["Helicone-Property-Cost-Usd"] == "0.007500000"
    assert entry["timing"]["endTime"] == {"seconds": int(NOON.timestamp()), "milliseconds": 0}
    assert entry["timing"]["startTime"] == {"seconds": int(NOON.timestamp()) - 2, "milliseconds": 750}


def test_a_collector_gets_the_names_of_the_conventions_and_money_under_our_own(sinks: Sinks) -> None:
    assert sinks.export(a_record(FULL, seq=7)) == []

    ((span, named),) = sinks.told
    assert sinks.collector.server.received[0].headers["api-key"] == "abc"
    assert sinks.collector.server.received[0].headers["x-team"] == "field service"
    assert (span["name"], span["kind"], span["status"]) == ("chat gpt-4o-mini", 3, {})
    assert int(span["endTimeUnixNano"]) == int(NOON.timestamp()) * 10**9
    assert int(span["endTimeUnixNano"]) - int(span["startTimeUnixNano"]) == 1250 * 10**6
    assert named == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-4o",
        "gen_ai.response.model": "gpt-4o-mini",
        "gen_ai.usage.input_tokens": 1000,
        "gen_ai.usage.output_tokens": 500,
        "gen_ai.usage.cache_read.input_tokens": 200,
        "gen_ai.usage.cache_creation.input_tokens": 100,
        "gen_ai.usage.reasoning.output_tokens": 300,
        "openai.response.service_tier": "default",
        "tollgate.cost_nanousd": 7_500_000,
        "tollgate.cost_usd": 0.0075,
        "tollgate.held_nanousd": 12_000_000,
        "tollgate.saved_nanousd": 0,
        "tollgate.tenant": "acme-hvac",
        "tollgate.outcome": "ok",
        "tollgate.posting": "settle",
        "tollgate.hold": "2026-11.23.Zk3vQ0a1xY_9",
        "tollgate.epoch": 0,
        "tollgate.seq": 7,
        "tollgate.downgrade_reason": "soft_cap",
        "tollgate.agent": "Küche №7",
        "tollgate.run_id": "run-1",
        "tollgate.job_id": "J-7",
        "tollgate.booking_id": "B-3",
        "tollgate.call_id": "C-9",
        "tollgate.request_id": "request-1",
        "tollgate.upstream_id": "req_1",
        "tollgate.upstream_ms": 1200,
    }


@pytest.mark.parametrize("field", [field.name for field in fields(Span)])
def test_a_collector_is_told_of_each_field_of_a_span(field: str) -> None:
    other = {
        int: 77,
        str: "other",
        datetime: NOON - timedelta(hours=1),
        Outcome: Outcome.FAILED,
        NoneType: NOON if field == "opened_at" else "other",
    }[type(getattr(FULL, field))]
    value = "22" if field == "day" else other

    assert otlp_span(placed_as(FULL)) != otlp_span(placed_as(replace(FULL, **{field: value})))


def placed_as(span: Span) -> PlacedSpan:
    return PlacedSpan(place=Place(tenant_id="acme-hvac", month="2026-11", epoch=0, seq=7), span=span)


def test_a_fault_is_a_fault_in_both(sinks: Sinks) -> None:
    sinks.export(a_record(a_span(outcome=Outcome.UNKNOWN, error_code="status_502"), seq=1))

    ((span, named),) = sinks.told
    assert span["status"] == {"code": 2}
    assert named["error.type"] == "status_502"
    assert sinks.logged[0]["providerResponse"]["status"] == 504
    assert sinks.logged[0]["providerRequest"]["meta"]["Helicone-Property-Error"] == "status_502"


def test_a_hold_that_was_given_back_is_no_call_but_the_collector_s_sum_is_the_ledger_s(sinks: Sinks) -> None:
    sinks.export(*three(a_span(), VOIDED, a_span(posting="late", cost_nanousd=-2_500_000)))

    assert len(sinks.log.server.received) == 2, "a void is not told to the log"
    names = [span["name"] for span, _ in sinks.told]
    assert sorted(names) == ["chat gpt-4o", "chat gpt-4o", "tollgate void"]
    assert sum(named["tollgate.cost_nanousd"] for _, named in sinks.told) == 5_000_000


def test_a_call_that_lapsed_and_was_settled_late_is_one_call_and_one_trace_of_two_spans(sinks: Sinks) -> None:
    lapsed = a_span(posting="lapse", outcome=Outcome.LAPSED, cost_nanousd=12_000_000)
    late = a_span(posting="late", cost_nanousd=-4_500_000)

    sinks.export(*three(lapsed, late))

    assert len(sinks.log.kept) == 1
    assert len({trace for trace, _ in sinks.collector.kept}) == 1
    assert len({span for _, span in sinks.collector.kept}) == 2


def test_a_batch_that_comes_again_is_the_same_calls_and_the_same_spans(sinks: Sinks) -> None:
    sinks.export(*three())
    fresh_environment(sinks)
    sinks.export(*three())

    assert len(sinks.collector.requests) == 2
    assert len(sinks.collector.kept) == 3
    assert len(sinks.log.kept) == 3


def test_spans_of_other_pages_epochs_and_tenants_are_others(sinks: Sinks) -> None:
    sinks.export(
        a_record(a_span(), seq=1),
        a_record(a_span(), seq=2),
        a_record(a_span(), seq=1, epoch=1),
        a_record(a_span(), seq=1, month="2026-10"),
        a_record(a_span(), seq=1, tenant_id="acme"),
    )

    assert len({span for _, span in sinks.collector.kept}) == 5


# ---- what fails ------------------------------------------------------------------------------------------------------------


def cut(_: Received) -> Reply:
    return Reply(cut=0)


def down(_: Received) -> Reply:
    return json_reply({"error": "unavailable"}, status=503)


@pytest.mark.parametrize("failing", [down, bad_gateway, cut])
def test_a_log_that_is_down_is_told_later_from_where_it_failed_and_the_collector_is_not_told_twice(
    sinks: Sinks, failing: Callable[[Received], Reply], capsys: pytest.CaptureFixture[str]
) -> None:
    def fails_at_the_second(received: Received) -> Reply:
        return sinks.log.keep(received) if len(sinks.log.server.received) == 1 else failing(received)

    sinks.log.server.answer = fails_at_the_second
    records = three()

    assert sinks.export(*records) == ["2"]
    assert len(sinks.log.server.received) == 2, "one that is down is asked once"
    assert metric(capsys, "SpansLeftBySink") == 2
    assert len(sinks.collector.kept) == 3
    sinks.log.server.answer = sinks.log.keep
    assert sinks.export(*records[1:]) == []
    assert len(sinks.log.kept) == 3
    assert sinks.collector.requests == [3]


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_a_collector_that_is_busy_is_told_the_whole_batch_later_and_the_log_is_not_told_twice(
    sinks: Sinks, status: int
) -> None:
    sinks.collector.server.answer = lambda _: json_reply({}, status=status)

    assert sinks.export(*three()) == ["1"]
    assert len(sinks.log.kept) == 3
    sinks.collector.server.answer = sinks.collector.keep
    assert sinks.export(*three()) == []
    assert len(sinks.collector.kept) == 3
    assert len(sinks.log.server.received) == 3


def test_a_collector_that_is_not_there_leaves_the_log_its_own(sinks: Sinks, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    fresh_environment(sinks)

    assert sinks.export(*three()) == ["1"]

    assert len(sinks.log.kept) == 3


def test_a_span_that_the_collector_refuses_is_found_and_the_others_arrive(
    sinks: Sinks, capsys: pytest.CaptureFixture[str]
) -> None:
    sinks.collector.refused_names = {"chat poison"}

    assert sinks.export(*three(a_span(), a_span(model="poison"), a_span())) == []

    assert len(sinks.collector.kept) == 2
    assert metric(capsys, "SpansRefusedBySink") == 1


@pytest.mark.parametrize("status", [401, 403, 404, 500])
def test_a_collector_that_will_have_none_is_asked_once_and_nothing_comes_again(
    sinks: Sinks, status: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """The specification forbids to try again what is not 429, 502, 503 or 504."""
    sinks.collector.server.answer = lambda _: json_reply({}, status=status)

    assert sinks.export(*three()) == []

    assert len(sinks.collector.server.received) == 1
    assert metric(capsys, "SpansRefusedBySink") == 3


@pytest.mark.parametrize("rejected", ["2", 2])
def test_a_partial_success_is_counted_and_not_tried_again(
    sinks: Sinks, rejected: object, capsys: pytest.CaptureFixture[str]
) -> None:
    sinks.collector.server.answer = lambda _: json_reply(
        {"partialSuccess": {"rejectedSpans": rejected, "errorMessage": "too old"}}
    )

    assert sinks.export(*three()) == []

    assert metric(capsys, "SpansRefusedBySink") == 2


@pytest.mark.parametrize("content", [b"", b"ok", b"[]", b'{"partialSuccess": 7}', b"[" * 9000])
def test_a_success_that_says_nothing_readable_is_a_success(sinks: Sinks, content: bytes) -> None:
    sinks.collector.server.answer = lambda _: Reply(content=content)

    assert sinks.export(*three()) == []


def test_a_span_that_the_log_refuses_is_passed_over(sinks: Sinks, capsys: pytest.CaptureFixture[str]) -> None:
    def refuse_second(received: Received) -> Reply:
        is_second = "second____" in received.content.decode()
        return json_reply({"error": "Invalid"}, status=400) if is_second else sinks.log.keep(received)

    sinks.log.server.answer = refuse_second

    assert sinks.export(*three()) == []

    assert len(sinks.log.kept) == 2
    assert metric(capsys, "SpansRefusedBySink") == 1


def test_what_cannot_be_read_is_passed_over_because_the_writer_puts_it_aside(sinks: Sinks) -> None:
    unreadable = [a_record("{", seq=1), a_record('{"p":1}', seq=2), a_record(a_span(), seq=3, month="2026-13")]

    assert sinks.export(*unreadable, a_record(a_span(), seq=4)) == []

    assert len(sinks.collector.kept) == len(sinks.log.kept) == 1


@pytest.mark.parametrize(
    "strange",
    [
        a_span(latency_ms=2**62),
        a_span(at=NOON.replace(year=1)),
        a_span(at=NOON.replace(year=9999)),
        a_span(agent="a" * 300, job_id="tab\there", error_code="é\n", outcome=Outcome.FAILED),
        a_span(hold="", model=""),
        a_span(cost_nanousd=-(2**62), uncached=2**62),
    ],
    ids=["endless", "the year 1", "the year 9999", "labels that nobody checked", "nothing", "huge"],
)
def test_a_span_that_nobody_would_write_stops_nothing(sinks: Sinks, strange: Span) -> None:
    assert sinks.export(*three(strange, a_span(hold="second______"))) == []

    assert any("second" in named["tollgate.hold"] for _, named in sinks.told)
    assert any("second" in entry["providerRequest"]["meta"]["Helicone-Property-Hold"] for entry in sinks.logged)


def test_a_secret_that_cannot_be_read_now_is_a_sink_that_is_down(sinks: Sinks, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(
        "HELICONE_API_KEY_SECRET_ARN", "arn:aws:secretsmanager:us-east-1:123456789012:secret:gone-AbCdEf"
    )
    fresh_environment(sinks)

    assert sinks.export(*three()) == ["1"]

    assert len(sinks.collector.kept) == 3


def test_when_its_time_is_over_nothing_more_is_begun(sinks: Sinks, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sinks.handler, "TIME_TO_EXPORT", -sinks.handler.TIME_TO_EXPORT)

    assert sinks.export(*three()) == ["1"]

    assert not sinks.collector.server.received
    assert not sinks.log.server.received


def test_in_proxy_mode_nothing_goes_to_the_log(sinks: Sinks, monkeypatch: pytest.MonkeyPatch) -> None:
    """The proxy has told Helicone already."""
    monkeypatch.setenv("HELICONE_MODE", "proxy")
    fresh_environment(sinks)

    assert sinks.export(*three()) == []

    assert not sinks.log.server.received
    assert len(sinks.collector.kept) == 3
