from collections.abc import Sequence

import pytest

from tests.fakes.spans import NOON, MemoryPoison, a_record, a_span
from tollgate.adapters.ledger_stream import deliveries
from tollgate.domain.errors import SpansUnavailable
from tollgate.domain.place import Delivery, Place, PlacedSpan
from tollgate.ports import Added, SpansRefused
from tollgate.usecases.write_spans import Written, write_spans


class PickySpans:
    """Refuses a batch in which one of `bad` is."""

    def __init__(self, *bad: int) -> None:
        self.bad = bad
        self.stored: dict[Place, PlacedSpan] = {}
        self.asked = 0

    def add(self, spans: Sequence[PlacedSpan]) -> Added:
        self.asked += 1
        if any(span.place.seq in self.bad for span in spans):
            raise SpansRefused("one is bad")
        fresh = {span.place: span for span in spans if span.place not in self.stored}
        self.stored |= fresh
        return Added(count=len(fresh), oldest_at=min((span.span.at for span in fresh.values()), default=None))


class NoSpans(PickySpans):
    def add(self, spans: Sequence[PlacedSpan]) -> Added:
        raise SpansUnavailable("down")


class NoPoison:
    def put_aside(self, delivery: Delivery, fault: str) -> None:
        raise OSError("no bucket")


def batch(size: int) -> list[Delivery]:
    return deliveries([a_record(a_span(), seq=seq) for seq in range(1, size + 1)])


def write(these: list[Delivery], spans: object, poison: object) -> Written:
    return write_spans(these, spans=spans, poison=poison)  # type: ignore[arg-type]


def test_a_good_batch_is_one_statement() -> None:
    spans = PickySpans()

    written = write(batch(100), spans, MemoryPoison())

    assert written == Written(added=100, repeated=0, poisoned=0, oldest_at=NOON)
    assert spans.asked == 1


def test_a_bad_one_is_found_in_few_statements() -> None:
    spans, poison = PickySpans(37), MemoryPoison()

    written = write(batch(128), spans, poison)

    assert (written.added, written.poisoned) == (127, 1)
    assert set(poison.kept) == {"poison/acme-hvac/2026-11/0-37.json"}
    assert spans.asked == 1 + 2 * 7


def test_a_batch_of_bad_ones_alone_goes_aside_as_a_whole() -> None:
    poison = MemoryPoison()

    assert write(batch(3), PickySpans(1, 2, 3), poison).poisoned == 3
    assert len(poison.kept) == 3


def test_without_postgres_nothing_is_put_aside_and_the_batch_comes_again() -> None:
    poison = MemoryPoison()

    with pytest.raises(SpansUnavailable):
        write(batch(3), NoSpans(), poison)
    assert poison.kept == {}


def test_where_a_bad_one_cannot_be_put_aside_the_batch_comes_again_and_the_good_ones_are_stored() -> None:
    spans = PickySpans(2)

    with pytest.raises(OSError, match="no bucket"):
        write(batch(3), spans, NoPoison())
    assert {place.seq for place in spans.stored} == {1, 3}


def test_an_empty_batch_asks_nobody() -> None:
    assert write([], NoSpans(), NoPoison()) == Written(added=0, repeated=0, poisoned=0, oldest_at=None)
