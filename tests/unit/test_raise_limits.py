"""A raise names its window, ends with it at the latest, and can be ended early."""

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.fakes.ledger_world import NOON, Books, TellingClock, a_tenant, books_in_memory
from tests.fakes.memory_ledger import MemoryTable
from tollgate.domain.errors import RaiseNotFound, RequestInvalid, TenantNotFound
from tollgate.domain.money import NanoUsd
from tollgate.usecases.raise_limits import RaiseWanted, end_raise, raise_limits

HALF = RaiseWanted(daily=NanoUsd(50), monthly=None, until=NOON + timedelta(hours=1), reason="storm")


@pytest.fixture
def books() -> Books:
    made = books_in_memory(MemoryTable())
    assert made.accounts.create(a_tenant(), ["2024-02", "2024-03", "2024-04"])
    return made


def test_it_adds_to_its_day_until_it_ends(books: Books) -> None:
    _, settings = raise_limits("shop", HALF, books.accounts, new_id=lambda: "one", clock=TellingClock())

    assert settings.version == 2
    assert settings.limit_of("2024-03-05", NOON) == 150
    assert settings.limit_of("2024-03-05", NOON + timedelta(hours=1)) == 100
    assert settings.limit_of("2024-03-06", NOON) == 100
    assert settings.limit_of("2024-03", NOON) == 1000


def test_it_ends_with_its_window_at_the_latest(books: Books) -> None:
    both = replace(HALF, monthly=NanoUsd(7), until=NOON + timedelta(days=400))

    _, settings = raise_limits("shop", both, books.accounts, new_id=lambda: "one", clock=TellingClock())

    ends = {entry.window: entry.until.isoformat() for entry in settings.raises}
    assert ends == {"2024-03-05": "2024-03-06T00:00:00+00:00", "2024-03": "2024-04-01T00:00:00+00:00"}


def test_ending_it_takes_all_of_it_back_once(books: Books) -> None:
    both = replace(HALF, monthly=NanoUsd(7))
    raise_limits("shop", both, books.accounts, new_id=lambda: "one", clock=TellingClock())
    raise_limits("shop", HALF, books.accounts, new_id=lambda: "two", clock=TellingClock())

    settings = end_raise("shop", "one", books.accounts, clock=TellingClock())

    assert [entry.raise_id for entry in settings.raises] == ["two"]
    with pytest.raises(RaiseNotFound):
        end_raise("shop", "one", books.accounts, clock=TellingClock())


def test_raises_that_have_ended_are_forgotten_with_the_next(books: Books) -> None:
    raise_limits("shop", HALF, books.accounts, new_id=lambda: "one", clock=TellingClock())
    later = TellingClock(NOON + timedelta(hours=2))

    _, settings = raise_limits(
        "shop", replace(HALF, until=NOON + timedelta(hours=3)), books.accounts, new_id=lambda: "two", clock=later
    )

    assert [entry.raise_id for entry in settings.raises] == ["two"]


@pytest.mark.parametrize(
    "wanted", [replace(HALF, until=NOON), replace(HALF, daily=None), replace(HALF, daily=NanoUsd(0))]
)
def test_a_raise_of_nothing_or_into_the_past_is_refused(books: Books, wanted: RaiseWanted) -> None:
    with pytest.raises(RequestInvalid):
        raise_limits("shop", wanted, books.accounts, new_id=lambda: "one", clock=TellingClock())

    assert books.accounts.read("shop") == a_tenant()


def test_a_tenant_that_is_not_there_is_told(books: Books) -> None:
    with pytest.raises(TenantNotFound):
        raise_limits("nobody", HALF, books.accounts, new_id=lambda: "one", clock=TellingClock())
