"""Spans and stream records to test with, and the place where the unstorable ones go."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from tollgate.domain.money import NanoUsd
from tollgate.domain.place import Delivery, Place, PlacedSpan
from tollgate.domain.span import Outcome, Span, to_text

NOON = datetime(2026, 11, 23, 18, 0, tzinfo=UTC)


def a_span(**fields: Any) -> Span:
    usual: dict[str, Any] = {
        "posting": "settle",
        "hold": "Zk3vQ0a1xY_9",
        "at": NOON,
        "day": "23",
        "outcome": Outcome.OK,
        "cost_nanousd": NanoUsd(7_500_000),
        "held_nanousd": NanoUsd(12_000_000),
        "model": "gpt-4o",
        "requested_model": "gpt-4o",
        "uncached": 1000,
        "output": 500,
    }
    return Span(**(usual | fields))


def placed(
    seq: int, *, tenant_id: str = "acme-hvac", month: str = "2026-11", epoch: int = 0, **fields: Any
) -> PlacedSpan:
    return PlacedSpan(place=Place(tenant_id=tenant_id, month=month, epoch=epoch, seq=seq), span=a_span(**fields))


def a_record(
    span: Span | str, *, seq: int, tenant_id: str = "acme-hvac", month: str = "2026-11", epoch: int = 0
) -> dict[str, Any]:
    """As Lambda hands it over from the table's stream."""
    key = {"pk": {"S": f"TENANT#{tenant_id}"}, "sk": {"S": f"MONTH#{month}"}}
    text = span if isinstance(span, str) else to_text(span)
    image = key | {"seq": {"N": str(seq)}, "epoch": {"N": str(epoch)}, "span": {"S": text}, "spent": {"N": "7500000"}}
    return {
        "eventID": f"event-{tenant_id}-{seq}",
        "eventName": "MODIFY",
        "eventSource": "aws:dynamodb",
        "dynamodb": {"Keys": key, "NewImage": image, "SequenceNumber": str(seq), "StreamViewType": "NEW_IMAGE"},
    }


class MemoryPoison:
    def __init__(self) -> None:
        self.kept: dict[str, tuple[Mapping[str, Any], str]] = {}

    def put_aside(self, delivery: Delivery, fault: str) -> None:
        self.kept[delivery.name] = (delivery.record, fault)
