"""The ledger's stream to those who look on: each sink gets what it has not had, and no sink waits for another."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from tollgate.domain.place import Delivery, Place
from tollgate.ports import SpanSink

REMEMBERED_MAX = 10_000


@dataclass(slots=True)
class Delivered:
    """What the sinks have had from this environment: a batch that comes again for one of them is not sent to the others again."""

    _places: dict[tuple[str, Place], None] = field(default_factory=dict)

    def has(self, sink: str, place: Place) -> bool:
        return (sink, place) in self._places

    def add(self, sink: str, places: Iterable[Place]) -> None:
        self._places |= dict.fromkeys((sink, place) for place in places)
        for oldest in list(self._places)[: max(0, len(self._places) - REMEMBERED_MAX)]:
            del self._places[oldest]


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """`sent` and `refused`, over all sinks; `unreadable`: no spans, which the span store's writer puts aside; `left`: to come again."""

    sent: int
    refused: int
    unreadable: int
    left: Sequence[Delivery]


def export_spans(
    deliveries: Sequence[Delivery], sinks: Sequence[SpanSink], delivered: Delivered, *, until: datetime
) -> Exported:
    placed = [delivery.placed for delivery in deliveries if delivery.placed is not None]
    sent = refused = 0
    left: set[Place] = set()
    for sink in sinks:
        offered = [span for span in placed if not delivered.has(sink.name, span.place)]
        result = sink.send(offered, until=until)
        delivered.add(sink.name, result.done)
        sent += len(result.done) - result.refused
        refused += result.refused
        left |= {span.place for span in offered} - set(result.done)
    return Exported(
        sent=sent,
        refused=refused,
        unreadable=len(deliveries) - len(placed),
        left=[each for each in deliveries if each.placed is not None and each.placed.place in left],
    )
