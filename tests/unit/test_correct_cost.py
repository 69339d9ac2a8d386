"""Corrections are postings: what a hold was closed at can be changed both ways for an hour, what is missing can be added, once."""

from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Any

import pytest

from tests.fakes.ledger_desk import Desk
from tests.fakes.ledger_world import DAY, MONTH, NOON, TellingClock, a_span, a_tenant, books_in_memory
from tests.fakes.memory_shelf import MemoryBooks, MemoryShelf, StreamedTable
from tollgate.domain.errors import CorrectionImpossible, RecordDiffers
from tollgate.domain.hold_id import HoldId
from tollgate.domain.money import NanoUsd
from tollgate.domain.page import Hold, Page, imbalances
from tollgate.domain.posting import lapse_hold
from tollgate.domain.span import Outcome, Span, from_text
from tollgate.domain.usage import Usage
from tollgate.usecases.correct_cost import Corrected, Correction, correct_cost
from tollgate.usecases.restore_ledger import RestorePorts, restore_ledger
from tollgate.usecases.sweep_holds import sweep_holds


@dataclass(slots=True)
class World:
    table: StreamedTable = field(default_factory=StreamedTable)
    clock: TellingClock = field(default_factory=TellingClock)
    desk: Desk = field(init=False)

    def __post_init__(self) -> None:
        self.desk = Desk(books=books_in_memory(self.table), settings=a_tenant())
        self.desk.start()

    @property
    def page(self) -> Page:
        return self.table.pages["shop", MONTH]

    @property
    def span(self) -> Span:
        assert self.page.span is not None
        return from_text(self.page.span)

    def lapsed(self, amount: int) -> HoldId:
        hold = self.desk.held("Lapses", amount)
        span = a_span(hold, amount, posting="lapse", outcome=Outcome.LAPSED)
        assert isinstance(self.desk.post(lapse_hold(hold, span=span, at=NOON)), Page)
        return HoldId(MONTH, DAY, hold.key)

    def correct(self, correction_id: str = "c:1", *, cost: int, says: str = "this", **fields: Any) -> Corrected:
        correction = Correction(
            correction_id=correction_id, content_hash=says, reason="OpenAI billed less", cost=NanoUsd(cost), **fields
        )
        self.desk.last = None
        done = correct_cost(
            correction, self.table.accounts["shop"], ledger=self.desk.books.ledger, accounts=self.desk.books.accounts,
            clock=self.clock,
        )  # fmt: skip
        assert not imbalances(self.page)
        return done

    def an_hour_later(self) -> None:
        self.clock.now += timedelta(hours=2)
        sweep_holds(self.desk.books.ledger, self.desk.books.accounts, clock=self.clock)
        assert self.page.closed == {}


@pytest.fixture
def world() -> World:
    return World()


@pytest.mark.parametrize("cost", [0, 7, 13])
def test_a_lapsed_hold_is_corrected_to_what_it_truly_cost(world: World, cost: int) -> None:
    hold_id = world.lapsed(10)

    done = world.correct(cost=cost, hold_id=hold_id, usage=Usage(uncached=cost))

    assert done == Corrected(is_new=True, amount=NanoUsd(cost - 10), page=world.page)
    assert (world.page.use.spent, world.page.use.used, world.page.use.tokens) == (cost, cost, cost)
    assert world.page.day(DAY).spent == cost
    assert (world.span.outcome, world.span.cost_nanousd) == (Outcome.CORRECTED, cost - 10)
    assert world.span.reason == "OpenAI billed less"


def test_a_correction_counts_once_by_its_id_and_other_content_is_refused(world: World) -> None:
    hold_id = world.lapsed(10)
    world.correct(cost=7, hold_id=hold_id)

    again = world.correct(cost=7, hold_id=hold_id)

    assert (again.is_new, again.amount, world.page.use.spent, world.page.seq) == (False, -3, 7, 2)
    with pytest.raises(RecordDiffers):
        world.correct(cost=6, hold_id=hold_id, says="that")


def test_a_holder_that_comes_back_after_a_correction_settles_from_what_it_says(world: World) -> None:
    hold_id = world.lapsed(10)
    world.correct(cost=7, hold_id=hold_id)

    assert world.page.closed[hold_id.key].booked == 7


def test_what_the_books_say_already_is_not_posted(world: World) -> None:
    hold_id = world.lapsed(10)

    done = world.correct(cost=10, hold_id=hold_id)

    assert (done.is_new, done.amount, world.page.seq) == (False, 0, 1)


def test_an_open_hold_is_nobody_s_to_correct(world: World) -> None:
    hold: Hold = world.desk.held("Open", 10)

    with pytest.raises(CorrectionImpossible, match="open"):
        world.correct(cost=7, hold_id=HoldId(MONTH, DAY, hold.key))


def test_more_than_was_booked_can_be_added_when_the_hold_is_forgotten(world: World) -> None:
    hold_id = world.lapsed(10)
    world.an_hour_later()

    done = world.correct(cost=13, hold_id=hold_id, booked=NanoUsd(10))

    assert (done.is_new, done.amount, world.page.use.spent) == (True, 3, 13)
    assert world.correct(cost=13, hold_id=hold_id, booked=NanoUsd(10)).is_new is False
    assert (world.span.posting, world.span.hold) == ("record", "c:1")


@pytest.mark.parametrize("booked", [NanoUsd(10), None])
def test_nothing_is_given_back_or_guessed_for_a_hold_that_is_forgotten(world: World, booked: NanoUsd | None) -> None:
    hold_id = world.lapsed(10)
    world.an_hour_later()

    with pytest.raises(CorrectionImpossible):
        world.correct(cost=7, hold_id=hold_id, booked=booked)

    assert (world.page.use.spent, world.page.seq) == (10, 1)


def test_missing_money_is_added_on_its_day_where_the_page_still_has_it_and_else_today(world: World) -> None:
    world.desk.spend(5)

    world.correct("c:1", cost=2, day=date(2024, 3, int(DAY)))
    world.correct("c:2", cost=3, day=date(2024, 3, 1))
    world.correct("c:3", cost=4, day=date(2023, 12, 1))

    assert world.page.use.spent == 14
    assert world.page.day(DAY).spent == 14
    assert set(world.page.days) == {DAY}


def test_less_than_nothing_is_refused_without_a_hold(world: World) -> None:
    world.desk.spend(5)

    with pytest.raises(CorrectionImpossible):
        world.correct(cost=-2)

    assert world.page.use.spent == 5


def test_a_month_without_a_page_gets_one(world: World) -> None:
    world.clock.now += timedelta(days=40)

    assert world.correct(cost=2).amount == 2
    assert world.table.pages["shop", "2024-04"].use.spent == 2


@pytest.mark.parametrize("forgotten", [False, True])
def test_a_correction_still_counts_once_after_a_restore(world: World, forgotten: bool) -> None:
    hold_id = world.lapsed(10)
    if forgotten:
        world.an_hour_later()
    wanted: dict[str, Any] = {"cost": 13, "hold_id": hold_id, "booked": NanoUsd(10)}
    world.correct(**wanted)
    before = world.page
    world.table.pages.clear()
    world.table.records.clear()

    restore_ledger(
        RestorePorts(
            ledger=world.desk.books.ledger, accounts=world.desk.books.accounts, shelf=MemoryShelf(world.table),
            books=MemoryBooks(world.table.stored), defaults=a_tenant, clock=world.clock,
            time_left=lambda: timedelta(hours=1),
        )
    )  # fmt: skip

    assert replace(world.page.use, tokens=0) == replace(before.use, tokens=0)
    assert world.correct(**wanted).is_new is False
    assert world.page.use.spent == 13
