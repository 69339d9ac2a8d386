"""What every shelf does: the one in memory that the tests trust, and the one in DynamoDB."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import count
from typing import Any

import pytest

from tests.fakes.ledger_desk import Desk, nano
from tests.fakes.ledger_world import (
    MONTH,
    NOON,
    TABLE,
    TellingClock,
    a_hold,
    a_tenant,
    a_tomb,
    books_in_dynamodb,
    books_in_memory,
)  # fmt: skip
from tests.fakes.memory_shelf import MemoryShelf, StreamedTable
from tests.fakes.moto_dynamodb import dynamodb_client
from tollgate.adapters.dynamodb_shelf import DynamoDbShelf
from tollgate.adapters.page_item import page_key
from tollgate.domain.page import AgentUse, Page
from tollgate.domain.past_page import PastPage
from tollgate.domain.tenant import AgentLimits
from tollgate.ports import Record, Shelf
from tollgate.usecases.sweep_holds import sweep_holds

NUMBERS = count(1)
NEXT = "2024-04"
AGENTS = {"booking-agent": AgentLimits(daily=nano(50))}


@dataclass(frozen=True, slots=True)
class Stand:
    desk: Desk
    shelf: Shelf

    @property
    def tenant_id(self) -> str:
        return self.desk.tenant_id

    def past(self, before: str = NEXT) -> list[PastPage]:
        return [past for past in self.shelf.past_pages(before) if past.page.tenant_id == self.tenant_id]


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    with dynamodb_client() as client:
        yield client


@pytest.fixture(params=["memory", "dynamodb"])
def stand(request: pytest.FixtureRequest) -> Stand:
    """A tenant of its own with a page on which something is spent, held, counted for an agent, and remembered."""
    if request.param == "memory":
        table = StreamedTable()
        books, shelf = books_in_memory(table), MemoryShelf(table)
    else:
        client = request.getfixturevalue("client")
        books, shelf = books_in_dynamodb(client), DynamoDbShelf(client, TABLE, sleep=lambda _: None)
    desk = Desk(books=books, settings=a_tenant(f"tenant-{next(NUMBERS)}"))
    desk.start(agents=AGENTS)
    desk.settle(desk.held("gone", 9, agent="booking-agent"), 7, bury=True)
    desk.held("stays", 5, agent="booking-agent")
    return Stand(desk=desk, shelf=shelf)


@pytest.fixture
def quiet(stand: Stand) -> Stand:
    """With nothing held or remembered any more."""
    stand.desk.settle(stand.desk.page.holds["stays_______"], 5)
    assert stand.desk.books.ledger.forget_closed(
        stand.tenant_id, MONTH, {key: entry.until for key, entry in stand.desk.page.closed.items()}
    )
    stand.desk.last = None
    return stand


def test_every_page_and_account_is_on_the_shelf(stand: Stand) -> None:
    assert stand.desk.books.ledger.open_page(stand.desk.settings, NEXT)

    mine = sorted(place for place in stand.shelf.places() if place[0] == stand.tenant_id)

    assert mine == [(stand.tenant_id, MONTH), (stand.tenant_id, NEXT)]
    assert stand.tenant_id in stand.shelf.tenants()


def test_past_pages_are_those_of_earlier_months(stand: Stand) -> None:
    assert stand.desk.books.ledger.open_page(stand.desk.settings, NEXT)

    assert stand.past(MONTH) == []
    assert stand.past() == [PastPage(page=stand.desk.page)]


def test_an_end_is_given_once_and_can_be_taken_back(quiet: Stand) -> None:
    [past] = quiet.past()

    assert quiet.shelf.expire(past, 1_800_000_000)
    assert not quiet.shelf.expire(past, 1_900_000_000)

    [expiring] = quiet.past()
    assert (expiring.expires_at, expiring.expires_seq) == (1_800_000_000, past.page.seq)
    assert expiring.page == replace(past.page, span=None)
    assert not quiet.shelf.keep(past)
    assert quiet.shelf.keep(expiring)
    assert not quiet.shelf.keep(expiring)
    assert quiet.past() == [PastPage(page=replace(past.page, span=None))]


@pytest.mark.parametrize("move", ["hold", "spend", "bar"])
def test_a_page_that_has_moved_gets_no_end(quiet: Stand, move: str) -> None:
    [past] = quiet.past()
    desk = quiet.desk
    {"hold": lambda: desk.held("more", 1), "spend": lambda: desk.spend(1), "bar": lambda: desk.bar("more")}[move]()

    assert not quiet.shelf.expire(past, 1_800_000_000)


def test_a_page_of_another_epoch_gets_no_end(quiet: Stand) -> None:
    [past] = quiet.past()

    assert not quiet.shelf.expire(replace(past, page=replace(past.page, epoch=1)), 1_800_000_000)


def test_a_page_that_is_put_back_says_what_it_is_given(stand: Stand) -> None:
    over = stand.desk.spend(1)
    hold, tomb = a_hold("other", 4, agent="booking-agent"), a_tomb(3)
    day = over.day("05").moved(used=2, spent=3, tokens=1)
    wanted = replace(
        over,
        use=over.use.moved(used=2, spent=3, tokens=1),
        days={**over.days, "05": day, "06": day},
        agents={**over.agents, "call-agent": AgentUse(month=day, days={"05": replace(day, tokens=0)})},
        holds={hold.key: hold},
        closed={"tomb": tomb},
        seq=over.seq + 3,
        span=None,
        due=hold.expires_at,
    )
    wanted = replace(wanted, agents={label: _moneyed(use) for label, use in wanted.agents.items()})

    assert stand.shelf.put_back(wanted, over=over)

    assert stand.desk.books.ledger.read_page(stand.tenant_id, MONTH) == wanted


def _moneyed(use: AgentUse) -> AgentUse:
    """An agent's entry counts money alone."""
    return replace(use, month=replace(use.month, tokens=0))


def test_a_page_that_has_moved_is_not_put_back(stand: Stand) -> None:
    over = stand.desk.page
    moved = stand.desk.held("more", 1)

    assert not stand.shelf.put_back(replace(over, seq=over.seq + 1), over=over)

    assert moved.key in stand.desk.page.holds


def test_a_page_that_is_put_back_with_a_hold_is_found_by_the_sweep(stand: Stand) -> None:
    over = stand.desk.page
    ends = int(NOON.timestamp()) - 600
    holds = {key: replace(hold, expires_at=ends) for key, hold in over.holds.items()}
    assert stand.shelf.put_back(replace(over, due=None), over=over)
    assert stand.shelf.put_back(replace(over, holds=holds, due=ends), over=over)

    sweep_holds(stand.desk.books.ledger, stand.desk.books.accounts, clock=TellingClock(NOON))

    page = stand.desk.books.ledger.read_page(stand.tenant_id, MONTH)
    assert page is not None
    assert page.holds == {}


def test_a_page_that_is_put_back_with_nothing_held_is_not_due(quiet: Stand) -> None:
    over = quiet.desk.page

    assert quiet.shelf.put_back(replace(over, due=None), over=over)

    assert quiet.desk.page.due is None
    assert (quiet.tenant_id, MONTH) not in quiet.desk.books.ledger.due_pages(NOON.replace(year=2099))


def test_a_record_is_put_once(stand: Stand) -> None:
    record = Record(record_id="r:a#b", content_hash="", cost_nanousd=7, hold="", expires_at=1_800_000_000)

    assert stand.shelf.put_record(stand.tenant_id, record)
    assert not stand.shelf.put_record(stand.tenant_id, replace(record, cost_nanousd=8))

    assert stand.desk.books.ledger.read_record(stand.tenant_id, "r:a#b") == record


def epochs(page: Page, other: Page, epoch: int = 3) -> dict[str, tuple[Page, int]]:
    return {page.month: (page, epoch), other.month: (other, epoch + 1)}


@pytest.fixture
def other(stand: Stand) -> Page:
    """The tenant's page of the next month."""
    assert stand.desk.books.ledger.open_page(stand.desk.settings, NEXT)
    page = stand.desk.books.ledger.read_page(stand.tenant_id, NEXT)
    assert page is not None
    return page


def test_an_epoch_begins_on_all_pages_and_in_the_account_at_once(stand: Stand, other: Page) -> None:
    page, old = stand.desk.spend(1), stand.desk.settings
    assert page.span is not None, "as a posting left it"
    new = replace(old, version=1_000_001, agents={**AGENTS, "call-agent": AgentLimits(daily=nano(1))})

    assert stand.shelf.begin_epoch(new, epochs(page, other), over=1)

    books = stand.desk.books
    assert books.accounts.read(stand.tenant_id) == new
    found = [books.ledger.read_page(stand.tenant_id, month) for month in (MONTH, NEXT)]
    agents = {**page.agents, "call-agent": AgentUse()}
    assert found == [
        replace(page, version=1_000_001, epoch=3, agents=agents, span=None),
        replace(other, version=1_000_001, epoch=4, agents=agents | other.agents, span=None),
    ]


@pytest.mark.parametrize("moved", ["page", "account"])
def test_no_epoch_begins_where_anything_has_moved(stand: Stand, other: Page, moved: str) -> None:
    page, old = stand.desk.page, stand.desk.settings
    if moved == "page":
        stand.desk.spend(1)
    else:
        stand.desk.change(daily_limit=nano(99))

    assert not stand.shelf.begin_epoch(replace(old, version=1_000_001), epochs(page, other), over=1)

    books = stand.desk.books
    assert [books.ledger.read_page(stand.tenant_id, month).epoch for month in (MONTH, NEXT)] == [0, 0]  # type: ignore[union-attr]
    assert books.accounts.read(stand.tenant_id) == stand.desk.settings


def test_what_was_to_expire_does_not_once_it_is_put_back_or_begins_an_epoch(quiet: Stand, other: Page) -> None:
    [past] = quiet.past()
    assert quiet.shelf.expire(past, 1_800_000_000)
    assert quiet.shelf.put_back(past.page, over=past.page)
    [put_back] = quiet.past()
    assert quiet.shelf.expire(put_back, 1_800_000_000)
    assert quiet.shelf.begin_epoch(replace(quiet.desk.settings, version=9), epochs(past.page, other), over=1)

    assert (put_back.expires_at, quiet.past()[0].expires_at) == (None, None)


def test_what_it_does_not_know_of_a_page_stays(client: Any) -> None:
    """A later release may keep more on a page than this one knows."""
    desk = Desk(books=books_in_dynamodb(client), settings=a_tenant(f"tenant-{next(NUMBERS)}"))
    desk.start()
    key = page_key(desk.tenant_id, MONTH)
    client.update_item(
        TableName=TABLE, Key=key, UpdateExpression="SET novelty = :n", ExpressionAttributeValues={":n": {"S": "kept"}}
    )
    page = desk.page

    assert DynamoDbShelf(client, TABLE).put_back(replace(page, seq=4), over=page)

    assert client.get_item(TableName=TABLE, Key=key)["Item"]["novelty"] == {"S": "kept"}


def test_a_scan_reads_to_the_end_of_the_table(client: Any) -> None:
    class SmallPages:
        """DynamoDB ends a page of a scan after a megabyte; here, after an item."""

        def scan(self, **request: Any) -> Any:
            return client.scan(**request, Limit=1)

    assert set(DynamoDbShelf(SmallPages(), TABLE).places()) == set(DynamoDbShelf(client, TABLE).places())
