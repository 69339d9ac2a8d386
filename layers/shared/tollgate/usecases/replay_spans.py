"""Tries spans again that were put aside or given up: through the writer's own code, so that each counts once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tollgate.domain.place import Delivery
from tollgate.ports import SpanStore
from tollgate.usecases.write_spans import write_spans


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """`repeated`: stored before; `faults`: the number of a delivery that still cannot be stored -> why."""

    added: int
    repeated: int
    faults: Mapping[int, str]


class _Faults:
    """What lies in the bucket already is not put there again: it is told."""

    def __init__(self, deliveries: Sequence[Delivery]) -> None:
        self._numbers = {id(delivery): number for number, delivery in enumerate(deliveries)}
        self.found: dict[int, str] = {}

    def put_aside(self, delivery: Delivery, fault: str) -> None:
        self.found[self._numbers[id(delivery)]] = fault


def replay_spans(deliveries: Sequence[Delivery], *, spans: SpanStore) -> Replayed:
    """Raises SpansUnavailable: then nothing is known of any, and all can be tried again."""
    faults = _Faults(deliveries)
    written = write_spans(deliveries, spans=spans, poison=faults)
    return Replayed(added=written.added, repeated=written.repeated, faults=faults.found)
