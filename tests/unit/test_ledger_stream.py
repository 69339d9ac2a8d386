from typing import Any

import pytest

from tests.fakes.spans import NOON, a_record, a_span
from tollgate.adapters.ledger_stream import deliveries
from tollgate.domain.place import Place
from tollgate.domain.span import to_text


def test_a_record_becomes_its_span_in_its_place() -> None:
    (delivery,) = deliveries([a_record(a_span(), seq=7, epoch=1)])

    assert delivery.placed is not None
    assert delivery.placed.place == Place(tenant_id="acme-hvac", month="2026-11", epoch=1, seq=7)
    assert delivery.placed.span == a_span()


def test_what_carries_no_span_is_passed_over() -> None:
    hold = a_record(a_span(), seq=7)
    del hold["dynamodb"]["NewImage"]["span"]
    deletion = a_record(a_span(), seq=8)
    del deletion["dynamodb"]["NewImage"]

    assert deliveries([hold, deletion, {"eventName": "INSERT"}]) == []


def changed(**image: Any) -> dict[str, Any]:
    record = a_record(a_span(), seq=7)
    record["dynamodb"]["NewImage"] |= image
    return record


BROKEN = {
    "no page": (changed(sk={"S": "ACCOUNT"}), "0-7"),
    "no tenant": (changed(pk={"S": "TENANT#"}), "0-7"),
    "no such month": (changed(sk={"S": "MONTH#2026-13"}), "0-7"),
    "no number": (changed(seq={"N": "0"}), "0-0"),
    "a number that is none": (changed(seq={"N": "x"}), "0-x"),
    "a span that is no string": (changed(span={"N": "1"}), "0-7"),
    "no JSON": (changed(span={"S": "{"}), "0-7"),
    "JSON without end": (changed(span={"S": "[" * 100_000}), "0-7"),
    "no object": (changed(span={"S": "[1]"}), "0-7"),
    "no outcome": (changed(span={"S": '{"p":"settle","h":"h","t":"2026-11-23T18:00:00+00:00","d":"23"}'}), "0-7"),
}
FIELDS = {
    "money with a point": ('"c":7500000', '"c":7.5'),
    "money that is true": ('"c":7500000', '"c":true'),
    "money past 63 bits": ('"c":7500000', '"c":9223372036854775808'),
    "tokens below zero": ('"iu":1000', '"iu":-1'),
    "a time without a zone": (NOON.isoformat(timespec="milliseconds"), "2026-11-23T18:00:00"),
    "a day that the month does not have": ('"d":"23"', '"d":"31"'),
    "a day that is no text": ('"d":"23"', '"d":23'),
    "NUL": ('"m":"gpt-4o"', '"m":"gpt\\u0000"'),
    "half a surrogate pair": ('"m":"gpt-4o"', '"m":"\\ud83d"'),
    "a label that is a list": ('"m":"gpt-4o"', '"m":["gpt-4o"]'),
}


@pytest.mark.parametrize("fault", BROKEN)
def test_what_cannot_be_read_is_a_delivery_with_a_fault(fault: str) -> None:
    record, number = BROKEN[fault]

    (delivery,) = deliveries([record])

    assert delivery.fault
    assert delivery.record == record
    assert delivery.name.startswith("poison/")
    assert delivery.name.endswith(f"{number}.json")


@pytest.mark.parametrize("fault", FIELDS)
def test_a_span_with_a_field_that_no_column_takes_is_a_delivery_with_a_fault(fault: str) -> None:
    text = to_text(a_span())
    before, after = FIELDS[fault]
    assert before in text

    (delivery,) = deliveries([changed(span={"S": text.replace(before, after)})])

    assert delivery.placed is None
    assert delivery.name == "poison/acme-hvac/2026-11/0-7.json"


def test_a_record_without_a_place_is_put_aside_by_its_id() -> None:
    record = a_record(a_span(), seq=7)
    del record["dynamodb"]["NewImage"]["seq"]

    (delivery,) = deliveries([record])

    assert delivery.name == "poison/unplaced/event-acme-hvac-7.json"


def test_a_name_stays_under_its_folder_whatever_a_key_holds() -> None:
    (delivery,) = deliveries([changed(pk={"S": "TENANT#../../else"}, seq={"N": "nan"})])

    assert delivery.name == "poison/..%2F..%2Felse/2026-11/0-nan.json"
