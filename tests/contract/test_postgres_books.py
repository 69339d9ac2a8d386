from datetime import timedelta

from tests.contract.test_postgres_spans import FULL
from tests.fakes.memory_shelf import MemoryBooks
from tests.fakes.spans import NOON, placed
from tollgate.adapters.postgres import Postgres
from tollgate.adapters.postgres_books import PostgresBooks
from tollgate.adapters.postgres_spans import PostgresSpans
from tollgate.domain.money import NanoUsd
from tollgate.domain.place import Place, PlacedSpan
from tollgate.domain.span import Outcome

TENANT, MONTH = "acme-hvac", "2026-11"
HISTORY = [
    placed(1, latency_ms=9),
    placed(2, posting="void", outcome=Outcome.VOIDED, cost_nanousd=NanoUsd(0)),
    placed(3, posting="record", hold="r:mine", outcome=Outcome.RECORDED),
    placed(5),
    placed(5, epoch=1, cost_nanousd=NanoUsd(-3), posting="late", latency_ms=4),
    placed(6, epoch=1, at=NOON - timedelta(days=70), posting="record", hold="r:old"),
    placed(1, tenant_id="blue-plumbing"),
    placed(1, month="2026-10", at=NOON - timedelta(days=30)),
]


def test_a_span_comes_back_as_it_was_stored(spans: PostgresSpans, postgres: Postgres) -> None:
    stored = PlacedSpan(place=Place(tenant_id=TENANT, month=MONTH, epoch=2, seq=4), span=FULL)
    spans.add([stored, placed(1, tenant_id="blue-plumbing")])

    assert PostgresBooks(postgres).spans_after(TENANT, MONTH, seq=3, last=None, count=9) == (stored,)


def test_postgres_and_the_reference_answer_alike(spans: PostgresSpans, postgres: Postgres) -> None:
    spans.add(HISTORY)
    ours, theirs = PostgresBooks(postgres), MemoryBooks({each.place: each for each in HISTORY})

    for month in (MONTH, "2026-10", "2026-09"):
        assert list(ours.books_of(month)) == list(theirs.books_of(month))
    first = ours.books_of(MONTH)[0]
    assert (first.count, first.numbers, first.seq, first.epoch) == (6, 5, 6, 1)
    for seq in range(7):
        assert list(ours.spans_after(TENANT, MONTH, seq=seq, last=None, count=9)) == list(
            theirs.spans_after(TENANT, MONTH, seq=seq, last=None, count=9)
        )
    since = NOON - timedelta(days=62)
    assert list(ours.record_spans(TENANT, MONTH, since=since)) == list(theirs.record_spans(TENANT, MONTH, since=since))
    assert [each.place.seq for each in ours.record_spans(TENANT, MONTH, since=since)] == [3, 5]


def test_spans_come_in_portions_without_a_break(spans: PostgresSpans, postgres: Postgres) -> None:
    spans.add(HISTORY)
    books = PostgresBooks(postgres)
    found: list[PlacedSpan] = []
    while portion := books.spans_after(TENANT, MONTH, seq=1, last=found[-1].place if found else None, count=2):
        found += portion

    assert [(each.place.epoch, each.place.seq) for each in found] == [(0, 2), (0, 3), (0, 5), (1, 5), (1, 6)]
