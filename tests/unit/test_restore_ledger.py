"""A ledger that is put back to an old state, with the spans that Postgres has, becomes what it was."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from copy import copy
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest

from tests.fakes.ledger_desk import Desk
from tests.fakes.ledger_world import DAY, MONTH, NOON, Books, TellingClock, a_hold, a_span, a_tenant, books_in_memory
from tests.fakes.memory_ledger import MemoryTable
from tests.fakes.memory_shelf import MemoryBooks, MemoryShelf, StreamedTable
from tollgate.domain.errors import LedgerUnavailable, RecordDiffers
from tollgate.domain.hold_id import HoldId
from tollgate.domain.money import NanoUsd
from tollgate.domain.page import Hold, HoldKind, Page, imbalances
from tollgate.domain.place import Place
from tollgate.domain.posting import Fault, lapse_hold, settle_hold
from tollgate.domain.span import Attribution, Outcome
from tollgate.domain.tenant import AgentLimits
from tollgate.domain.usage import Usage
from tollgate.usecases.record_cost import Recorded, Spent, record
from tollgate.usecases.restore_ledger import Restored, RestorePorts, restore_ledger
from tollgate.usecases.sweep_holds import sweep_holds

PLACE = ("shop", MONTH)
AGENTS = {"booking-agent": AgentLimits(daily=NanoUsd(90))}


@dataclass(slots=True)
class World:
    """`saved`: the old state, as a backup has it."""

    table: StreamedTable = field(default_factory=StreamedTable)
    clock: TellingClock = field(default_factory=TellingClock)
    saved: MemoryTable = field(default_factory=MemoryTable)
    desk: Desk = field(init=False)

    def __post_init__(self) -> None:
        self.desk = Desk(books=self.books, settings=a_tenant())
        self.desk.start(agents=AGENTS)

    @property
    def books(self) -> Books:
        return books_in_memory(self.table)

    @property
    def page(self) -> Page:
        return self.table.pages[PLACE]

    def settle(self, hold: Hold, cost: int) -> None:
        """As the gate does: its span says whose tokens it were, how many, and how long they took."""
        span = replace(a_span(hold, cost), uncached=cost, agent=hold.agent, latency_ms=7)
        posted = self.desk.post(settle_hold(hold, cost=NanoUsd(cost), tokens=cost, span=span, at=NOON))
        assert isinstance(posted, Page)

    def save(self) -> None:
        self.saved = MemoryTable.copy(self.table)

    def lose(self) -> Page:
        """The page as it was before everything went back to the old state."""
        before = self.page
        for name in ("accounts", "pages", "records"):
            setattr(self.table, name, dict(getattr(self.saved, name)))
        self.desk.last = None
        return before

    def restore(self, shelf: Any = None, **asked: Any) -> Restored:
        return restore_ledger(self.ports(shelf), **asked)

    def ports(self, shelf: Any = None, *, time_left: timedelta = timedelta(minutes=10)) -> RestorePorts:
        return RestorePorts(
            ledger=self.books.ledger,
            accounts=self.books.accounts,
            shelf=shelf or MemoryShelf(self.table),
            books=MemoryBooks(self.table.stored),
            defaults=a_tenant,
            clock=self.clock,
            time_left=lambda: time_left,
        )

    def record(self, record_id: str, cost: int, *, hold: str | None = None, says: str = "this") -> Recorded:
        spent = Spent(
            record_id=record_id, content_hash=says, hold_id=HoldId(MONTH, DAY, hold) if hold else None,
            cost=NanoUsd(cost), usage=Usage(uncached=cost), model="dear", outcome=Outcome.RECORDED,
            attribution=Attribution(), request_id="request",
        )  # fmt: skip
        ledger, accounts = self.books.ledger, self.books.accounts
        self.desk.last = None
        return record(spent, self.table.accounts["shop"], ledger=ledger, accounts=accounts, clock=self.clock)


@pytest.fixture
def world() -> World:
    """With a busy morning of which the backup has the first half: one hold closed before it, one across it, one after it."""
    world = World()
    desk = world.desk
    world.settle(desk.held("before", 5), 5)
    across, stays = desk.held("across", 20, agent="booking-agent"), desk.held("stays", 3)
    lapses = desk.held("lapses", 4)
    world.record("r:early", 2)
    world.save()
    desk.last = None
    world.settle(across, 11)
    world.settle(desk.held("after", 9, agent="booking-agent"), 8)
    desk.post(lapse_hold(lapses, span=a_span(lapses, 4, posting="lapse", outcome=Outcome.LAPSED), at=NOON))
    world.record("r:late", 6)
    assert stays.key in world.page.holds
    return world


def comparable(page: Page) -> Page:
    """Without what a restore makes anew: version, epoch, the span, calls in this minute, and when the page is due."""
    return replace(page, version=0, epoch=0, span=None, minutes={}, due=None)


def test_the_books_are_equal_and_the_hold_without_a_span_is_still_there(world: World) -> None:
    before = world.lose()

    done = world.restore()

    assert comparable(world.page) == comparable(before)
    assert not imbalances(world.page)
    assert world.page.holds.keys() == {"stays_______"}
    assert (done.pages, done.spans, done.records, done.faults, done.following) == (1, 4, 1, {}, None)
    assert world.page.due is not None


def test_a_page_that_is_gone_is_made_of_its_spans_alone(world: World) -> None:
    before = world.lose()
    del world.table.pages[PLACE]

    world.restore()

    # Both holds left their mark in nothing but the page; the lapsed one's tokens are in no span either.
    assert world.page.use.spent == before.use.spent == world.page.use.used
    assert world.page.use.tokens == before.use.tokens - 3 - 4
    assert world.page.agent("booking-agent") == before.agent("booking-agent")
    assert world.page.seq == before.seq


def test_the_sweep_closes_a_restored_hold_that_nobody_settles(world: World) -> None:
    world.lose()
    world.restore()
    world.clock.pass_by(timedelta(hours=1))

    swept = sweep_holds(world.books.ledger, world.books.accounts, clock=world.clock)

    assert (swept.lapsed, swept.unbalanced) == (1, {})
    assert world.page.use.held == 0


def test_a_new_epoch_begins_and_no_place_is_used_twice(world: World) -> None:
    before = world.lose()
    stored = dict(world.table.stored)

    world.restore()

    assert world.table.stored == stored, "no span came twice, under its own epoch or another"
    assert (world.page.epoch, world.page.seq) == (1, before.seq)
    world.desk.settings = world.table.accounts["shop"]
    world.desk.spend(1)
    assert set(world.table.stored) - set(stored) == {Place(tenant_id="shop", month=MONTH, epoch=1, seq=before.seq + 1)}


def test_settings_that_a_gate_knows_from_before_are_refused(world: World) -> None:
    old = world.desk.settings
    world.lose()

    world.restore()

    assert world.table.accounts["shop"].version == world.page.version == old.version + 1_000_000
    world.desk.last = None
    assert world.desk.hold("stale", 1, settings=old) is Fault.VERSION


def test_a_record_that_was_lost_counts_once_whatever_it_says(world: World) -> None:
    before = world.lose()
    world.restore()

    lost = world.record("r:late", 99, says="something else")

    assert (lost.is_new, lost.cost) == (False, 6)
    with pytest.raises(RecordDiffers):
        world.record("r:early", 2, says="something else")
    assert world.page.use.spent == before.use.spent


def test_a_record_of_a_check_hold_that_was_settled_counts_once(world: World) -> None:
    hold = world.desk.held("check", 7, kind=HoldKind.CHECK)
    hold_id = str(HoldId(MONTH, DAY, hold.key))
    world.record(hold_id, 5, hold=hold.key)
    before = world.lose()
    world.restore()

    again = world.record(hold_id, 5, hold=hold.key)

    assert (again.is_new, again.cost) == (False, 5)
    assert world.page.use.spent == before.use.spent


def test_a_record_with_the_longest_id_is_known_again(world: World) -> None:
    longest = f"r:{'x' * 64}"
    world.record(longest, 5)
    world.lose()
    world.restore()

    assert not world.record(longest, 5).is_new


def test_a_tenant_younger_than_the_old_state_has_its_money_and_is_suspended(world: World) -> None:
    before = world.lose()
    world.table.accounts.clear()
    world.table.pages.clear()

    done = world.restore()

    assert done.made == ["shop"]
    assert world.table.accounts["shop"].suspended
    assert world.page.use.spent == before.use.spent


def test_lost_spans_leave_the_tenant_in_its_old_epoch_until_they_are_accepted(world: World) -> None:
    world.lose()
    old = world.page
    lost = world.table.stored.pop(Place(tenant_id="shop", month=MONTH, epoch=0, seq=old.seq + 2))

    refused = world.restore()
    epoch = world.page.epoch
    accepted = world.restore(accepts_gaps=True)

    assert refused.faults == {"shop 2024-03": f"Postgres lacks spans {lost.place.seq} to {lost.place.seq}"}
    assert (epoch, world.page.epoch) == (0, 1)
    assert accepted.tenants == 1


def test_a_page_that_is_ahead_of_postgres_is_told(world: World) -> None:
    last = max(world.table.stored, key=lambda place: place.seq)
    del world.table.stored[last]

    done = world.restore()

    assert list(done.faults) == ["shop 2024-03"]
    assert world.page.epoch == 0


def test_a_page_with_other_money_than_its_spans_is_told(world: World) -> None:
    world.lose()
    use = world.page.use.moved(used=1, spent=1, tokens=0)
    world.table.pages[PLACE] = replace(world.page, use=use)

    assert "has spent" in world.restore().faults["shop 2024-03"]


@dataclass(slots=True)
class DyingShelf:
    """Dies before or after its `last` write."""

    shelf: MemoryShelf
    last: int
    is_done: bool

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method: Callable[..., Any] = getattr(self.shelf, name)
        return self._counted(method) if name in {"put_back", "put_record", "begin_epoch"} else method

    def _counted(self, method: Callable[..., Any]) -> Callable[..., Any]:
        def run(*words: Any, **named: Any) -> Any:
            self.last -= 1
            if self.last == 0 and not self.is_done:
                raise KeyboardInterrupt
            answer = method(*words, **named)
            if self.last == 0:
                raise KeyboardInterrupt
            return answer

        return run


def deaths() -> Iterator[tuple[int, bool]]:
    return ((last, is_done) for last in range(1, 6) for is_done in (False, True))


@pytest.mark.parametrize(("last", "is_done"), deaths())
@pytest.mark.parametrize("spans_at_once", [1, 1000])
def test_a_run_that_dies_anywhere_is_run_again(
    world: World, last: int, is_done: bool, spans_at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tollgate.usecases.restore_ledger.SPANS_AT_ONCE", spans_at_once)
    before = world.lose()
    stored = dict(world.table.stored)
    with suppress(KeyboardInterrupt):
        world.restore(DyingShelf(MemoryShelf(world.table), last, is_done))

    done = world.restore()

    assert done.faults == {}
    assert comparable(world.page) == comparable(before)
    assert world.table.stored == stored
    assert world.table.accounts["shop"].version == world.page.version
    assert world.page.epoch in (1, 2)
    assert set(world.table.records) == {("shop", "r:early"), ("shop", "r:late")}


def test_a_write_whose_answer_was_lost_is_not_applied_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tollgate.usecases.restore_ledger.SPANS_AT_ONCE", 2)
    before = world.lose()
    shelf = MemoryShelf(world.table)

    class DeafShelf:
        """Carries every second write out, and its repetition then refuses itself."""

        writes = 0

        def __getattr__(self, name: str) -> Any:
            return getattr(shelf, name)

        def put_back(self, page: Page, *, over: Page) -> bool:
            self.writes += 1
            return shelf.put_back(page, over=over) and self.writes % 2 == 0

    world.restore(DeafShelf())

    assert comparable(world.page) == comparable(before)


def test_a_gate_that_is_not_off_is_found_out(world: World) -> None:
    """A posting lands between every look and every write."""
    world.lose()
    shelf, numbers = MemoryShelf(world.table), iter(range(100))

    class BusyShelf:
        def __getattr__(self, name: str) -> Any:
            return getattr(shelf, name)

        def put_back(self, page: Page, *, over: Page) -> bool:
            world.desk.last = None
            world.desk.held(f"busy{next(numbers)}", 1)
            return shelf.put_back(page, over=over)

    with pytest.raises(LedgerUnavailable, match="gates must be off"):
        world.restore(BusyShelf())


def test_a_run_without_time_says_where_the_next_goes_on(world: World) -> None:
    other = Desk(books=world.books, settings=a_tenant("another"))
    other.start()
    other.spend(7)
    ports = world.ports(time_left=timedelta(seconds=1))

    first = restore_ledger(ports)
    second = restore_ledger(ports, after=first.following or "")

    assert (first.tenants, first.following) == (1, "another")
    assert (second.tenants, second.following) == (1, None)
    assert {page.epoch for page in world.table.pages.values()} == {1}


def test_a_page_that_has_expired_stays_away(world: World) -> None:
    """Also where another tenant's page of that month is still there."""
    other = Desk(books=world.books, settings=a_tenant("another"))
    other.start()
    other.spend(7)
    del world.table.pages[PLACE]
    world.clock.now = NOON + timedelta(days=500)

    done = world.restore()

    assert PLACE not in world.table.pages
    assert (done.tenants, done.pages, done.faults) == (2, 1, {})


def test_the_oldest_state_of_all_is_followed_through_every_epoch(world: World) -> None:
    backup = copy(world.saved)
    world.lose()
    world.restore()
    world.desk.settings, world.desk.last = world.table.accounts["shop"], None
    world.settle(a_hold("stays", 3), 2)
    world.settle(world.desk.held("anew", 4), 1)
    world.saved = backup
    before = world.lose()

    world.restore()

    assert comparable(world.page) == comparable(before)
    assert world.page.epoch == 2
