from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from tests.fakes.spans import NOON, placed
from tollgate.adapters.postgres import Postgres
from tollgate.adapters.postgres_spans import PostgresSpans
from tollgate.domain.errors import SpansUnavailable
from tollgate.domain.money import NanoUsd
from tollgate.domain.place import PlacedSpan
from tollgate.domain.rollup import CALLS, Stretch, TenantHour
from tollgate.domain.span import Outcome
from tollgate.usecases.roll_up_spend import roll_up_again, roll_up_new

MONTH_START = datetime(2026, 11, 1, 6, tzinfo=UTC)
COLUMNS = """
    tenant_id, hour, response_model, agent_name, outcome,
    spans, calls, downgraded_calls, input_tokens, cost_nanousd, held_nanousd, saved_nanousd
"""

a_posting = some.fixed_dictionaries(
    {
        "tenant_id": some.sampled_from(["acme-hvac", "blue-plumbing"]),
        "at": some.integers(0, 5 * 3600).map(lambda second: MONTH_START + timedelta(seconds=second)),
        "model": some.sampled_from(["gpt-4o", "gpt-4o-mini", None]),
        "agent": some.sampled_from(["booking-agent", None]),
        "outcome": some.sampled_from(list(Outcome)),
        "posting": some.sampled_from(["settle", "late"]),
        "downgrade_reason": some.sampled_from(["soft_cap", None]),
        "cost_nanousd": some.integers(-5, 10**12),
        "held_nanousd": some.integers(0, 10**12),
        "uncached": some.integers(0, 1000),
        "cached": some.integers(0, 1000),
    }
)


def plain_sums(spans: list[PlacedSpan]) -> dict[tuple[Any, ...], tuple[int, ...]]:
    sums: dict[tuple[Any, ...], list[int]] = defaultdict(lambda: [0] * 7)
    for each in spans:
        span = each.span
        key = (each.place.tenant_id, span.at.replace(minute=0, second=0), span.model, span.agent, span.outcome.value)
        call = span.outcome in CALLS and span.posting != "late"
        downgraded = call and span.downgrade_reason is not None
        adds = (1, call, downgraded, each.input_tokens, span.cost_nanousd, span.held_nanousd, span.saved_nanousd)
        sums[key] = [have + add for have, add in zip(sums[key], adds, strict=True)]
    return {key: tuple(values) for key, values in sums.items()}


def rolled_up(database: str) -> dict[tuple[Any, ...], tuple[int, ...]]:
    with psycopg.connect(database) as connection:
        rows = connection.execute(f"SELECT {COLUMNS} FROM span_rollups".encode()).fetchall()
    return {row[:5]: row[5:] for row in rows}


def run_at_once(database: str, times: int) -> None:
    def one(_: int) -> None:
        with closing(Postgres(database)) as postgres:
            roll_up_new(PostgresSpans(postgres), now=NOON)

    with ThreadPoolExecutor(times) as pool:
        list(pool.map(one, range(times)))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    batches=some.lists(
        some.tuples(some.lists(a_posting, max_size=12), some.sampled_from(["new", "again", "at once"])), max_size=4
    )
)
def test_rollups_are_the_plain_sums_whatever_comes_late_or_twice(
    spans: PostgresSpans, database: str, batches: list[tuple[list[dict[str, Any]], str]]
) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("TRUNCATE spans, span_rollups, rollup_watermarks")
    stored: list[PlacedSpan] = []
    for postings, run in batches:
        fresh = [placed(len(stored) + number, **posting) for number, posting in enumerate(postings, start=1)]
        spans.add(fresh)
        stored += fresh
        match run:
            case "new":
                roll_up_new(spans, now=NOON)
            case "at once":
                run_at_once(database, 2)
            case "again":
                roll_up_again(spans, Stretch(start=MONTH_START, end=MONTH_START + timedelta(days=1)))
        assert rolled_up(database) == plain_sums(stored)


def test_a_late_span_of_a_past_month_is_summed_in_its_hour(spans: PostgresSpans, database: str) -> None:
    first, late = placed(1), placed(2, month="2026-09", day="30", at=datetime(2026, 10, 1, 4, 59, 59, tzinfo=UTC))

    spans.add([first])
    roll_up_new(spans, now=NOON)
    spans.add([late])
    roll_up_new(spans, now=NOON)

    assert rolled_up(database) == plain_sums([first, late])


def test_a_span_whose_transaction_was_open_while_others_were_summed_is_not_missed(
    spans: PostgresSpans, database: str
) -> None:
    slow = placed(2, at=NOON + timedelta(hours=1))
    with psycopg.connect(database) as writer:
        writer.execute("SELECT now()")
        spans.add([placed(1)])
        roll_up_new(spans, now=NOON)
        writer.execute(
            "CREATE TEMPORARY TABLE copy ON COMMIT DROP AS SELECT * FROM spans;"
            "UPDATE copy SET seq = 2, at = at + interval '1 hour', inserted_at = now();"
            "INSERT INTO spans SELECT * FROM copy"
        )

    roll_up_new(spans, now=NOON)

    assert rolled_up(database) == plain_sums([placed(1), slow])


def test_a_run_leaves_alone_what_has_not_been_touched_and_a_range_mends_it(spans: PostgresSpans, database: str) -> None:
    spans.add([placed(1), placed(2, tenant_id="blue-plumbing", cost_nanousd=NanoUsd(9))])
    roll_up_new(spans, now=NOON)
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("UPDATE spans SET inserted_at = inserted_at - interval '1 day'")
        connection.execute("UPDATE span_rollups SET cost_nanousd = 0")

    untouched = roll_up_new(spans, now=NOON)
    assert untouched.hours == 0

    mended = roll_up_again(spans, Stretch(start=NOON + timedelta(minutes=59), end=NOON + timedelta(hours=2)))

    assert mended.hours == 2
    assert rolled_up(database) == plain_sums([placed(1), placed(2, tenant_id="blue-plumbing", cost_nanousd=NanoUsd(9))])


def test_a_backlog_is_worked_off_in_slices_and_one_that_breaks_off_goes_on_from_there(
    spans: PostgresSpans, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    backlog = [placed(day, day=f"{day:02}", at=NOON + timedelta(days=day - 23)) for day in range(1, 24)]
    spans.add(backlog)
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("UPDATE spans SET inserted_at = now() - (23 - seq) * interval '1 day'")
    summed: list[TenantHour] = []

    def cut_short(hours: Sequence[TenantHour]) -> None:
        summed.extend(hours)
        if len(summed) == 10:
            raise SpansUnavailable("gone")

    with monkeypatch.context() as patched:
        patched.setattr(spans, "sum_hours", cut_short)
        with pytest.raises(SpansUnavailable):
            roll_up_new(spans, now=NOON)
    done = roll_up_new(spans, now=NOON)

    assert done.hours == 23 - 9
    assert set(rolled_up(database)) == set(plain_sums(backlog[9:]))


def test_the_sums_of_dropped_spans_stay(spans: PostgresSpans, database: str) -> None:
    spans.add([placed(1)])
    roll_up_new(spans, now=NOON)
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("DELETE FROM spans")

    roll_up_again(spans, Stretch(start=NOON - timedelta(days=1), end=NOON + timedelta(days=1)))

    assert rolled_up(database) == plain_sums([placed(1)])


def test_the_watermark_follows_the_servers_clock_and_never_goes_back(spans: PostgresSpans) -> None:
    assert spans.watermark() is None

    reached = roll_up_new(spans, now=NOON).until
    assert reached is not None
    spans.move_watermark(reached - timedelta(days=1))

    assert spans.watermark() == reached
