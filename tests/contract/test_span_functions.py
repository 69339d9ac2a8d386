"""The functions around the span store, from their events to their answers."""

import csv
import importlib.util
import json
import os
import sys
from collections.abc import Iterator
from datetime import UTC, timedelta
from decimal import Decimal
from io import StringIO
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import boto3
import psycopg
import pytest
from moto import mock_aws

from tests.fakes.field_service import FieldService, call, invoice, job
from tests.fakes.memory_refusals import MemoryRefusals
from tests.fakes.spans import NOON, a_record, a_span, placed
from tollgate import wiring
from tollgate.adapters.postgres import Postgres
from tollgate.adapters.postgres_spans import PostgresSpans
from tollgate.domain.job import Feed
from tollgate.domain.money import NanoUsd
from tollgate.domain.refused import RefusedHour
from tollgate.domain.tenant import TenantSettings
from tollgate.domain.window import ZoneFrom

# A request without a metric of its own is no fault.
pytestmark = pytest.mark.filterwarnings("ignore:No application metrics to publish")

FUNCTIONS = Path(__file__).parents[2] / "functions"
OPENAPI = Path(wiring.__file__).parent / "data" / "openapi.json"
CONTEXT = SimpleNamespace(
    aws_request_id="request-1",
    function_name="f",
    memory_limit_in_mb=256,
    invoked_function_arn="arn",
    function_version="1",
)
CACHED = ("settings", "postgres", "spans", "rollups", "schema", "poison")


class OneAccount:
    def read(self, tenant_id: str) -> TenantSettings | None:
        zones = (ZoneFrom(month="2026-01", zone="America/Chicago"),)
        budget = {"daily_limit": NanoUsd(10**11), "monthly_limit": NanoUsd(2 * 10**12)}
        return (
            TenantSettings(tenant_id=tenant_id, version=1, zones=zones, **budget) if tenant_id == "acme-hvac" else None
        )


@pytest.fixture(autouse=True)
def _wired(database: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    environment = {
        "DATABASE_URL": database,
        "AWS_ACCESS_KEY_ID": "a",
        "AWS_SECRET_ACCESS_KEY": "b",
        "AWS_DEFAULT_REGION": "us-east-1",
        "POISON_BUCKET": "unwritten",
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    # The folders of functions are packaged as they lie there.
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.setattr(wiring, "accounts", OneAccount)
    refusals = MemoryRefusals()
    refusals.add("acme-hvac", [RefusedHour(hour=NOON, counts={("daily_budget", "a"): 2, ("loop", None): 1})])
    monkeypatch.setattr(wiring, "refusals", lambda: refusals)
    monkeypatch.setattr(wiring, "clock", lambda: NOON + timedelta(days=1))
    for name in CACHED:
        getattr(wiring, name).cache_clear()
    yield
    wiring.postgres().close()
    for name in CACHED:
        getattr(wiring, name).cache_clear()


def load(folder: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(
        f"handler_of_{folder.replace('/', '_')}", FUNCTIONS / folder / "handler.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def get(path: str, *, role: str = "tenant", accept: str = "application/json", **parameters: str) -> dict[str, Any]:
    facts = {"keyId": "k", "role": role} | ({"tenantId": "acme-hvac"} if role == "tenant" else {})
    event = {
        "httpMethod": "GET",
        "path": path,
        "resource": path,
        "headers": {"Accept": accept},
        "body": None,
        "multiValueHeaders": {"Accept": [accept]},
        "queryStringParameters": parameters or None,
        "isBase64Encoded": False,
        "multiValueQueryStringParameters": {name: [value] for name, value in parameters.items()} or None,
        "requestContext": {"requestId": "request-1", "authorizer": facts, "stage": "v"},
        "pathParameters": None,
    }
    answer: dict[str, Any] = load("routes/summarize_cost").handle(event, CONTEXT)
    return answer


OBSERVED_NOTHING = {"wouldHaveRefusedCalls": 0, "wouldHaveRefusedUsd": 0, "wouldHaveDowngradedCalls": 0}


def test_the_summary_has_the_shape_of_the_api(spans: PostgresSpans) -> None:
    spans.add(
        [
            placed(1, latency_ms=900, cached=200, reasoning=100, agent="booking-agent"),
            placed(
                2,
                model="gpt-4o-mini",
                downgrade_reason="soft_cap",
                cost_nanousd=NanoUsd(412_001),
                saved_nanousd=NanoUsd(5_000_000),
            ),
        ]
    )

    answer = get("/api/cost/summary/acme-hvac", **{"from": "2026-11-23", "to": "2026-11-23", "groupBy": "model"})

    body = json.loads(answer["body"])
    assert answer["statusCode"] == 200
    assert body.pop("asOf") == "2026-11-24T18:00:00.000Z"
    assert body.pop("forecast").keys() == {"monthEndUsd", "exhaustedOn", "method"}
    series = body.pop("series")
    assert len(series) == 24
    assert series[12] == {"at": "2026-11-23T18:00:00Z", "costUsd": 0.007912001, "calls": 2, "refusedCalls": 3}
    dear = {
        "costUsd": 0.0075,
        "calls": 1,
        "inputTokens": 1200,
        "cachedInputTokens": 200,
        "outputTokens": 500,
        "reasoningTokens": 100,
        "downgradedCalls": 0,
        "savedByDowngradeUsd": 0,
        **OBSERVED_NOTHING,
        "refusedCalls": None,
    }
    cheap = {
        "costUsd": 0.000412001,
        "calls": 1,
        "inputTokens": 1000,
        "cachedInputTokens": 0,
        "outputTokens": 500,
        "reasoningTokens": 0,
        "downgradedCalls": 1,
        "savedByDowngradeUsd": 0.005,
        **OBSERVED_NOTHING,
        "refusedCalls": None,
    }
    assert body == {
        "tenantId": "acme-hvac",
        "from": "2026-11-23",
        "to": "2026-11-23",
        "timezone": "America/Chicago",
        "groupBy": "model",
        "totals": {
            "costUsd": 0.007912001,
            "calls": 2,
            "inputTokens": 2200,
            "cachedInputTokens": 200,
            "outputTokens": 1000,
            "reasoningTokens": 100,
            "downgradedCalls": 1,
            "savedByDowngradeUsd": 0.005,
            **OBSERVED_NOTHING,
            "refusedCalls": 3,
        },
        "refusedByReason": {"daily_budget": 2, "loop": 1},
        "groups": [{"key": "gpt-4o"} | dear, {"key": "gpt-4o-mini"} | cheap],
        "latencyMs": {"p50": 900, "p95": 900},
        "outcomes": None,
    }


def test_a_spreadsheet_gets_exact_money_and_no_formula(spans: PostgresSpans) -> None:
    spans.add(
        [placed(1, agent='=HYPERLINK("x")', cost_nanousd=NanoUsd(1)), placed(2, cost_nanousd=NanoUsd(10**16 + 1))]
    )

    answer = get(
        "/api/cost/summary/acme-hvac",
        accept="text/csv",
        **{"from": "2026-11-23", "to": "2026-11-23", "groupBy": "agent"},
    )

    rows = list(csv.DictReader(StringIO(answer["body"])))
    assert answer["multiValueHeaders"]["Content-Type"] == ["text/csv; charset=utf-8"]
    assert [(row["agent"], row["costUsd"], row["refusedCalls"]) for row in rows] == [
        ("", "10000000.000000001", "1"),
        ('\'=HYPERLINK("x")', "0.000000001", "0"),
        ("a", "0.000000000", "2"),
    ]


def test_what_runs_led_to_has_the_shape_of_the_api(spans: PostgresSpans, postgres: Postgres) -> None:
    business = FieldService(postgres)
    business.connect("shop")
    business.catch_up("shop", (Feed.JOBS, Feed.BOOKINGS, Feed.CALLS, Feed.INVOICES), NOON)
    business.put(
        job(2**53 + 1, number="=J-1", created_on=NOON, status="Completed"), job(2, created_on=NOON), call(3, job_id=2, created_on=NOON),
        invoice(4, job_id=2**53 + 1, subtotal=Decimal("412.25")),
    )  # fmt: skip
    spans.add(
        [
            placed(1, run_id="r-1", job_id=str(2**53 + 1)), placed(2, call_id="3"), placed(3, run_id="lost", job_id="J-9"),
            placed(4, cost_nanousd=NanoUsd(1)),
        ]
    )  # fmt: skip

    answer = json.loads(get("/api/cost/summary/acme-hvac", groupBy="job")["body"])
    by_model = json.loads(get("/api/cost/summary/acme-hvac")["body"])
    sheet = list(csv.DictReader(StringIO(get("/api/cost/summary/acme-hvac", accept="text/csv", groupBy="job")["body"])))

    assert answer["outcomes"] == by_model["outcomes"] == {
        "costPerBookedJobUsd": 0.01125, "bookedJobs": 2, "cancelledJobs": 0, "servedJobs": 0, "servedCostUsd": 0,
        "costPerBookedCallUsd": 0.0075, "bookedCalls": 1, "unbookedCalls": 0, "bookingRate": 1.0,
        "invoicedRevenueUsd": 412.25, "revenueComplete": 0.5,
        "runs": 3, "runsLinked": 2, "attributedShare": 0.666667, "attributedCostUsd": 0.015, "ledNowhereCostUsd": 0.0075,
        "unlabelledCostUsd": 1e-9, "earlierRunsCostUsd": 0,
        "links": [
            {"link": "job", "strength": "exact", "runs": 1, "jobs": 1, "costUsd": 0.0075},
            {"link": "call", "strength": "exact", "runs": 1, "jobs": 1, "costUsd": 0.0075},
        ],
        "business": {
            "jobsCreated": 2, "jobsCancelled": 0, "callsBooked": 1, "callsUnbooked": 0, "bookingRate": 1.0,
            "invoicedRevenueUsd": 412.25, "aiBookedShare": 1.0,
        },
        "connections": 1, "syncedAt": "2026-11-23T18:00:00Z",
    }  # fmt: skip
    schema = json.loads(OPENAPI.read_text())["components"]["schemas"]["Outcomes"]
    assert set(schema["required"]) == set(answer["outcomes"]) == set(schema["properties"])
    linked = {
        "number": "=J-1", "status": "Completed", "bookedOn": "2026-11-23T18:00:00Z", "invoicedUsd": 412.25, "link": "job",
        "strength": "exact",
    }  # fmt: skip
    assert {group["key"]: group["job"] and group["job"]["link"] for group in answer["groups"]} == {
        str(2**53 + 1): "job", "2": "call", "J-9": None, None: None,
    }  # fmt: skip
    assert next(group["job"] for group in answer["groups"] if group["key"] == str(2**53 + 1)) == linked
    assert all("job" not in group for group in by_model["groups"])
    rows = {row["job"]: row for row in sheet}
    assert rows[str(2**53 + 1)]["jobNumber"] == "'=J-1"
    assert [rows[key]["jobInvoicedUsd"] for key in (str(2**53 + 1), "2", "J-9")] == ["412.250000000", "0.000000000", ""]
    assert [rows[key]["jobLink"] for key in (str(2**53 + 1), "2", "J-9")] == ["job", "call", ""]


@pytest.mark.parametrize(
    ("path", "role", "parameters", "status", "code"),
    [
        ("/api/cost/summary/blue-plumbing", "tenant", {}, 403, "forbidden"),
        ("/api/cost/summary/blue-plumbing", "admin", {}, 404, "tenant_not_found"),
        ("/api/cost/summary/acme-hvac", "admin", {}, 200, None),
        ("/api/cost/summary/acme-hvac", "tenant", {"groupBy": "colour"}, 400, "invalid_request"),
        ("/api/cost/summary/acme-hvac", "tenant", {"from": "yesterday"}, 400, "invalid_request"),
    ],
)
def test_who_may_ask_what(path: str, role: str, parameters: dict[str, str], status: int, code: str | None) -> None:
    answer = get(path, role=role, **parameters)

    assert answer["statusCode"] == status
    assert json.loads(answer["body"]).get("error", {}).get("code") == code


@pytest.mark.parametrize("group_by", ["model", "agent", "job", "outcome", "hour", "day"])
def test_every_grouping_is_a_sheet_too_that_adds_up(spans: PostgresSpans, group_by: str) -> None:
    spans.add([placed(seq, job_id=f"job-{seq}", cost_nanousd=NanoUsd(seq)) for seq in range(1, 103)])

    answer = get("/api/cost/summary/acme-hvac", accept="text/csv", groupBy=group_by)

    rows = list(csv.DictReader(StringIO(answer["body"])))
    assert sum(int(row["calls"]) for row in rows) == 102
    assert len(rows) == {"job": 101, "agent": 2}.get(group_by, 1)
    assert rows[-1][group_by] == (
        "(other: 2)"
        if group_by == "job"
        else {"model": "gpt-4o", "agent": "a", "outcome": "ok", "hour": "2026-11-23T18:00:00Z", "day": "2026-11-23"}[
            group_by
        ]
    )


def test_an_admin_sees_all_tenants_page_by_page(spans: PostgresSpans) -> None:
    for number, tenant_id in enumerate(["zeta-air", "acme-hvac", "blue-plumbing"], start=1):
        spans.add([placed(1, tenant_id=tenant_id, cost_nanousd=NanoUsd(number * 10**9))])

    first = json.loads(get("/api/cost/summary", role="admin", limit="2")["body"])
    second = json.loads(get("/api/cost/summary", role="admin", limit="2", cursor=first["nextCursor"])["body"])

    assert [each["tenantId"] for each in first["tenants"]] == ["acme-hvac", "blue-plumbing"]
    assert [(each["tenantId"], each["costUsd"]) for each in second["tenants"]] == [("zeta-air", 1)]
    assert second["nextCursor"] is None
    assert first["totals"] == second["totals"]
    assert (first["totals"]["tenants"], first["totals"]["costUsd"], first["totals"]["calls"]) == (3, 6, 3)
    assert (first["from"], first["to"], first["timezone"]) == ("2026-11-01", "2026-11-30", "UTC")


def test_all_tenants_are_a_sheet_too(spans: PostgresSpans) -> None:
    spans.add([placed(1, cost_nanousd=NanoUsd(1))])

    answer = get("/api/cost/summary", role="admin", accept="text/csv")

    rows = list(csv.DictReader(StringIO(answer["body"])))
    assert [(row["tenantId"], row["costUsd"]) for row in rows] == [("acme-hvac", "0.000000001")]


@pytest.mark.parametrize(
    ("role", "parameters", "status", "code"),
    [
        ("tenant", {}, 403, "forbidden"),
        ("admin", {"limit": "0"}, 400, "invalid_request"),
        ("admin", {"limit": "501"}, 400, "invalid_request"),
        ("admin", {"cursor": "no\0tenant"}, 400, "invalid_request"),
        ("admin", {"to": "2026-11-23T10:00:01Z"}, 400, "invalid_request"),
        ("admin", {"timezone": "Asia/Kathmandu"}, 200, None),
    ],
)
def test_only_an_admin_asks_for_all(role: str, parameters: dict[str, str], status: int, code: str | None) -> None:
    answer = get("/api/cost/summary", role=role, **parameters)

    assert answer["statusCode"] == status
    assert json.loads(answer["body"]).get("error", {}).get("code") == code


def test_deep_health_says_how_far_rollups_have_come(spans: PostgresSpans, monkeypatch: pytest.MonkeyPatch) -> None:
    before = wiring.health_checks()["watermark"]()
    load("schedules/roll_up_spend").handle({}, CONTEXT)
    reached = wiring.rollups().watermark()
    assert reached is not None
    monkeypatch.setattr(wiring, "clock", lambda: reached + timedelta(seconds=90))
    after = wiring.health_checks()["watermark"]()

    assert before == {"rolledUpTo": None, "behindSeconds": None}
    assert after == {"rolledUpTo": f"{reached.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}", "behindSeconds": 90}


def test_without_postgres_the_summary_is_unavailable_and_worth_another_try(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DATABASE_URL", f"postgresql://tollgate@/nothing?host={tmp_path}")

    answer = get("/api/cost/summary/acme-hvac")

    assert answer["statusCode"] == 503
    assert json.loads(answer["body"])["error"]["code"] == "spans_unavailable"


@mock_aws
def test_a_batch_is_written_and_its_broken_record_put_aside(database: str, capsys: pytest.CaptureFixture[str]) -> None:
    boto3.client("s3").create_bucket(Bucket=os.environ["POISON_BUCKET"])
    records = [a_record(a_span(), seq=1), a_record("broken", seq=2), a_record(a_span(), seq=3)]

    answer = load("streams/write_spans").handle({"Records": records}, CONTEXT)

    assert answer == {"batchItemFailures": []}
    with psycopg.connect(database) as connection:
        assert connection.execute("SELECT seq FROM spans ORDER BY seq").fetchall() == [(1,), (3,)]
    kept = boto3.client("s3").list_objects_v2(Bucket="unwritten")["Contents"]
    assert [entry["Key"] for entry in kept] == ["poison/acme-hvac/2026-11/0-2.json"]
    metric = next(json.loads(line) for line in capsys.readouterr().out.splitlines() if "SpansWritten" in line)
    assert (metric["SpansWritten"], metric["SpansPoisoned"]) == ([2.0], [1.0])
    assert metric["SpanLag"] == [86_400_000.0]


def test_a_batch_fails_where_postgres_is_away(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DATABASE_URL", f"postgresql://tollgate@/nothing?host={tmp_path}")

    with pytest.raises(Exception, match="Postgres cannot be reached"):
        load("streams/write_spans").handle({"Records": [a_record(a_span(), seq=1)]}, CONTEXT)


def test_the_schedule_rolls_up_and_a_range_can_be_asked_for(spans: PostgresSpans, database: str) -> None:
    spans.add([placed(1)])
    roll_up = load("schedules/roll_up_spend").handle

    first = roll_up({}, CONTEXT)
    again = roll_up({"from": "2026-11-23", "to": "2026-11-23"}, CONTEXT)

    assert (first["spans"], again["spans"], again["until"]) == (1, 1, None)
    assert first["until"] is not None
    with psycopg.connect(database) as connection:
        assert connection.execute("SELECT cost_nanousd FROM tenant_rollups").fetchall() == [(7_500_000,)] * 3


def test_the_migration_task_says_where_the_database_is() -> None:
    answer = load("tasks/migrate_database").handle({}, CONTEXT)

    assert answer["applied"] == []
    assert answer["version"] >= 3


def test_the_replay_stores_what_can_be_stored_now_and_tells_the_rest(database: str, spans: PostgresSpans) -> None:
    spans.add([placed(1)])
    records = [a_record(a_span(), seq=1), a_record("broken", seq=2), a_record(a_span(), seq=3), {"dynamodb": {}}]

    answer = load("tasks/replay_spans").handle({"Records": records}, CONTEXT)

    assert (answer["added"], answer["repeated"]) == (1, 1)
    assert [(each["number"], each["name"]) for each in answer["faults"]] == [
        (1, "poison/acme-hvac/2026-11/0-2.json"),
        (3, "poison/unplaced/None.json"),
    ]
    with psycopg.connect(database) as connection:
        assert connection.execute("SELECT seq FROM spans ORDER BY seq").fetchall() == [(1,), (3,)]
