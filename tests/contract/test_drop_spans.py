"""Spans go last: after their rollups are whole and the ledger's pages are gone, and nobody misses them."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import psycopg
import pytest

from tests.fakes.ledger_desk import Desk
from tests.fakes.ledger_world import MONTH, TellingClock, a_tenant, books_in_memory
from tests.fakes.memory_refusals import MemoryRefusals
from tests.fakes.memory_shelf import MemoryShelf, StreamedTable
from tests.fakes.spans import placed
from tollgate.adapters.postgres import Postgres
from tollgate.adapters.postgres_books import PostgresBooks
from tollgate.adapters.postgres_months import PostgresMonths
from tollgate.adapters.postgres_rollups import PostgresRollups
from tollgate.adapters.postgres_spans import PostgresSpans
from tollgate.domain.errors import RequestInvalid
from tollgate.domain.past_page import Fate
from tollgate.domain.rollup import Stretch
from tollgate.domain.summary import TenantsQuery
from tollgate.usecases.drop_spans import Dropped, Reason, drop_spans
from tollgate.usecases.expire_pages import expire_pages
from tollgate.usecases.report_spend import SummaryRequest, report_spend
from tollgate.usecases.roll_up_spend import roll_up_again, roll_up_new

# Thirteen months after March 2024.
OVER = datetime(2025, 5, 2, tzinfo=UTC)
PLACE = ("shop", MONTH)


class Shop:
    """A tenant with two spans in March 2024, in the ledger and in Postgres."""

    def __init__(self, postgres: Postgres) -> None:
        self.table = StreamedTable()
        self.desk = Desk(books=books_in_memory(self.table), settings=a_tenant())
        self.desk.start()
        self.desk.spend(7)
        self.desk.spend(8)
        self.shelf, self.books = MemoryShelf(self.table), PostgresBooks(postgres)
        self.months = PostgresMonths(postgres)
        self.spans, self.rollups = PostgresSpans(postgres), PostgresRollups(postgres)
        self.spans.make_partitions(date(2024, 3, 1))
        self.spans.add(list(self.table.stored.values()))

    def roll_up(self) -> None:
        roll_up_new(self.spans, self.rollups, now=OVER)

    def lose_page(self) -> None:
        """As DynamoDB does, when it has expired."""
        del self.table.pages[PLACE]
        self.table.expires.pop(PLACE, None)

    def drop(self, at: datetime = OVER, months_kept: int = 13) -> Dropped:
        return drop_spans(self.shelf, self.months, months_kept=months_kept, now=at)

    def spent(self) -> int:
        whole = TenantsQuery(start=OVER - timedelta(days=500), end=OVER, after="", limit=9)
        return self.rollups.spend_of_all(whole).totals.cost


@pytest.fixture
def shop(postgres: Postgres) -> Shop:
    return Shop(postgres)


def count_of(database: str) -> int:
    with psycopg.connect(database) as connection:
        found = connection.execute("SELECT count(*) FROM spans").fetchone()
        assert found is not None
        return int(found[0])


def test_a_month_goes_once_it_is_rolled_up_and_its_pages_are_gone(shop: Shop, database: str) -> None:
    with_page = shop.drop()
    shop.lose_page()
    not_rolled_up = shop.drop()
    shop.roll_up()
    early = shop.drop(OVER - timedelta(days=1))
    longer = shop.drop(months_kept=14)
    spent = shop.spent()
    done = shop.drop()

    assert with_page.kept[MONTH] is Reason.PAGES_LEFT
    assert not_rolled_up.kept[MONTH] is Reason.NOT_ROLLED_UP
    assert MONTH not in (*early.months, *early.kept, *longer.months, *longer.kept)
    assert MONTH in done.months
    assert (count_of(database), shop.spent()) == (0, spent)
    assert spent == 15


def test_a_shorter_time_than_the_pages_is_taken_for_theirs(shop: Shop) -> None:
    shop.lose_page()
    shop.roll_up()

    assert MONTH not in shop.drop(OVER - timedelta(days=1), months_kept=1).months


def test_a_page_that_comes_back_without_its_spans_misses_none(shop: Shop) -> None:
    """A ledger that was put back to an old state has it again."""
    page = shop.desk.page
    shop.roll_up()
    shop.lose_page()
    assert MONTH in shop.drop().months
    shop.table.pages[PLACE] = page

    fates = expire_pages(shop.shelf, shop.books, clock=TellingClock(OVER)).fates

    assert fates == {Fate.EXPIRE: 1}


def test_a_page_expires_before_its_spans_are_dropped_whatever_is_run_how_often(shop: Shop) -> None:
    shop.roll_up()
    for _ in range(2):
        expired = expire_pages(shop.shelf, shop.books, clock=TellingClock(OVER))
        assert expired.stuck == {}
        assert shop.drop().kept[MONTH] is Reason.PAGES_LEFT
    shop.lose_page()

    assert MONTH in shop.drop().months


def test_a_month_stays_until_the_runs_have_its_spans_too(shop: Shop, database: str) -> None:
    shop.roll_up()
    shop.lose_page()
    with psycopg.connect(database, autocommit=True) as connection:
        # As functions of the release before leave it, which know no runs.
        connection.execute("DELETE FROM rollup_watermarks WHERE rollup = 'runs'")
        connection.execute("TRUNCATE run_rollups")
    assert MONTH not in shop.drop().months

    shop.roll_up()

    assert MONTH in shop.drop().months


def test_a_late_span_of_a_dropped_month_counts_beside_what_is_kept(shop: Shop, database: str) -> None:
    shop.roll_up()
    first, second = sorted(shop.table.stored.values(), key=lambda each: each.place.seq)
    shop.lose_page()
    shop.drop()
    shop.spans.add([replace(second, place=replace(second.place, seq=3))])
    before = shop.spent()
    shop.roll_up()
    roll_up_again(shop.rollups, Stretch(start=first.span.at, end=second.span.at + timedelta(days=1)))

    [books] = shop.books.books_of(MONTH)
    assert shop.spent() == before == 15 + second.span.cost_nanousd
    assert (books.count, books.seq, books.is_whole) == (3, 3, True)
    assert shop.spans.without_partition() == 1
    with psycopg.connect(database) as connection:
        days = connection.execute("SELECT sum(cost_nanousd) FROM budget_days").fetchone()
    assert days == (before,)


def test_what_no_rollup_can_say_of_a_dropped_month_is_refused(shop: Shop) -> None:
    shop.roll_up()
    at = max(each.span.at for each in shop.table.stored.values())
    shop.lose_page()
    shop.drop()
    request = SummaryRequest(
        tenant_id="shop", first=f"{at:%Y-%m-%dT%H:%M:%S}Z", last=f"{at + timedelta(days=9):%Y-%m-%d}"
    )

    with pytest.raises(RequestInvalid) as refused:
        report_spend(
            replace(request, first=f"{at:%Y-%m-%dT}00:00:01Z"),
            accounts=shop.desk.books.accounts, rollups=shop.rollups, refusals=MemoryRefusals(), now=OVER,
        )  # fmt: skip
    whole = report_spend(
        replace(request, first=f"{at - timedelta(days=40):%Y-%m-%d}"),
        accounts=shop.desk.books.accounts, rollups=shop.rollups, refusals=MemoryRefusals(), now=OVER,
    )  # fmt: skip

    assert refused.value.param == "from"
    assert whole.totals.cost == 15


def test_a_span_in_the_default_partition_is_seen(shop: Shop) -> None:
    assert shop.spans.without_partition() == 0

    shop.spans.add([placed(1, month="2199-12", day="31")])

    assert shop.spans.without_partition() == 1
