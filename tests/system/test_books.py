"""A span that is lost on the way, on the deployed stack: seen, told, booked from the page's own sums, and taken back when it turns up."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from tests.fakes.spans import a_record
from tests.system.tollgate_client import Stack, Tenant, Tollgate, eventually, nano
from tollgate.adapters.postgres import Postgres
from tollgate.adapters.postgres_books import PostgresBooks
from tollgate.domain.place import PlacedSpan

DAYS = 24 * 60
NOW: dict[str, int] = {"settledMinutes": 0, "lostMinutes": 2 * DAYS}


@pytest.fixture
def alerts(stack: Stack) -> Iterator[Any]:
    """The events of the source `tollgate`, by a queue that a rule fills."""
    sqs, events = stack.aws("sqs"), stack.aws("events")
    url = sqs.create_queue(QueueName="alerts")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    events.put_rule(Name="alerts", EventPattern=json.dumps({"source": ["tollgate"]}))
    events.put_targets(Rule="alerts", Targets=[{"Id": "queue", "Arn": arn}])
    yield lambda: [
        json.loads(message["Body"])
        for message in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
    ]
    events.remove_targets(Rule="alerts", Ids=["queue"])
    events.delete_rule(Name="alerts")
    sqs.delete_queue(QueueUrl=url)


def invoke(stack: Stack, function: str, event: Mapping[str, Any]) -> dict[str, Any]:
    resource = stack.aws("cloudformation").describe_stack_resource(StackName="tollgate", LogicalResourceId=function)
    name = resource["StackResourceDetail"]["PhysicalResourceId"]
    answer = stack.aws("lambda").invoke(FunctionName=name, Payload=json.dumps(event).encode())
    body: dict[str, Any] = json.loads(answer["Payload"].read())
    assert "FunctionError" not in answer, body
    return body


def drifts_of(tenant: Tenant, admin: Tollgate) -> list[dict[str, Any]]:
    answer = admin.get("/api/drifts")
    assert answer.status_code == 200, answer.text
    return [drift for drift in answer.json()["drifts"] if drift["tenantId"] == tenant.tenant_id]


def lost(tenant: Tenant, seq: int) -> PlacedSpan:
    """Takes a span out of Postgres, as if it had never come."""
    stack = tenant.stack
    postgres = Postgres(stack.facts["databaseUrl"])
    [month] = stack.rows("SELECT to_char(month, 'YYYY-MM') FROM spans WHERE tenant_id = %s LIMIT 1", tenant.tenant_id)
    spans = PostgresBooks(postgres).spans_after(tenant.tenant_id, month[0], seq=seq - 1, last=None, count=1)
    postgres.close()
    gone = "DELETE FROM spans WHERE tenant_id = %s AND seq = %s RETURNING seq"
    assert stack.rows(gone, tenant.tenant_id, seq) == [(seq,)]
    return spans[0]


def test_a_span_that_is_lost_is_told_then_booked_and_taken_back_when_it_turns_up(
    tenant: Tenant, admin: Tollgate, stack: Stack, alerts: Any
) -> None:
    for number in range(3):
        assert tenant.chat(f"Call {number}.").status_code == 200
    assert len(eventually(tenant.spans, until=lambda rows: len(rows) == 3, seconds=60)) == 3
    placed = lost(tenant, 2)
    spent = nano(tenant.budget()["monthly"]["spentUsd"])

    invoke(stack, "ReconcileBooks", NOW)
    seen = invoke(stack, "ReconcileBooks", NOW)

    assert seen["missing"] >= 1
    [drift] = drifts_of(tenant, admin)
    assert (drift["kind"], drift["detail"]["ranges"], drift["closedAt"]) == ("missing_spans", [[2, 2]], None)
    assert nano(-drift["driftUsd"]) == placed.span.cost_nanousd > 0
    told = eventually(alerts, until=bool, seconds=20)
    assert drift["id"] in [event["detail"]["id"] for event in told if event["detail-type"] == "DriftFound"]

    invoke(stack, "ReconcileBooks", NOW | {"lostMinutes": 0})

    assert drifts_of(tenant, admin)[0]["closedAt"] is not None
    assert tenant.spans()[0] == (-1, "unexplained", placed.span.cost_nanousd)
    assert sum(row[2] for row in tenant.spans()) == spent

    record = a_record(placed.span, seq=2, tenant_id=tenant.tenant_id, month=placed.place.month)
    for _ in range(2):
        invoke(stack, "WriteSpans", {"Records": [record]})

    taken_back, booked, *placed_spans = tenant.spans()
    assert (taken_back[0], booked[0], taken_back[2] + booked[2]) == (-2, -1, 0)
    assert [row[0] for row in placed_spans] == [1, 2, 3]
    assert sum(row[2] for row in placed_spans) == spent
    invoke(stack, "ReconcileBooks", NOW)
    assert [drift["closedAt"] is None for drift in drifts_of(tenant, admin)] == [False]


def test_a_correction_is_a_span_with_its_reason(tenant: Tenant, admin: Tollgate, stack: Stack) -> None:
    body = {
        "tenantId": tenant.tenant_id, "correctionId": "invoice-7", "amountUsd": 0.125, "reason": "Billed by another key",
    }  # fmt: skip

    first, again = admin.post("/api/cost/corrections", body), admin.post("/api/cost/corrections", body)

    assert (first.status_code, again.status_code) == (201, 200)
    assert nano(tenant.budget()["monthly"]["spentUsd"]) == nano(0.125)
    rows = eventually(tenant.spans, until=bool, seconds=60)
    assert rows == [(1, "corrected", nano(0.125))]
    reason = "SELECT reason, hold FROM spans WHERE tenant_id = %s"
    assert stack.rows(reason, tenant.tenant_id) == [("Billed by another key", "c:invoice-7")]
