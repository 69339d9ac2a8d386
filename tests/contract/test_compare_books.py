"""The ledger against the spans: a page of the reference ledger, its spans in Postgres, and some of them lost on the way."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from threading import Thread

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fakes.ledger_desk import Desk
from tests.fakes.ledger_world import MONTH, NOON, TellingClock, a_span, a_tenant, books_in_memory
from tests.fakes.memory_shelf import MemoryShelf, StreamedTable
from tollgate.adapters.postgres import Postgres
from tollgate.adapters.postgres_books import PostgresBooks
from tollgate.adapters.postgres_comparison import PostgresComparison
from tollgate.adapters.postgres_drifts import PostgresDrifts
from tollgate.adapters.postgres_rollups import PostgresRollups
from tollgate.adapters.postgres_spans import PostgresSpans
from tollgate.domain.drift import DriftKind, KeptDrift
from tollgate.domain.money import NanoUsd
from tollgate.domain.page import Page
from tollgate.domain.past_page import Fate, PastPage, fate_of
from tollgate.domain.place import PlacedSpan
from tollgate.domain.posting import record_cost
from tollgate.domain.span import Outcome
from tollgate.usecases.compare_books import Compared, ComparePorts, CompareRules, compare_books
from tollgate.usecases.restore_ledger import RestorePorts, restore_ledger

PLACE = ("shop", MONTH)
RULES = CompareRules(settled_after=timedelta(minutes=10), lost_after=timedelta(hours=30))
HOUR = timedelta(hours=1)


@dataclass(slots=True)
class World:
    """`arrived`: how many of the page's spans were let through to Postgres, or lost, so far."""

    postgres: Postgres
    url: str
    table: StreamedTable = field(default_factory=StreamedTable)
    now: datetime = NOON
    arrived: int = 0
    names: int = 0
    desk: Desk = field(init=False)

    def __post_init__(self) -> None:
        self.desk = Desk(books=books_in_memory(self.table), settings=a_tenant())
        self.desk.start()

    @property
    def spans(self) -> PostgresSpans:
        return PostgresSpans(self.postgres)

    @property
    def page(self) -> Page:
        return self.table.pages[PLACE]

    @property
    def sent(self) -> list[PlacedSpan]:
        return sorted(self.table.stored.values(), key=lambda each: each.place.seq)

    def spend(self, *costs: int, day: str = "05") -> None:
        """A record each: money on a day, with a span."""
        for cost in costs:
            self.names += 1
            key = f"r:{self.names}"
            span = replace(
                a_span(key, cost, posting="record", outcome=Outcome.RECORDED, at=NOON.replace(day=int(day))), day=day
            )
            posting = record_cost(key, day=day, cost=NanoUsd(cost), tokens=1, agent=None, span=span, at=NOON)
            assert isinstance(self.desk.post(posting), Page)

    def arrive(self, *, but: Sequence[int] = ()) -> None:
        """All that was sent since the last time, but the spans of these numbers."""
        self.spans.add([each for each in self.sent[self.arrived :] if each.place.seq not in but])
        self.arrived = len(self.sent)

    def turn_up(self, *numbers: int) -> None:
        self.spans.add([each for each in self.sent if each.place.seq in numbers])

    def compare(self, *, after: timedelta = timedelta(0), time_left: timedelta = HOUR) -> Compared:
        self.now += after
        return compare_books(self.ports(time_left), RULES)

    def compare_twice(self) -> Compared:
        """What is on the page now is read, and compared when its spans must have arrived."""
        self.compare(after=HOUR)
        return self.compare(after=HOUR)

    def ports(self, time_left: timedelta = HOUR) -> ComparePorts:
        return ComparePorts(
            ledger=self.desk.books.ledger,
            shelf=MemoryShelf(self.table),
            comparison=PostgresComparison(self.postgres),
            drifts=PostgresDrifts(self.postgres),
            clock=TellingClock(self.now),
            time_left=lambda: time_left,
        )

    @property
    def open(self) -> list[KeptDrift]:
        return list(PostgresDrifts(self.postgres).newest(0))

    def days(self) -> dict[str, int]:
        """What Postgres has of each day, whatever it is made of."""
        rows = self.rows("SELECT to_char(day, 'DD'), sum(cost_nanousd)::bigint FROM spans GROUP BY 1")
        return {day: spent for day, spent in rows if spent}

    def rolled_up(self) -> dict[str, int]:
        rows = self.rows("SELECT to_char(day, 'DD'), cost_nanousd FROM budget_days")
        return {day: spent for day, spent in rows if spent}

    def unexplained(self) -> dict[str, int]:
        rows = self.rows(
            "SELECT to_char(day, 'DD'), sum(cost_nanousd)::bigint FROM spans WHERE outcome = 'unexplained' GROUP BY 1"
        )
        return {day: amount for day, amount in rows if amount}

    def rows(self, sql: str) -> list[tuple[str, int]]:
        with psycopg.connect(self.url) as connection:
            return connection.execute(sql.encode()).fetchall()


@pytest.fixture
def world(postgres: Postgres, database: str) -> World:
    PostgresSpans(postgres).make_partitions(date.fromisoformat(f"{MONTH}-01"))
    return World(postgres=postgres, url=database)


def test_a_page_whose_spans_are_all_there_has_no_drift(world: World) -> None:
    world.spend(5, 7)
    world.arrive()

    first, second = world.compare(), world.compare(after=HOUR)

    assert (first.pages, first.waiting, second.pages, second.waiting) == (0, 1, 1, 0)
    assert world.open == []


def test_spans_that_are_on_their_way_are_no_drift(world: World) -> None:
    world.spend(5)
    world.compare()
    world.spend(7)
    early = world.compare(after=timedelta(minutes=9))
    world.arrive(but=[2])

    late = world.compare(after=timedelta(minutes=9))

    assert (early.waiting, late.pages) == (1, 1)
    assert world.open == [], "the second was spent after the page was read"


def test_a_number_that_stays_away_is_a_drift_with_its_money_and_day(world: World) -> None:
    world.spend(5, day="04")
    world.spend(7, 9)
    world.arrive(but=[2])

    done = world.compare_twice()

    [kept] = world.open
    assert (kept.drift.subject.kind, kept.drift.subject.tenant_id) == (DriftKind.MISSING_SPANS, "shop")
    assert (kept.drift.expected, kept.drift.found) == (21, 14)
    assert kept.drift.detail["ranges"] == [[2, 2]]
    assert kept.drift.detail["days"] == {"05": 7}
    assert (done.missing, [each.id for each in done.news.opened]) == (1, [kept.id])


def test_a_number_that_arrives_in_time_closes_its_drift_and_nothing_is_booked(world: World) -> None:
    world.spend(5, 7, 9)
    world.arrive(but=[2, 3])
    world.compare_twice()
    world.turn_up(2, 3)

    done = world.compare(after=HOUR)

    assert world.open == []
    assert len(done.news.closed) == 1
    assert world.unexplained() == {}
    assert world.rows("SELECT 'missing', count(*) FROM missing_spans") == [("missing", 0)]


def test_what_stays_away_too_long_is_booked_on_its_days_once_and_the_gap_closes(world: World) -> None:
    world.spend(5, 6, day="04")
    world.spend(7, 9, 11)
    world.arrive(but=[2, 3, 5])
    world.compare_twice()

    early = world.compare(after=timedelta(hours=29))
    done = world.compare(after=HOUR)
    again = world.compare(after=timedelta(hours=90))

    assert (early.unexplained, again.unexplained) == ({}, {})
    assert done.unexplained == {PLACE: {"04": 6, "05": 18}}
    assert world.unexplained() == {"04": 6, "05": 18}
    assert world.days() == {"04": 11, "05": 27}
    assert (world.open, done.missing) == ([], 0)


def test_money_waits_for_the_last_gap_of_its_page_because_one_sum_is_all_there_is(world: World) -> None:
    world.spend(5)
    world.arrive(but=[1])
    world.compare_twice()
    world.spend(7)
    world.arrive(but=[2])
    world.compare(after=timedelta(hours=28))
    world.compare(after=HOUR)

    waits = world.compare(after=timedelta(hours=3))
    done = world.compare(after=timedelta(hours=30))

    assert (waits.unexplained, waits.missing) == ({}, 2)
    assert done.unexplained == {PLACE: {"05": 12}}


def test_a_span_that_turns_up_after_all_takes_its_own_amount_away_and_no_more(world: World) -> None:
    world.spend(5, 7, day="04")
    world.spend(9)
    world.arrive(but=[1, 2, 3])
    world.compare_twice()
    world.compare(after=timedelta(hours=31))

    world.turn_up(2)
    world.turn_up(2)

    assert world.unexplained() == {"04": 5, "05": 9}
    assert world.days() == {"04": 12, "05": 9}
    world.turn_up(1, 2, 3)
    assert world.unexplained() == {}
    assert world.days() == {"04": 12, "05": 9}
    assert world.compare(after=HOUR).news.opened == []


def test_a_day_that_the_page_has_dropped_is_still_known(world: World) -> None:
    world.spend(5, 6, day="04")
    world.compare()
    assert world.desk.books.ledger.drop_days(world.page, ["04"])
    world.desk.last = None
    world.spend(7)
    world.arrive(but=[1, 3])

    world.compare_twice()
    world.compare(after=timedelta(hours=31))

    assert "04" not in world.page.days
    assert world.days() == {"04": 11, "05": 7}


def test_money_of_a_day_that_was_never_read_is_booked_all_the_same(world: World) -> None:
    world.spend(5, 6, day="04")
    world.spend(7)
    assert world.desk.books.ledger.drop_days(world.page, ["04"])
    world.arrive(but=[2])

    world.compare_twice()
    done = world.compare(after=timedelta(hours=31))

    assert done.unexplained == {PLACE: {"04": 6}}, "by the day of the span before it"
    assert (world.days(), world.open) == ({"04": 11, "05": 7}, [])


def test_sums_that_differ_though_every_number_is_there_are_a_drift_of_the_month_and_the_day(world: World) -> None:
    world.spend(5, day="04")
    world.spend(7)
    world.arrive()
    with psycopg.connect(world.url, autocommit=True) as connection:
        connection.execute("UPDATE spans SET cost_nanousd = 8 WHERE seq = 2")

    world.compare_twice()
    booked = world.compare(after=timedelta(hours=90))

    assert [(each.drift.subject.day, each.drift.amount) for each in world.open] == [(date(2024, 3, 5), 1), (None, 1)]
    assert booked.unexplained == {}, "nobody knows which of the two is right"


def test_a_page_that_went_away_or_back_is_told_by_the_spans_that_are_ahead_of_it(world: World) -> None:
    world.spend(5)
    old = world.page
    world.spend(7)
    world.arrive()
    world.compare_twice()
    world.table.pages[PLACE] = old
    world.compare(after=HOUR)
    [back] = world.open
    del world.table.pages[PLACE]

    world.compare(after=HOUR)

    [away] = world.open
    assert away.id == back.id
    assert (back.drift.subject.kind, back.drift.detail) == (DriftKind.SPANS_AHEAD, {"page": 1, "spans": 2})
    assert away.drift.detail == {"page": 0, "spans": 2}


def test_a_restored_page_is_read_anew_before_it_is_compared(world: World) -> None:
    world.spend(5, 7)
    world.arrive()
    world.compare()
    world.table.pages[PLACE] = replace(world.page, epoch=1)

    first, second = world.compare(after=HOUR), world.compare(after=HOUR)

    assert (first.waiting, second.pages, world.open) == (1, 1, [])


def test_a_run_without_time_says_what_it_left(world: World) -> None:
    world.spend(5)

    done = world.compare(time_left=timedelta(seconds=20))

    assert (done.pages, done.waiting, done.left) == (0, 0, 1)


def test_a_page_of_long_ago_is_compared_only_while_it_has_a_drift(world: World) -> None:
    world.spend(5, 7)
    world.arrive(but=[1])
    world.compare_twice()

    drifting = world.compare(after=timedelta(days=200))
    quiet = world.compare(after=HOUR)

    assert (drifting.pages, drifting.unexplained) == (1, {PLACE: {"05": 5}})
    assert (quiet.pages, quiet.waiting) == (0, 0)


@pytest.fixture
def lossy(world: World) -> World:
    """Of six spans two are lost for good, and their money is booked."""
    world.spend(5, 6, day="04")
    world.spend(7, 9, 11, 13)
    world.arrive(but=[2, 6])
    world.compare_twice()
    world.compare(after=timedelta(hours=31))
    assert world.unexplained() == {"04": 6, "05": 13}
    return world


def test_unexplained_money_is_no_gap_and_keeps_no_page_from_expiring(lossy: World) -> None:
    [books] = PostgresBooks(lossy.postgres).books_of(MONTH)

    assert lossy.spans.gaps(since=date(2024, 1, 1)) == ()
    assert (books.count, books.lost, books.seq, books.spent) == (4, 2, 6, 51)
    assert fate_of(PastPage(page=lossy.page), books) is Fate.EXPIRE
    [page] = lossy.spans.spent_by_page()
    assert (page.spent, page.seq, page.missing) == (51, 5, 1)


def test_a_restored_page_has_the_unexplained_money_too_and_it_is_told(lossy: World) -> None:
    before = lossy.page
    del lossy.table.pages[PLACE]

    done = restore_ledger(restoring(lossy))
    again = restore_ledger(restoring(lossy))

    assert (done.faults, done.unexplained, again.unexplained) == ({}, {f"shop {MONTH}": 19}, {})
    assert (lossy.page.seq, lossy.page.use.spent, lossy.page.use.used) == (6, 51, 51)
    assert {day: use.spent for day, use in lossy.page.days.items()} == {"04": 11, "05": 40}
    assert before.days.keys() == lossy.page.days.keys()


def test_a_restore_is_told_of_numbers_that_are_lost_but_not_booked_yet(world: World) -> None:
    world.spend(5, 7)
    world.arrive(but=[1])
    world.compare_twice()
    del world.table.pages[PLACE]

    assert restore_ledger(restoring(world)).faults == {f"shop {MONTH}": "Postgres lacks spans 1 to 1"}


def restoring(world: World) -> RestorePorts:
    return RestorePorts(
        ledger=world.desk.books.ledger,
        accounts=world.desk.books.accounts,
        shelf=MemoryShelf(world.table),
        books=PostgresBooks(world.postgres),
        defaults=a_tenant,
        clock=TellingClock(world.now),
        time_left=lambda: HOUR,
    )


@pytest.mark.parametrize("order", ["writer first", "booking first"])
def test_a_span_that_arrives_while_its_money_is_booked_counts_once(world: World, order: str) -> None:
    world.spend(5, 7, 9)
    world.arrive(but=[1, 2])
    world.compare_twice()
    world.now += timedelta(hours=31)
    other = Postgres(world.url)
    book, write = world.compare, lambda: PostgresSpans(other).add([world.sent[0]])
    first, second = (write, book) if order == "writer first" else (book, write)

    with psycopg.connect(world.url) as pause:
        # Whoever comes first is stopped where it stores its rows, and the other one waits for it.
        pause.execute("LOCK TABLE spans IN SHARE MODE")
        threads = []
        for number, work in enumerate((first, second), start=1):
            threads.append(Thread(target=work))
            threads[-1].start()
            wait_for_waiting(world, number)
    for thread in threads:
        thread.join(30)
    other.close()

    assert world.days() == {"05": 21}
    assert world.unexplained() == {"05": 7}


def test_spans_that_turn_up_at_once_take_their_amounts_in_turn(world: World, rollups: PostgresRollups) -> None:
    world.spend(5, 7, 9)
    world.arrive(but=[1, 2, 3])
    world.compare_twice()
    world.compare(after=timedelta(hours=31))
    rollups.add_new()
    others = [Postgres(world.url) for _ in range(3)]

    with psycopg.connect(world.url) as pause:
        # Each has stored its span, and waits to take its amount away.
        pause.execute("SELECT pg_advisory_xact_lock(hashtextextended('tollgate.unexplained', 0))")
        threads = []
        for number, (other, span) in enumerate(zip(others, world.sent, strict=True), start=1):
            threads.append(Thread(target=PostgresSpans(other).add, args=([span],)))
            threads[-1].start()
            wait_for_waiting(world, number)
    for thread, other in zip(threads, others, strict=True):
        thread.join(30)
        other.close()

    assert (world.days(), world.unexplained()) == ({"05": 21}, {})
    rollups.add_new()
    assert world.rolled_up() == {"05": 21}


def wait_for_waiting(world: World, count: int) -> None:
    asked = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    with psycopg.connect(world.url, autocommit=True) as connection:
        for _ in range(20_000):
            if connection.execute(asked.encode()).fetchall() == [(count,)]:
                return
    pytest.fail("nobody waits")


STEPS = st.lists(
    st.one_of(
        # What is less than nothing was given back, by a late settlement or a cancel.
        st.tuples(st.just("spend"), st.integers(-9, 9), st.sampled_from(["04", "05", "06"])),
        st.tuples(st.just("arrive"), st.integers(0, 2**12), st.just("")),
        st.tuples(st.just("turn up"), st.integers(0, 2**12), st.just("")),
        st.tuples(st.just("compare"), st.sampled_from([0, 1, 5, 31]), st.just("")),
        st.tuples(st.just("roll up"), st.just(0), st.just("")),
    ),
    max_size=25,
)


@settings(
    max_examples=settings().max_examples // 2,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(STEPS, st.integers(0, 2**12))
def test_whatever_is_lost_late_or_repeated_the_spans_come_to_what_was_spent(
    postgres: Postgres,
    database: str,
    empty: Callable[[], None],
    rollups: PostgresRollups,
    steps: list[tuple[str, int, str]],
    last: int,
) -> None:
    empty()
    world = World(postgres=postgres, url=database)
    PostgresSpans(postgres).make_partitions(date.fromisoformat(f"{MONTH}-01"))
    for deed, number, day in steps:
        match deed:
            case "spend":
                world.spend(number, day=day)
            case "arrive":
                world.arrive(but=chosen(number))
            case "turn up":
                world.turn_up(*chosen(number))
            case "roll up":
                rollups.add_new()
            case _:
                world.compare(after=timedelta(hours=number))
    world.arrive(but=chosen(last))
    world.compare_twice()
    world.compare(after=timedelta(hours=31))

    spent = {day: use.spent for day, use in world.page.days.items() if use.spent}
    assert world.days() == spent
    assert world.open == []
    world.turn_up(*chosen(last ^ 2**12 - 1))
    assert world.days() == spent
    world.turn_up(*range(1, len(world.sent) + 1))
    assert (world.days(), world.unexplained()) == (spent, {})
    rollups.add_new()
    assert world.rolled_up() == spent


def chosen(bits: int) -> list[int]:
    return [number for number in range(1, 40) if bits >> (number % 12) & 1]
