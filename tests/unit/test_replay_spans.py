"""What the replay makes of the two kinds of object that lie in the bucket, and of what still fails."""

import io
import json
from collections.abc import Sequence
from typing import Any

import pytest

from infra.replay import Unreadable, parse, portions, run
from infra.restore import Deployed
from tests.fakes.spans import a_record, a_span
from tollgate.adapters.ledger_stream import delivery_of
from tollgate.domain.money import NanoUsd
from tollgate.domain.place import PlacedSpan
from tollgate.ports import Added, SpansRefused
from tollgate.usecases.replay_spans import replay_spans

REFUSED = NanoUsd(13)
NAME = "poison/acme-hvac/2026-11/0-{}.json"
BATCH = "aws/lambda/8a2f/shardId-00000001/2026-11-23T18.00.00-4c1e.json"


class Spans:
    """Stores each place once, and refuses spans of one cost, as a table with a constraint would."""

    def __init__(self) -> None:
        self.stored: set[Any] = set()

    def add(self, spans: Sequence[PlacedSpan]) -> Added:
        if any(each.span.cost_nanousd == REFUSED for each in spans):
            raise SpansRefused("violates a check")
        new = {each.place for each in spans} - self.stored
        self.stored |= new
        return Added(count=len(new))


class Aws:
    """The bucket and the function, as boto3 shows them."""

    def __init__(self) -> None:
        self.objects: dict[str, str] = {}
        self.spans = Spans()

    def client(self, _: str) -> "Aws":
        return self

    def get_paginator(self, _: str) -> "Aws":
        return self

    def paginate(self, *, Bucket: str) -> list[dict[str, Any]]:  # noqa: N803
        return [{"Contents": [{"Key": key} for key in self.objects]}] if self.objects else [{}]

    def get_object(self, *, Bucket: str, Key: str) -> dict[str, Any]:  # noqa: N803
        return {"Body": io.BytesIO(self.objects[Key].encode())}

    def put_object(self, *, Bucket: str, Key: str, Body: bytes) -> None:  # noqa: N803
        self.objects[Key] = Body.decode()

    def delete_object(self, *, Bucket: str, Key: str) -> None:  # noqa: N803
        del self.objects[Key]

    def invoke(self, *, FunctionName: str, Payload: bytes) -> dict[str, Any]:  # noqa: N803
        deliveries = [delivery_of(record) for record in json.loads(Payload)["Records"]]
        done = replay_spans(deliveries, spans=self.spans)  # type: ignore[arg-type]
        faults = [
            {"number": number, "name": deliveries[number].name, "fault": fault} for number, fault in done.faults.items()
        ]
        body = {"added": done.added, "repeated": done.repeated, "faults": faults}
        return {"Payload": io.BytesIO(json.dumps(body).encode())}


@pytest.fixture
def aws() -> Aws:
    return Aws()


def replay(aws: Aws, *, tries: bool = True) -> int:
    physical = {"UnwrittenSpans": "bucket", "ReplaySpans": "function"}
    return run(Deployed(client=aws.client, physical=physical), tries=tries)


def put_aside(record: dict[str, Any], fault: str = "violates a check") -> str:
    return json.dumps({"fault": fault, "record": record})


def given_up(*records: dict[str, Any], as_text: bool = True) -> str:
    """As AWS documents what Lambda leaves in S3."""
    event = {"Records": list(records)}
    return json.dumps(
        {
            "requestContext": {
                "requestId": "c9b8fa9f", "functionArn": "arn", "condition": "RetryAttemptsExhausted", "approximateInvokeCount": 1001,
            },
            "responseContext": {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"},
            "version": "1.0", "timestamp": "2026-11-23T18:00:00.123Z",
            "DDBStreamBatchInfo": {"shardId": "shardId-00000001", "batchSize": len(records), "streamArn": "arn"},
            "payload": json.dumps(event) if as_text else event,
        }
    )  # fmt: skip


@pytest.mark.parametrize("as_text", [True, False])
def test_both_kinds_are_stored_and_gone_from_the_bucket(aws: Aws, as_text: bool) -> None:
    aws.objects[NAME.format(1)] = put_aside(a_record(a_span(), seq=1))
    aws.objects[BATCH] = given_up(a_record(a_span(), seq=2), a_record(a_span(), seq=3), as_text=as_text)

    assert replay(aws) == 0

    assert sorted(place.seq for place in aws.spans.stored) == [1, 2, 3]
    assert aws.objects == {}


def test_what_still_fails_stays_and_is_told(aws: Aws, capsys: pytest.CaptureFixture[str]) -> None:
    broken = put_aside(a_record("broken", seq=4), "not a span")
    aws.objects[NAME.format(4)] = broken

    assert replay(aws) == 1

    assert aws.objects == {NAME.format(4): broken}
    assert "1 still fail" in capsys.readouterr().out


def test_the_rest_of_a_batch_is_stored_and_its_one_that_fails_lies_apart(aws: Aws) -> None:
    refused = a_record(a_span(cost_nanousd=REFUSED), seq=2)
    aws.objects[BATCH] = given_up(a_record(a_span(), seq=1), refused, a_record(a_span(), seq=3))

    assert replay(aws) == 1

    assert sorted(place.seq for place in aws.spans.stored) == [1, 3]
    assert list(aws.objects) == [NAME.format(2)]
    kept = parse(NAME.format(2), aws.objects[NAME.format(2)])
    assert (kept.why, list(kept.records)) == ("violates a check", [refused])


def test_a_second_replay_stores_nothing_twice(aws: Aws) -> None:
    record = a_record(a_span(), seq=1)
    aws.objects[NAME.format(1)] = put_aside(record)
    replay(aws)
    aws.objects[BATCH] = given_up(record)

    assert replay(aws) == 0

    assert len(aws.spans.stored) == 1


def test_the_list_says_why_and_changes_nothing(aws: Aws, capsys: pytest.CaptureFixture[str]) -> None:
    aws.objects[BATCH] = given_up(a_record(a_span(), seq=1))
    before = dict(aws.objects)

    assert replay(aws, tries=False) == 1

    assert aws.objects == before
    assert aws.spans.stored == set()
    assert "RetryAttemptsExhausted after 1001 tries" in capsys.readouterr().out


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"payload": "nothing"}', '{"payload": {"Records": 3}}', '{"record": {}}']
)
def test_another_object_is_left_as_it_is(aws: Aws, text: str, capsys: pytest.CaptureFixture[str]) -> None:
    aws.objects["stray.json"] = text

    assert replay(aws) == 1

    assert aws.objects == {"stray.json": text}
    assert "stray.json: neither" in capsys.readouterr().err
    with pytest.raises(Unreadable):
        parse("stray.json", text)


def test_large_batches_go_in_portions_that_lambda_takes() -> None:
    records = [{"page": "x" * 400_000, "number": number} for number in range(25)]

    found = list(portions(records))

    assert [each["number"] for portion in found for each in portion] == list(range(25))
    assert max(len(json.dumps(portion)) for portion in found) < 6_000_000
    assert list(portions([])) == []
