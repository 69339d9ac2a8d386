"""The functions around the comparison of books, from their events to their answers."""

import json
import sys
from collections.abc import Iterator, Mapping
from datetime import timedelta
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import boto3
import pytest

from tests.contract.test_span_functions import load
from tests.fakes.ledger_desk import Desk
from tests.fakes.ledger_world import MONTH, NOON, TABLE, a_tenant, books_in_dynamodb
from tests.fakes.moto_dynamodb import dynamodb_client
from tests.fakes.spans import placed
from tollgate import wiring
from tollgate.adapters.postgres_spans import PostgresSpans
from tollgate.domain.money import NanoUsd

pytestmark = pytest.mark.filterwarnings("ignore:No application metrics to publish")

CONTEXT = SimpleNamespace(
    aws_request_id="request-1", function_name="f", memory_limit_in_mb=256, invoked_function_arn="arn",
    function_version="1", get_remaining_time_in_millis=lambda: 600_000,
)  # fmt: skip
CACHED = (
    "settings", "postgres", "spans", "comparison", "drifts", "dynamodb", "ledger", "accounts", "shelf",
    "known_settings", "event_alerts",
)  # fmt: skip
LATER = timedelta(hours=1)


class Clock:
    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> Any:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def desk(database: str, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    """A shop whose page has spent 5 and 7, while Postgres has the span of the 5 alone."""
    with dynamodb_client() as client, patch.object(sys, "dont_write_bytecode", new=True):
        monkeypatch.setenv("DATABASE_URL", database)
        monkeypatch.setenv("LEDGER_TABLE", TABLE)
        monkeypatch.setattr(wiring, "clock", clock)
        for name in CACHED:
            getattr(wiring, name).cache_clear()
        desk = Desk(books=books_in_dynamodb(client), settings=a_tenant())
        desk.start()
        desk.spend(5)
        desk.spend(7)
        PostgresSpans(wiring.postgres()).add([
            placed(1, tenant_id="shop", month=MONTH, day="05", cost_nanousd=NanoUsd(5))
        ])  # fmt: skip
        yield desk
        wiring.postgres().close()
        for name in CACHED:
            getattr(wiring, name).cache_clear()


def compare(clock: Clock, **event: int) -> Mapping[str, Any]:
    clock.now += LATER
    found: Mapping[str, Any] = load("tasks/compare_books").handle(event, CONTEXT)
    return found


def asked(method: str, path: str, body: object = None, *, role: str = "admin") -> tuple[int, dict[str, Any]]:
    folder = {"/api/drifts": "list_drifts", "/api/health": "get_health", "/api/cost/corrections": "correct_cost"}[path]
    facts = {"keyId": "k", "role": role} | ({"tenantId": "shop"} if role == "tenant" else {})
    event = {
        "httpMethod": method, "path": path, "resource": path, "headers": {}, "multiValueHeaders": {},
        "body": json.dumps(body) if body is not None else None, "isBase64Encoded": False, "pathParameters": None,
        "queryStringParameters": {"deep": "true"}, "multiValueQueryStringParameters": {"deep": ["true"]},
        "requestContext": {"requestId": "request-1", "authorizer": facts, "stage": "v"},
    }  # fmt: skip
    answer = load(f"routes/{folder}").handle(event, CONTEXT)
    return answer["statusCode"], json.loads(answer["body"])


def metrics_in(text: str) -> dict[str, Any]:
    return next(json.loads(line) for line in text.splitlines() if "SpansMissing" in line)


def test_what_is_missing_is_a_metric_an_event_and_a_row(
    desk: Desk, clock: Clock, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    compare(clock)
    capsys.readouterr()
    sqs, events = boto3.client("sqs"), boto3.client("events")
    url = sqs.create_queue(QueueName="alerts")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    events.put_rule(Name="alerts", EventPattern=json.dumps({"source": ["tollgate"]}))
    events.put_targets(Rule="alerts", Targets=[{"Id": "queue", "Arn": arn}])
    monkeypatch.setattr(wiring, "remote_comparison", lambda: lambda event: compare(clock, **event))

    load("schedules/reconcile_books").handle({}, CONTEXT)

    metric = metrics_in(capsys.readouterr().out)
    assert (metric["SpansMissing"], metric["BooksDrifting"], metric["PagesCompared"]) == ([1.0], [1.0], [1.0])
    [message] = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=9)["Messages"]
    event = json.loads(message["Body"])
    assert (event["detail-type"], event["detail"]["kind"]) == ("DriftFound", "missing_spans")
    assert asked("GET", "/api/drifts") == (200, {
        "drifts": [{
            "id": event["detail"]["id"], "kind": "missing_spans", "tenantId": "shop", "window": MONTH,
            "expectedUsd": 1.2e-08, "foundUsd": 5e-09, "driftUsd": -7e-09,
            "detail": {
                "seq": 2, "missing": 1, "ranges": [[2, 2]], "since": event["detail"]["detail"]["since"],
                "days": {"05": 7},
            },
            "firstSeenAt": "2024-03-05T14:00:00Z", "lastSeenAt": "2024-03-05T14:00:00Z", "closedAt": None,
        }],
    })  # fmt: skip


def test_what_is_lost_can_be_booked_at_once_by_hand(desk: Desk, clock: Clock) -> None:
    compare(clock)
    compare(clock)

    found = compare(clock, settledMinutes=0, lostMinutes=0)

    assert found["unexplained"] == [{"tenantId": "shop", "month": MONTH, "nanousdByDay": {"05": 7}}]
    assert (found["missing"], len(found["closed"])) == (0, 1)
    assert asked("GET", "/api/drifts")[1]["drifts"][0]["closedAt"] == "2024-03-05T15:00:00Z"


def test_health_says_how_the_books_stand_and_is_not_ill_of_it(desk: Desk, clock: Clock) -> None:
    compare(clock)
    before = asked("GET", "/api/health")[1]["checks"]["books"]
    compare(clock)

    status, body = asked("GET", "/api/health")

    assert (before["openDrifts"], before["missingSpans"], before["comparedAt"]) == (0, 0, None)
    books = body["checks"]["books"]
    assert (status, books["status"], books["openDrifts"], books["missingSpans"]) == (200, "ok", 1, 1)
    assert books["comparedAt"] == "2024-03-05T14:00:00+00:00"


@pytest.mark.parametrize(("method", "path"), [("GET", "/api/drifts"), ("POST", "/api/cost/corrections")])
def test_drifts_and_corrections_are_for_admins(desk: Desk, method: str, path: str) -> None:
    body = {"tenantId": "shop", "correctionId": "one", "amountUsd": 1, "reason": "none"} if method == "POST" else None

    assert asked(method, path, body, role="tenant")[0] == 403


def test_a_correction_counts_once_and_says_why(desk: Desk, clock: Clock) -> None:
    body = {"tenantId": "shop", "correctionId": "one", "amountUsd": 2.5, "reason": "A batch job's own key"}

    first, again = asked("POST", "/api/cost/corrections", body), asked("POST", "/api/cost/corrections", body)

    assert first == (201, {"tenantId": "shop", "corrected": True, "amountUsd": 2.5})
    assert again == (200, {"tenantId": "shop", "corrected": False, "amountUsd": 2.5})
    desk.last = None
    assert desk.page.use.spent == 2_500_000_012
    assert '"n":"A batch job\'s own key"' in str(desk.page.span)


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"amountUsd": -1}, 409, "correction_impossible"),
        ({"amountUsd": 0}, 400, "invalid_request"),
        ({}, 400, "invalid_request"),
        ({"amountUsd": 1, "costUsd": 1}, 400, "invalid_request"),
        ({"holdId": "2024-03.05.Lapsed______", "amountUsd": 1}, 400, "invalid_request"),
        ({"holdId": "2024-03.05.Lapsed______", "costUsd": -1}, 400, "invalid_request"),
        ({"holdId": "2024-03.05.Lapsed______", "costUsd": 1}, 409, "correction_impossible"),
        ({"amountUsd": 1, "reason": ""}, 400, "invalid_request"),
        ({"amountUsd": 1, "tenantId": "nobody"}, 404, "tenant_not_found"),
    ],
)
def test_a_correction_that_cannot_be_is_refused_and_changes_nothing(
    desk: Desk, body: dict[str, Any], status: int, code: str
) -> None:
    found = asked("POST", "/api/cost/corrections", {"tenantId": "shop", "correctionId": "x", "reason": "so"} | body)

    assert (found[0], found[1]["error"]["code"]) == (status, code)
    desk.last = None
    assert (desk.page.use.spent, desk.page.seq) == (12, 2)
