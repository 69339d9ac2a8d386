from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import psycopg
import pytest

from tests.fakes.spans import NOON, MemoryPoison, a_record, a_span, placed
from tollgate.adapters.ledger_stream import deliveries
from tollgate.adapters.postgres_spans import PostgresSpans
from tollgate.domain.money import NanoUsd
from tollgate.domain.place import Gap, PageSpend
from tollgate.domain.span import Outcome
from tollgate.ports import Added, SpansRefused
from tollgate.usecases.write_spans import Written, write_spans

FULL = a_span(
    saved_nanousd=NanoUsd(123),
    model="gpt-4o-mini",
    requested_model="gpt-4o",
    downgrade_reason="soft_cap",
    service_tier="default",
    uncached=700,
    cached=200,
    written=100,
    output=500,
    reasoning=320,
    latency_ms=1234,
    upstream_ms=1200,
    agent="booking-agent",
    run_id="run-1",
    job_id="job-1",
    booking_id="booking-1",
    call_id="call-1",
    request_id="request-1",
    upstream_id="chatcmpl-1",
    error_code="none",
    opened_at=datetime(2026, 11, 23, 17, 59, 58, tzinfo=UTC),
    would_have="refuse:daily_budget",
    reason="It was billed twice",
    at=datetime(2026, 11, 23, 18, 0, 0, 123000, tzinfo=UTC),
)


def rows(database: str) -> list[dict[str, object]]:
    with psycopg.connect(database, row_factory=psycopg.rows.dict_row) as connection:
        return connection.execute("SELECT * FROM spans ORDER BY tenant_id, month, epoch, seq").fetchall()


def test_every_field_of_a_span_has_its_column(spans: PostgresSpans, database: str) -> None:
    write_spans(deliveries([a_record(FULL, seq=4, epoch=2)]), spans=spans, poison=MemoryPoison())

    (row,) = rows(database)
    assert row.pop("inserted_at") is not None
    assert row.pop("arrived_in") is not None
    assert row == {
        "tenant_id": "acme-hvac",
        "month": date(2026, 11, 1),
        "epoch": 2,
        "seq": 4,
        "posting": "settle",
        "hold": "Zk3vQ0a1xY_9",
        "at": FULL.at,
        "day": date(2026, 11, 23),
        "outcome": "ok",
        "cost_nanousd": 7_500_000,
        "held_nanousd": 12_000_000,
        "saved_nanousd": 123,
        "request_model": "gpt-4o",
        "response_model": "gpt-4o-mini",
        "downgrade_reason": "soft_cap",
        "service_tier": "default",
        "input_tokens": 1000,
        "cache_read_input_tokens": 200,
        "cache_creation_input_tokens": 100,
        "output_tokens": 500,
        "reasoning_output_tokens": 320,
        "latency_ms": 1234,
        "upstream_ms": 1200,
        "agent_name": "booking-agent",
        "run_id": "run-1",
        "job_id": "job-1",
        "booking_id": "booking-1",
        "call_id": "call-1",
        "request_id": "request-1",
        "response_id": "chatcmpl-1",
        "error_type": "none",
        "opened_at": FULL.opened_at,
        "would_have": "refuse:daily_budget",
        "reason": "It was billed twice",
    }


def test_a_batch_that_comes_again_is_stored_once(spans: PostgresSpans, database: str) -> None:
    batch = deliveries([a_record(a_span(), seq=seq) for seq in (1, 2, 3)])

    first = write_spans(batch, spans=spans, poison=MemoryPoison())
    again = write_spans(batch, spans=spans, poison=MemoryPoison())

    assert first == Written(added=3, repeated=0, poisoned=0, oldest_at=NOON)
    assert again == Written(added=0, repeated=3, poisoned=0, oldest_at=None)
    assert len(rows(database)) == 3


def test_twins_in_one_batch_are_stored_once(spans: PostgresSpans, database: str) -> None:
    written = write_spans(
        deliveries([a_record(a_span(), seq=1), a_record(a_span(), seq=1), a_record(a_span(), seq=2)]),
        spans=spans,
        poison=MemoryPoison(),
    )

    assert (written.added, written.repeated) == (2, 1)
    assert len(rows(database)) == 2


def test_the_lag_is_that_of_new_spans_alone(spans: PostgresSpans) -> None:
    old = a_span(at=NOON - timedelta(days=3))
    spans.add([placed(1, at=old.at)])

    written = write_spans(
        deliveries([a_record(old, seq=1), a_record(a_span(), seq=2)]), spans=spans, poison=MemoryPoison()
    )

    assert written.oldest_at == NOON


def test_one_that_cannot_be_read_is_put_aside_and_the_others_are_stored(spans: PostgresSpans, database: str) -> None:
    poison, broken = MemoryPoison(), a_record("not json", seq=2)

    written = write_spans(
        deliveries([a_record(a_span(), seq=1), broken, a_record(a_span(), seq=3)]), spans=spans, poison=poison
    )

    assert (written.added, written.poisoned) == (2, 1)
    assert poison.kept["poison/acme-hvac/2026-11/0-2.json"][0] == broken
    assert [row["seq"] for row in rows(database)] == [1, 3]


def test_those_that_postgres_refuses_are_put_aside_and_the_others_are_stored(
    spans: PostgresSpans, database: str
) -> None:
    poison = MemoryPoison()
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("ALTER TABLE spans ADD CONSTRAINT no_seven CHECK (seq % 7 <> 0)")
    try:
        written = write_spans(
            deliveries([a_record(a_span(), seq=seq) for seq in range(1, 51)]), spans=spans, poison=poison
        )
    finally:
        with psycopg.connect(database, autocommit=True) as connection:
            connection.execute("ALTER TABLE spans DROP CONSTRAINT no_seven")

    assert (written.added, written.poisoned, written.repeated) == (43, 7, 0)
    assert set(poison.kept) == {f"poison/acme-hvac/2026-11/0-{seq}.json" for seq in range(7, 51, 7)}
    assert all("no_seven" in fault for _, fault in poison.kept.values())


def test_a_refused_batch_stores_nothing(spans: PostgresSpans, database: str) -> None:
    too_large = NanoUsd(2**63 - 1)
    fits = placed(1, cost_nanousd=too_large)
    tokens = replace(placed(2), span=a_span(uncached=2**63 - 1, cached=1))

    assert spans.add([fits]) == Added(count=1, oldest_at=NOON)
    with pytest.raises(SpansRefused):
        spans.add([placed(3), tokens])
    assert [row["seq"] for row in rows(database)] == [1]


def test_spans_of_any_month_find_a_partition(spans: PostgresSpans, database: str) -> None:
    spans.add([placed(1, month="2019-02", day="28"), placed(1, month="2199-12", day="31"), placed(1)])

    assert len(rows(database)) == 3


def test_a_new_partition_takes_over_what_waited_in_the_default_one(spans: PostgresSpans, database: str) -> None:
    spans.add(
        [
            placed(1, month="2031-05", day="01"),
            placed(2, month="2031-05", day="31"),
            placed(1, month="2031-09", day="30"),
        ]
    )

    spans.make_partitions(date(2031, 5, 17))
    spans.make_partitions(date(2031, 5, 17))

    with psycopg.connect(database) as connection:
        found = dict(connection.execute("SELECT tableoid::regclass::text, count(*) FROM spans GROUP BY 1").fetchall())
    assert found == {"spans_2031_05": 2, "spans_default": 1}
    assert spans.add([placed(1, month="2031-05", day="01")]).count == 0
    assert spans.add([placed(3, month="2031-08", day="31")]).count == 1


def test_missing_numbers_are_found_and_those_of_a_restored_page_go_on(spans: PostgresSpans) -> None:
    spans.add([placed(seq) for seq in (2, 3, 7)] + [placed(8, epoch=1), placed(10, epoch=1)])
    spans.add([placed(seq, tenant_id="blue-plumbing") for seq in (1, 2)])

    gaps = spans.gaps(since=date(2026, 11, 23))

    assert [(gap.epoch, gap.first, gap.last) for gap in gaps] == [(0, 1, 1), (0, 4, 6), (1, 9, 9)]
    assert gaps[0] == Gap(tenant_id="acme-hvac", month="2026-11", epoch=0, first=1, last=1)
    assert spans.gaps(since=date(2026, 12, 1)) == ()


def test_the_spend_of_a_page_is_the_sum_of_its_spans(spans: PostgresSpans) -> None:
    spans.add([placed(seq, cost_nanousd=NanoUsd(cost)) for seq, cost in ((1, 10), (2, -4), (5, 100))])
    spans.add([placed(1, month="2026-12", day="01", cost_nanousd=NanoUsd(1), outcome=Outcome.RECORDED)])

    assert spans.spent_by_page() == (
        PageSpend(tenant_id="acme-hvac", month="2026-11", spent=NanoUsd(106), seq=5, missing=2),
        PageSpend(tenant_id="acme-hvac", month="2026-12", spent=NanoUsd(1), seq=1, missing=0),
    )
