"""The ledger's stream into Postgres: what can be stored is stored once, what cannot is put aside and blocks nothing."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from tollgate.domain.place import Delivery
from tollgate.ports import Added, Poison, SpansRefused, SpanStore


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """`repeated`: stored before, or twice in this batch; `oldest_at`: when the oldest of the new ones was posted."""

    added: int
    repeated: int
    poisoned: int
    oldest_at: datetime | None


def write_spans(deliveries: Sequence[Delivery], *, spans: SpanStore, poison: Poison) -> Written:
    """Raises SpansUnavailable, or what putting aside raises: the batch comes again then, and each span counts once."""
    readable = [delivery for delivery in deliveries if delivery.placed is not None]
    poisoned = [(delivery, delivery.fault) for delivery in deliveries if delivery.fault is not None]
    added: list[Added] = []
    for portion in _portions(readable, spans):
        if isinstance(portion, Added):
            added.append(portion)
        else:
            poisoned.append(portion)
    for delivery, fault in poisoned:
        poison.put_aside(delivery, fault)
    count = sum(portion.count for portion in added)
    return Written(
        added=count,
        repeated=len(deliveries) - len(poisoned) - count,
        poisoned=len(poisoned),
        oldest_at=min((portion.oldest_at for portion in added if portion.oldest_at is not None), default=None),
    )


def _portions(deliveries: Sequence[Delivery], spans: SpanStore) -> Iterable[Added | tuple[Delivery, str]]:
    """Stores all at once; where the data is refused, by halves, down to the single ones that are at fault."""
    if not deliveries:
        return
    try:
        yield spans.add([delivery.placed for delivery in deliveries if delivery.placed is not None])
    except SpansRefused as error:
        if len(deliveries) == 1:
            yield deliveries[0], str(error)
            return
        middle = len(deliveries) // 2
        yield from _portions(deliveries[:middle], spans)
        yield from _portions(deliveries[middle:], spans)
