"""Every hold has a name, an age and an end, and an admin can end it early: a check for nothing, a call in full."""

from datetime import timedelta

import pytest

from tests.fakes.ledger_desk import Desk
from tests.fakes.ledger_world import DAY, MONTH, NOON, TellingClock, a_tenant, books_in_memory
from tests.fakes.memory_ledger import MemoryTable
from tollgate.domain.errors import HoldNotFound
from tollgate.domain.hold_id import HoldId
from tollgate.domain.page import HoldKind, imbalances
from tollgate.domain.span import Outcome, from_text
from tollgate.usecases.show_holds import close_hold, holds_of

LATER = TellingClock(NOON + timedelta(seconds=30))


@pytest.fixture
def desk() -> Desk:
    made = Desk(books=books_in_memory(MemoryTable()), settings=a_tenant())
    made.start()
    return made


def test_holds_are_shown_oldest_first_with_their_ids(desk: Desk) -> None:
    young = desk.held("young", 20, opened_at=int(NOON.timestamp()) + 5)
    old = desk.held("old", 10, kind=HoldKind.CHECK)

    shown = holds_of(desk.settings, desk.books.ledger, now=LATER())

    assert [entry.hold for entry in shown] == [old, young]
    assert [str(entry.hold_id) for entry in shown] == [f"{MONTH}.{DAY}.{old.key}", f"{MONTH}.{DAY}.{young.key}"]


def test_a_check_that_an_admin_closes_costs_nothing_and_cannot_come_back(desk: Desk) -> None:
    hold = desk.held("check", 60, kind=HoldKind.CHECK)

    closed = close_hold("shop", HoldId(MONTH, DAY, hold.key), desk.books.ledger, clock=LATER)

    assert (closed.outcome, closed.booked, closed.page.use.used) == (Outcome.VOIDED, 0, 0)
    assert closed.page.closed[hold.key].booked == 0
    assert not imbalances(closed.page)


def test_a_live_call_that_an_admin_closes_is_booked_in_full_and_says_how_old_it_was(desk: Desk) -> None:
    hold = desk.held("call", 60)

    closed = close_hold("shop", HoldId(MONTH, DAY, hold.key), desk.books.ledger, clock=LATER)

    assert (closed.outcome, closed.booked, closed.page.use.spent) == (Outcome.LAPSED, 60, 60)
    assert closed.page.span is not None
    span = from_text(closed.page.span)
    assert (span.opened_at, span.at) == (NOON, LATER())


@pytest.mark.parametrize(("month", "day"), [(MONTH, "04"), ("2024-02", DAY), (MONTH, DAY)])
def test_a_hold_that_is_not_there_is_not_found_and_nothing_is_booked(desk: Desk, month: str, day: str) -> None:
    hold = desk.held("call", 60)
    key = hold.key if (month, day) != (MONTH, DAY) else "another_one_"

    with pytest.raises(HoldNotFound):
        close_hold("shop", HoldId(month, day, key), desk.books.ledger, clock=LATER)

    assert desk.page.use.spent == 0
