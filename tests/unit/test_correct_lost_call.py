"""What the provider's figures prove of a lost call is booked while the ledger has a step for it, once."""

from datetime import timedelta

from tests.fakes.ledger_desk import Desk
from tests.fakes.ledger_world import DAY, MONTH, NOON, TellingClock, a_span, a_tenant, books_in_memory
from tests.fakes.memory_shelf import StreamedTable
from tollgate.domain.money import NanoUsd
from tollgate.domain.page import Page, imbalances
from tollgate.domain.posting import lapse_hold
from tollgate.domain.span import Outcome, from_text
from tollgate.domain.unsettled_call import Finding, Knowledge, KnownCall
from tollgate.domain.usage import Usage
from tollgate.usecases.correct_lost_call import correct_lost_call
from tollgate.usecases.sweep_holds import sweep_holds

USED = Usage(uncached=5, output=2)


class World:
    def __init__(self) -> None:
        self.table, self.clock = StreamedTable(), TellingClock()
        self.desk = Desk(books=books_in_memory(self.table), settings=a_tenant())
        self.desk.start()
        hold = self.desk.held("Lapses", 10)
        span = a_span(hold, 10, posting="lapse", outcome=Outcome.LAPSED)
        assert isinstance(self.desk.post(lapse_hold(hold, span=span, at=NOON)), Page)
        self.hold = f"{MONTH}.{DAY}.{hold.key}"

    @property
    def page(self) -> Page:
        return self.table.pages["shop", MONTH]

    def correct(self, cost: int = 7, tenant_id: str = "shop") -> bool:
        call = KnownCall(
            hold=self.hold, model="gpt-4o", began=NOON, ended=NOON, knowledge=Knowledge.OPEN, booked=NanoUsd(10)
        )
        finding = Finding(call=call, cost=NanoUsd(cost), usage=USED, reason="one request that no other call made")
        self.desk.last = None
        books = self.desk.books
        done = correct_lost_call(tenant_id, finding, ledger=books.ledger, accounts=books.accounts, clock=self.clock)
        assert not imbalances(self.page)
        return done


def test_a_lapsed_call_is_corrected_to_what_the_provider_billed_and_says_why() -> None:
    world = World()

    assert world.correct()

    assert (world.page.use.spent, world.page.use.tokens) == (7, USED.total)
    assert world.page.span is not None
    span = from_text(world.page.span)
    assert (span.outcome, span.cost_nanousd) == (Outcome.CORRECTED, -3)
    assert span.reason == "OpenAI's usage: one request that no other call made"


def test_the_same_finding_is_booked_once() -> None:
    world = World()
    world.correct()

    assert not world.correct()
    assert not world.correct(cost=6)
    assert world.page.use.spent == 7


def test_what_the_page_has_forgotten_stays_as_it_was_booked() -> None:
    world = World()
    world.clock.now += timedelta(hours=2)
    sweep_holds(world.desk.books.ledger, world.desk.books.accounts, clock=world.clock)

    assert not world.correct()
    assert world.page.use.spent == 10


def test_a_tenant_that_is_gone_is_passed_over() -> None:
    assert not World().correct(tenant_id="nobody")
