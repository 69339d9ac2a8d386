"""Rollups against a plain sum over the spans, whatever comes late, twice, or while others are at it."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from tests.fakes.spans import NOON, placed
from tollgate.adapters.postgres import Postgres
from tollgate.adapters.postgres_rollups import PostgresRollups
from tollgate.adapters.postgres_spans import PostgresSpans
from tollgate.domain.latency import Latency, latency_of
from tollgate.domain.money import NanoUsd
from tollgate.domain.period import Step, edges, period_of
from tollgate.domain.place import PlacedSpan
from tollgate.domain.rollup import CALLS, Stretch
from tollgate.domain.span import Outcome
from tollgate.domain.summary import GroupBy, Spend, SpendFound, SpendQuery, TenantsQuery, sum_of
from tollgate.domain.window import ZoneFrom
from tollgate.usecases.roll_up_spend import roll_up_again, roll_up_new

MONTH_START = datetime(2026, 11, 1, 6, tzinfo=UTC)
TENANTS = ("acme-hvac", "blue-plumbing")
# Whole hours, and what is not.
ZONES = ("UTC", "America/Chicago", "Asia/Kolkata", "Asia/Kathmandu", "Australia/Lord_Howe", "America/St_Johns")

a_posting = some.fixed_dictionaries(
    {
        "tenant_id": some.sampled_from(TENANTS),
        "at": some.integers(0, 3 * 86400).map(lambda second: MONTH_START + timedelta(seconds=second)),
        "day": some.sampled_from(["01", "02", "03"]),
        "model": some.sampled_from(["gpt-4o", "gpt-4o-mini", None]),
        "agent": some.sampled_from(["booking-agent", None]),
        "job_id": some.sampled_from(["job-1", "job-2", None]),
        "outcome": some.sampled_from(list(Outcome)),
        "posting": some.sampled_from(["settle", "late"]),
        "downgrade_reason": some.sampled_from(["soft_cap", None]),
        "would_have": some.sampled_from(["refuse:daily_budget", "downgrade:soft_cap", None]),
        "cost_nanousd": some.integers(-5, 10**12),
        "held_nanousd": some.integers(0, 10**12),
        "saved_nanousd": some.integers(0, 10**9),
        "uncached": some.integers(0, 1000),
        "cached": some.integers(0, 1000),
        "latency_ms": some.one_of(some.none(), some.integers(0, 100_000)),
    }
)
# `begin`: stored by a transaction that ends later than others that begin after it.
DEEDS = ("add", "add", "begin", "commit", "roll up", "a slice", "at once", "again", "again twice")
a_deed = some.tuples(some.sampled_from(DEEDS), some.lists(a_posting, min_size=1, max_size=4))
a_question = some.tuples(
    some.sampled_from(list(GroupBy)),
    some.sampled_from(ZONES),
    some.one_of(
        some.tuples(some.sampled_from(["2026-10-30", "2026-11-02"]), some.sampled_from(["2026-11-02", "2026-11-30"])),
        some.tuples(some.just("2026-11-01T07:00:10Z"), some.sampled_from(["2026-11-02T07:44:00Z", "2026-11-01T07:01:00Z"])),
    ),
)  # fmt: skip


def plain_sum(spans: list[PlacedSpan]) -> Spend:
    counted = [each for each in spans if is_call(each)]
    refused = [each for each in spans if (each.span.would_have or "").startswith("refuse:")]
    return Spend(
        cost=NanoUsd(sum(each.span.cost_nanousd for each in spans)),
        calls=len(counted),
        input_tokens=sum(each.input_tokens for each in spans),
        cached_input_tokens=sum(each.span.cached for each in spans),
        output_tokens=sum(each.span.output for each in spans),
        reasoning_tokens=sum(each.span.reasoning for each in spans),
        downgraded_calls=sum(each.span.downgrade_reason is not None for each in counted),
        saved=NanoUsd(sum(each.span.saved_nanousd for each in spans)),
        would_have_refused_calls=len(refused),
        would_have_refused=NanoUsd(sum(each.span.cost_nanousd for each in refused)),
        would_have_downgraded_calls=sum((each.span.would_have or "").startswith("downgrade:") for each in spans),
    )


def is_call(each: PlacedSpan) -> bool:
    return each.span.outcome in CALLS and each.span.posting != "late"


def asked_of(group_by: GroupBy, zone: str, named: tuple[str, str]) -> SpendQuery:
    zones = (ZoneFrom(month="2026-01", zone=zone),)
    period = period_of(first=named[0], last=named[1], timezone=zone, zones=zones, now=NOON)
    return SpendQuery(
        tenant_id="acme-hvac",
        start=period.start,
        end=period.end,
        edges=edges(period, Step.HOUR if group_by is GroupBy.HOUR else Step.DAY),
        group_by=group_by,
        first_day=date(2026, 10, 1),
        last_day=date(2026, 11, 30),
    )


def stretch_of(at: datetime, asked: SpendQuery) -> int:
    return sum(edge <= at for edge in asked.edges) - 1


def check(found: SpendFound, asked: SpendQuery, stored: list[PlacedSpan]) -> None:
    own = [each for each in stored if each.place.tenant_id == asked.tenant_id]
    within = [each for each in own if asked.start <= each.span.at < asked.end]
    names: dict[GroupBy, Callable[[PlacedSpan], str | None]] = {
        GroupBy.MODEL: lambda each: each.span.model,
        GroupBy.AGENT: lambda each: each.span.agent,
        GroupBy.JOB: lambda each: each.span.job_id,
        GroupBy.OUTCOME: lambda each: each.span.outcome.value,
    }
    name = names.get(asked.group_by)
    labels = grouped(within, name) if name else {}
    stretches = grouped(within, lambda each: stretch_of(each.span.at, asked))
    assert sum_of(found.stretches.values()) == plain_sum(within)
    assert without_nothing({group.key: group.spend for group in found.labels}) == without_nothing(labels)
    assert without_nothing(found.stretches) == without_nothing(stretches)
    days = grouped(own, lambda each: each.day)
    assert found.days == {day: spend.cost for day, spend in days.items()}
    check_latency(latency_of(found.latencies), within)


def check_latency(found: Latency, spans: list[PlacedSpan]) -> None:
    took = sorted(each.span.latency_ms for each in spans if is_call(each) and each.span.latency_ms is not None)
    for told, hundredths in ((found.p50, 50), (found.p95, 95)):
        if not took:
            assert told is None
        else:
            exact = took[-(-hundredths * len(took) // 100) - 1]
            assert told is not None
            assert exact / 1.1 - 1 <= told <= exact * 1.1 + 1


def grouped(spans: list[PlacedSpan], name: Callable[[PlacedSpan], Any]) -> dict[Any, Spend]:
    found: dict[Any, list[PlacedSpan]] = defaultdict(list)
    for each in spans:
        found[name(each)].append(each)
    return {key: plain_sum(those) for key, those in found.items()}


def without_nothing(spends: Any) -> dict[Any, Spend]:
    return {key: spend for key, spend in spends.items() if spend != Spend()}


def at_once(database: str, times: int) -> None:
    def one(_: int) -> None:
        with closing(Postgres(database)) as postgres:
            roll_up_new(PostgresSpans(postgres), PostgresRollups(postgres), now=NOON)

    with ThreadPoolExecutor(times) as pool:
        list(pool.map(one, range(times)))


class Shop:
    """Deeds on a database, and what is stored by them so far."""

    def __init__(self, database: str, stack: ExitStack) -> None:
        self.database, self._stack = database, stack
        self._postgres = stack.enter_context(closing(Postgres(database)))
        self.spans, self.rollups = PostgresSpans(self._postgres), PostgresRollups(self._postgres, slice_size=3)
        self.stored: list[PlacedSpan] = []
        self._open: list[tuple[psycopg.Connection[Any], list[PlacedSpan]]] = []
        self._seq = 0

    def do(self, deed: str, postings: list[dict[str, Any]]) -> None:
        fresh = [placed(self._seq + number, **posting) for number, posting in enumerate(postings, start=1)]
        self._seq += len(fresh)
        stretch = Stretch(start=MONTH_START, end=MONTH_START + timedelta(hours=20))
        match deed:
            case "add":
                self.spans.add(fresh)
                self.stored += fresh
            case "begin":
                self._begin(fresh)
            case "commit" if self._open:
                writer, theirs = self._open.pop()
                writer.commit()
                self.stored += theirs
            case "roll up":
                roll_up_new(self.spans, self.rollups, now=NOON)
            case "a slice":
                self.rollups.add_new()
            case "at once":
                at_once(self.database, 2)
            case "again":
                roll_up_again(self.rollups, stretch)
            case "again twice":
                roll_up_again(self.rollups, stretch)
                roll_up_again(self.rollups, stretch)

    def _begin(self, fresh: list[PlacedSpan]) -> None:
        writer = self._stack.enter_context(closing(psycopg.connect(self.database)))
        PostgresSpans(_InTransaction(writer)).add(fresh)  # type: ignore[arg-type]
        self._open.append((writer, fresh))


class _InTransaction:
    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection

    def run(self, work: Callable[[psycopg.Connection[Any]], Any]) -> Any:
        return work(self._connection)


@pytest.fixture
def shop(database: str) -> Iterator[Shop]:
    with ExitStack() as stack:
        yield Shop(database, stack)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(deeds=some.lists(a_deed, min_size=4, max_size=12), questions=some.lists(a_question, min_size=1, max_size=2))
def test_a_summary_is_the_plain_sum_whatever_is_late_rolled_up_or_summed_again(
    migrated_database: str,
    empty: Callable[[], None],
    deeds: list[tuple[str, list[dict[str, Any]]]],
    questions: list[Any],
) -> None:
    empty()
    with ExitStack() as stack:
        shop = Shop(migrated_database, stack)
        for deed, postings in deeds:
            shop.do(deed, postings)
            for question in questions:
                asked = asked_of(*question)
                check(shop.rollups.spend(asked), asked, shop.stored)
            whole = TenantsQuery(start=MONTH_START, end=MONTH_START + timedelta(days=2, minutes=15), after="", limit=9)
            within = [each for each in shop.stored if whole.start <= each.span.at < whole.end]
            of_all = shop.rollups.spend_of_all(whole)
            assert of_all.totals == plain_sum(within)
            assert dict(of_all.tenants) == grouped(within, lambda each: each.place.tenant_id)


@pytest.mark.parametrize("run", ["roll up", "a slice"])
def test_a_span_whose_transaction_is_open_while_others_are_summed_is_neither_missed_nor_counted_twice(
    shop: Shop, run: str
) -> None:
    asked = asked_of(GroupBy.MODEL, "UTC", ("2026-11-01", "2026-11-30"))
    shop.do("begin", [{}] * 4)
    for deed in ("add", run, "add", run, "commit", run, "add", run):
        shop.do(deed, [{}] * 4)

        check(shop.rollups.spend(asked), asked, shop.stored)


def test_a_run_that_has_nothing_new_changes_nothing(shop: Shop) -> None:
    shop.do("add", [{"latency_ms": 5}])
    first = roll_up_new(shop.spans, shop.rollups, now=NOON)
    before = everything(shop.database)

    again = roll_up_new(shop.spans, shop.rollups, now=NOON)

    assert (first.spans, again.spans) == (1, 0)
    assert everything(shop.database) == before


def test_a_range_mends_what_was_spoilt_and_nothing_else(shop: Shop) -> None:
    shop.do("add", [{}, {"at": NOON + timedelta(days=1), "day": "24"}, {"tenant_id": "blue-plumbing"}])
    roll_up_new(shop.spans, shop.rollups, now=NOON)
    right = everything(shop.database)
    with psycopg.connect(shop.database, autocommit=True) as connection:
        for table in ("tenant_rollups", "label_rollups", "job_rollups", "budget_days"):
            connection.execute(f"UPDATE {table} SET cost_nanousd = 0".encode())

    untouched = roll_up_new(shop.spans, shop.rollups, now=NOON)
    mended = roll_up_again(shop.rollups, Stretch(start=NOON, end=NOON + timedelta(hours=1)))
    partly = everything(shop.database)
    roll_up_again(shop.rollups, Stretch(start=NOON, end=NOON + timedelta(days=2)))

    assert (untouched.spans, mended.spans) == (0, 2)
    assert partly != right
    assert everything(shop.database) == right


def everything(database: str) -> dict[str, list[Any]]:
    tables = ("tenant_rollups", "label_rollups", "job_rollups", "latency_rollups", "run_rollups", "budget_days")
    with psycopg.connect(database) as connection:
        return {
            table: sorted(map(str, connection.execute(f"SELECT * FROM {table}".encode()).fetchall()))
            for table in tables
        }


def test_a_span_of_a_hold_that_is_months_old_counts_when_it_was_posted(shop: Shop) -> None:
    asked = asked_of(GroupBy.MODEL, "UTC", ("2026-11-01", "2026-11-30"))
    shop.spans.add([placed(1, month="2026-03", day="01")])

    before = shop.rollups.spend(asked)
    roll_up_new(shop.spans, shop.rollups, now=NOON)
    after = shop.rollups.spend(asked)
    roll_up_again(shop.rollups, Stretch(start=NOON, end=NOON + timedelta(hours=1)))

    assert [each.spend.calls for each in (*before.labels, *after.labels)] == [1, 1]
    assert shop.rollups.spend(asked) == after


def test_a_summary_counts_each_span_once_while_roll_ups_commit(shop: Shop) -> None:
    asked = asked_of(GroupBy.JOB, "Asia/Kolkata", ("2026-11-01", "2026-11-30"))
    stored: list[int] = [0]

    def store() -> None:
        with closing(Postgres(shop.database)) as postgres:
            for seq in range(1, 121):
                PostgresSpans(postgres).add([placed(seq, at=MONTH_START + timedelta(hours=seq))])
                stored[0] = seq

    def roll_up() -> None:
        while stored[0] < 120:
            at_once(shop.database, 2)

    with ThreadPoolExecutor(2) as pool:
        writer, roller = pool.submit(store), pool.submit(roll_up)
        looks = 0
        while not (writer.done() and roller.done()):
            before = stored[0]
            found = shop.rollups.spend(asked)
            calls = {sum_of(found.stretches.values()).calls, sum_of(group.spend for group in found.labels).calls}
            looks += 1
            assert len(calls) == 1
            assert before <= calls.pop() <= stored[0] + 1
        writer.result()
        roller.result()

    assert looks > 1
    assert sum_of(shop.rollups.spend(asked).stretches.values()).calls == 120


def test_the_days_of_zones_with_odd_offsets_need_no_span(shop: Shop) -> None:
    shop.do("add", [{"at": datetime(2026, 11, 22, 18, minute, tzinfo=UTC)} for minute in (14, 15, 29, 30)])
    roll_up_new(shop.spans, shop.rollups, now=NOON)
    with psycopg.connect(shop.database, autocommit=True) as connection:
        connection.execute("TRUNCATE spans")

    for zone, calls in (("Asia/Kathmandu", 3), ("Asia/Kolkata", 1), ("UTC", 0)):
        found = shop.rollups.spend(asked_of(GroupBy.MODEL, zone, ("2026-11-23", "2026-11-23")))
        assert sum_of(found.stretches.values()).calls == calls, zone
        assert ZoneInfo(zone)


def test_a_backlog_is_worked_off_in_slices(shop: Shop) -> None:
    for _ in range(4):
        shop.do("add", [{}, {}])

    parts = [shop.rollups.add_new() for _ in range(4)]

    assert [part.spans for part in parts] == [4, 4, 0, 0]
    assert [part.is_last for part in parts] == [False, False, True, True]
    assert parts[0].until <= parts[1].until <= parts[2].until


def test_the_watermark_is_that_of_the_last_run(shop: Shop) -> None:
    assert shop.rollups.watermark() is None

    reached = roll_up_new(shop.spans, shop.rollups, now=NOON).until

    assert shop.rollups.watermark() == reached
