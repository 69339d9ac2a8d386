"""A month that is over stays readable until its page expires."""

import pytest

from tests.fakes.ledger_desk import Desk
from tests.fakes.ledger_world import MONTH, NOON, a_tenant, books_in_memory
from tests.fakes.memory_ledger import MemoryTable
from tollgate.domain.errors import MonthNotFound, TenantNotFound
from tollgate.domain.money import NanoUsd
from tollgate.domain.window import month_end
from tollgate.edge.cost_wire import past_view
from tollgate.usecases.read_budget import Budget, read_budget


@pytest.fixture
def desk() -> Desk:
    made = Desk(books=books_in_memory(MemoryTable()), settings=a_tenant())
    made.start()
    return made


def read(desk: Desk, month: str | None, *, next_month: bool = False) -> Budget:
    now = month_end(MONTH, desk.settings.zones) if next_month else NOON
    return read_budget("shop", month, desk.books.ledger, desk.books.accounts, now=now)


def test_the_month_that_runs_is_this_one_by_name_too(desk: Desk) -> None:
    assert read(desk, None) == read(desk, MONTH)
    assert not read(desk, MONTH).is_past


def test_a_month_that_is_over_shows_what_was_spent_and_claims_no_limit(desk: Desk) -> None:
    desk.spend(30)

    budget = read(desk, MONTH, next_month=True)

    assert budget.is_past
    assert budget.page is not None
    view = past_view(budget.settings, budget.page)
    assert view["monthly"]["window"] == MONTH
    assert view["monthly"]["spentUsd"] == 3e-8
    assert (view["monthly"]["limitUsd"], view["monthly"]["remainingUsd"], view["daily"]) == (None, None, None)
    assert desk.page.use.spent == NanoUsd(30)


def test_a_month_without_a_page_is_not_found_but_the_one_that_runs_is_just_empty(desk: Desk) -> None:
    assert read(desk, None, next_month=True).page is None
    with pytest.raises(MonthNotFound):
        read(desk, "2023-01")
    with pytest.raises(TenantNotFound):
        read_budget("nobody", None, desk.books.ledger, desk.books.accounts, now=NOON)
