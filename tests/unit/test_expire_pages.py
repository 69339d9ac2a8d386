from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from tests.fakes.ledger_desk import Desk
from tests.fakes.ledger_world import MONTH, TellingClock, a_tenant, books_in_memory
from tests.fakes.memory_shelf import MemoryBooks, MemoryShelf, StreamedTable
from tollgate.domain.past_page import NOTICE, Fate
from tollgate.domain.place import Place
from tollgate.usecases.expire_pages import Expired, expire_pages

PLACE = ("shop", MONTH)
# Thirteen months after March 2024.
OVER = datetime(2025, 5, 2, tzinfo=UTC)


@pytest.fixture
def table() -> StreamedTable:
    return StreamedTable()


@pytest.fixture
def desk(table: StreamedTable) -> Desk:
    desk = Desk(books=books_in_memory(table), settings=a_tenant())
    desk.start()
    desk.spend(7)
    desk.spend(8)
    return desk


def expire(table: StreamedTable, at: datetime = OVER) -> Expired:
    return expire_pages(MemoryShelf(table), MemoryBooks(table.stored), clock=TellingClock(at))


def test_a_page_gets_its_end_once_thirteen_months_are_over(table: StreamedTable, desk: Desk) -> None:
    early = expire(table, OVER - timedelta(days=1))
    done = expire(table)
    again = expire(table, OVER + timedelta(days=1))

    assert (early.fates, done.fates, again.fates) == ({}, {Fate.EXPIRE: 1}, {Fate.EXPIRING: 1})
    assert table.expires[PLACE] == (int((OVER + NOTICE).timestamp()), 2)
    assert (done.stuck, done.moved) == ({}, 0)


def test_what_is_still_held_keeps_a_page_and_is_told(table: StreamedTable, desk: Desk) -> None:
    desk.held("open", 1)

    done = expire(table)

    assert done.stuck == {"shop 2024-03": Fate.SOMETHING_HELD}
    assert table.expires == {}


def test_a_page_whose_spans_postgres_lacks_stays(table: StreamedTable, desk: Desk) -> None:
    del table.stored[Place(tenant_id="shop", month=MONTH, epoch=0, seq=1)]

    assert expire(table).stuck == {"shop 2024-03": Fate.SPANS_MISSING}
    assert table.expires == {}


def test_a_write_on_an_expiring_page_takes_its_end_back_and_the_next_day_gives_a_later_one(
    table: StreamedTable, desk: Desk
) -> None:
    expire(table)
    desk.spend(9)

    moved = expire(table, OVER + timedelta(days=1))
    after = expire(table, OVER + timedelta(days=2))

    assert moved.stuck == {"shop 2024-03": Fate.KEEP_AFTER_ALL}
    assert after.fates == {Fate.EXPIRE: 1}
    assert table.expires[PLACE] == (int((OVER + timedelta(days=2) + NOTICE).timestamp()), 3)


def test_a_page_that_moves_while_it_is_judged_is_left_for_tomorrow(table: StreamedTable, desk: Desk) -> None:
    shelf = MemoryShelf(table)
    [seen] = shelf.past_pages("2025-01")
    desk.spend(9)

    assert not shelf.expire(seen, 1)
    assert not shelf.expire(replace(seen, page=replace(desk.page, epoch=1)), 1)
    assert table.expires == {}
