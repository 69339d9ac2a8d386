"""What every JobStore does: the one in memory, Postgres, and Postgres behind the messages of the function that stores."""

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any, Protocol

import psycopg
import pytest
from psycopg.rows import dict_row

from tests.fakes.jobs import NOON, MemoryJobs, a_booking, a_call, a_job, a_page
from tollgate.adapters.invoked_jobs import InvokedJobStore
from tollgate.adapters.postgres import Postgres
from tollgate.adapters.postgres_jobs import PostgresJobs
from tollgate.domain.errors import RequestInvalid
from tollgate.domain.job import KINDS, Cursor, Feed, Row
from tollgate.ports import JobStore
from tollgate.usecases.store_jobs import store_jobs

LATER = NOON + timedelta(microseconds=1)


class Kept(Protocol):
    """What a store holds, looked at from behind."""

    def __call__(self, connection_id: str, feed: Feed) -> list[Row]: ...


def invoke(store: JobStore) -> Callable[[bytes], bytes]:
    return lambda message: json.dumps(store_jobs(json.loads(message), store)).encode()


def rows_in(database: str) -> Kept:
    def read(connection_id: str, feed: Feed) -> list[Row]:
        with psycopg.connect(database, row_factory=dict_row) as connection:
            query = f"SELECT * FROM servicetitan_{feed} WHERE connection_id = %s ORDER BY id"
            return [_row(feed, values) for values in connection.execute(query.encode(), [connection_id])]

    return read


def _row(feed: Feed, values: Mapping[str, Any]) -> Row:
    return KINDS[feed](**{name: value for name, value in values.items() if name != "connection_id"})


@pytest.fixture(params=["memory", "postgres", "invoked"])
def both(request: pytest.FixtureRequest) -> Iterator[tuple[JobStore, Kept]]:
    if request.param == "memory":
        memory = MemoryJobs()
        yield memory, memory.rows
        return
    database = request.getfixturevalue("database")
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(
            "TRUNCATE servicetitan_jobs, servicetitan_bookings, servicetitan_calls, servicetitan_cursors"
        )
    store: JobStore = PostgresJobs(request.getfixturevalue("postgres"))
    yield (store if request.param == "postgres" else InvokedJobStore(invoke(store))), rows_in(database)


@pytest.fixture
def store(both: tuple[JobStore, Kept]) -> JobStore:
    return both[0]


@pytest.fixture
def kept(both: tuple[JobStore, Kept]) -> Kept:
    return both[1]


def test_a_page_is_stored_with_its_rows_and_the_place_where_the_next_starts(store: JobStore, kept: Kept) -> None:
    job = a_job(
        2**53 + 1, total=Decimal("0.10"), lead_call_id=2**62, modified_on=LATER, completed_on=None, number="J-1"
    )

    assert store.store_page("c", a_page(job, ends="one"), previous=None, at=NOON)

    assert kept("c", Feed.JOBS) == [job]
    assert store.read_cursors("c") == {Feed.JOBS: Cursor(continue_from="one", caught_up_at=NOON)}


def test_every_field_of_every_feed_comes_back(store: JobStore, kept: Kept) -> None:
    booking = a_booking(
        1, source="Wéb", external_id="run_1", booking_provider_id=2, job_id=3, starts_on=LATER, is_active=False
    )
    call = a_call(
        1, direction="Inbound", status="Completed", duration_s=61, agent_id=2, job_id=3, lead_id=4, reason_id=5
    )

    store.store_page("c", a_page(booking, ends="b", feed=Feed.BOOKINGS), previous=None, at=NOON)
    store.store_page("c", a_page(call, ends="c", feed=Feed.CALLS), previous=None, at=NOON)

    assert kept("c", Feed.BOOKINGS) == [booking]
    assert kept("c", Feed.CALLS) == [call]


def test_a_page_that_starts_elsewhere_than_the_cursor_stands_is_not_stored(store: JobStore, kept: Kept) -> None:
    store.store_page("c", a_page(ends="one"), previous=None, at=NOON)

    assert not store.store_page("c", a_page(a_job(1), ends="two"), previous="zero", at=NOON)
    assert not store.store_page("c", a_page(a_job(1), ends="two"), previous=None, at=NOON)
    assert kept("c", Feed.JOBS) == []
    assert store.read_cursors("c")[Feed.JOBS].continue_from == "one"


def test_a_page_that_follows_on_nothing_is_not_stored(store: JobStore, kept: Kept) -> None:
    assert not store.store_page("c", a_page(a_job(1), ends="two"), previous="one", at=NOON)
    assert kept("c", Feed.JOBS) == []
    assert store.read_cursors("c") == {}


def test_the_same_page_sent_twice_is_stored_once_and_welcome_twice(store: JobStore, kept: Kept) -> None:
    page = a_page(a_job(1), a_job(2), ends="one")

    assert store.store_page("c", page, previous=None, at=NOON)
    assert store.store_page("c", page, previous=None, at=NOON)
    assert len(kept("c", Feed.JOBS)) == 2


def test_an_older_row_does_not_replace_a_newer_one(store: JobStore, kept: Kept) -> None:
    store.store_page("c", a_page(a_job(1, modified_on=LATER, status="new"), ends="one"), previous=None, at=NOON)

    store.store_page("c", a_page(a_job(1, modified_on=NOON, status="old"), ends="two"), previous="one", at=NOON)
    assert [row.status for row in kept("c", Feed.JOBS)] == ["new"]
    store.store_page("c", a_page(a_job(1, modified_on=LATER, status="equal"), ends="three"), previous="two", at=NOON)
    assert [row.status for row in kept("c", Feed.JOBS)] == ["equal"]
    store.store_page("c", a_page(a_job(1, modified_on=None, status="untimed"), ends="four"), previous="three", at=NOON)
    assert [row.status for row in kept("c", Feed.JOBS)] == ["untimed"]
    store.store_page("c", a_page(a_job(1, modified_on=NOON, status="timed"), ends="five"), previous="four", at=NOON)
    assert [row.status for row in kept("c", Feed.JOBS)] == ["timed"]


def test_a_row_that_comes_twice_in_a_page_is_stored_by_its_last_change(store: JobStore, kept: Kept) -> None:
    rows = [a_job(1, modified_on=LATER, status="new"), a_job(1, modified_on=NOON, status="old")]

    assert store.store_page("c", a_page(*rows, ends="one"), previous=None, at=NOON)
    assert [row.status for row in kept("c", Feed.JOBS)] == ["new"]


def test_connections_and_feeds_stand_apart(store: JobStore, kept: Kept) -> None:
    store.store_page("one", a_page(a_job(1, status="Scheduled"), ends="x"), previous=None, at=NOON)
    store.store_page("two", a_page(a_job(1, status="Completed"), ends="y"), previous=None, at=NOON)

    assert [row.status for row in kept("one", Feed.JOBS)] == ["Scheduled"]
    assert [row.status for row in kept("two", Feed.JOBS)] == ["Completed"]
    assert list(store.read_cursors("one")) == [Feed.JOBS]
    assert store.read_cursors("three") == {}


def test_when_everything_was_last_read_is_kept_while_more_is_there(store: JobStore) -> None:
    store.store_page("c", a_page(ends="one"), previous=None, at=NOON)
    store.store_page("c", a_page(ends="two", has_more=True), previous="one", at=LATER)

    assert store.read_cursors("c") == {Feed.JOBS: Cursor(continue_from="two", caught_up_at=NOON)}


def test_a_failure_moves_no_cursor_and_may_come_before_any_page(store: JobStore, kept: Kept) -> None:
    store.note_failure("c", Feed.JOBS, message="no \0 answer", at=NOON)

    assert store.read_cursors("c") == {Feed.JOBS: Cursor()}
    assert store.store_page("c", a_page(a_job(1), ends="one"), previous=None, at=NOON)
    store.note_failure("c", Feed.JOBS, message="again", at=NOON)
    assert store.read_cursors("c")[Feed.JOBS].continue_from == "one"
    assert len(kept("c", Feed.JOBS)) == 1


def test_failures_and_successes_stand_beside_the_cursor(postgres: Postgres, database: str) -> None:
    store = PostgresJobs(postgres)

    def beside() -> tuple[Any, ...]:
        columns = "last_success_at, last_error, last_error_at, unreadable_rows"
        query = f"SELECT {columns} FROM servicetitan_cursors WHERE connection_id = 'beside'"
        with psycopg.connect(database) as connection:
            return connection.execute(query.encode()).fetchone() or ()

    store.store_page("beside", a_page(ends="one", unreadable=2), previous=None, at=NOON)
    store.note_failure("beside", Feed.JOBS, message="no answer", at=LATER)
    assert beside() == (NOON, "no answer", LATER, 2)

    store.store_page("beside", a_page(ends="two", unreadable=1), previous="one", at=LATER)
    assert beside() == (LATER, None, None, 3)


@pytest.mark.parametrize(
    "message",
    [
        {},
        {"op": "drop_tables", "connection_id": "c"},
        {"op": "read_cursors"},
        {
            "op": "store_page",
            "connection_id": "c",
            "page": {"feed": "invoices"},
            "previous": None,
            "at": "2026-11-23T12:00:00+00:00",
        },
        {"op": "note_failure", "connection_id": "c", "feed": "jobs", "message": "x", "at": "now"},
    ],
)
def test_a_message_without_sense_is_refused(message: dict[str, Any]) -> None:
    with pytest.raises(RequestInvalid):
        store_jobs(message, MemoryJobs())
