"""What every JobStore does: the one in memory, Postgres, and Postgres behind the messages of the function that stores."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any, Protocol, get_args, get_type_hints

import psycopg
import pytest
from psycopg.rows import dict_row

from tests.fakes.jobs import NOON, SHOP, MemoryJobs, a_job, a_page, a_row
from tollgate.adapters.invoked_jobs import InvokedJobStore, packed, unpacked
from tollgate.adapters.postgres import Postgres
from tollgate.adapters.postgres_jobs import PostgresJobs
from tollgate.adapters.servicetitan_upsert import columns_of, upsert_of
from tollgate.domain.errors import RequestInvalid
from tollgate.domain.job import KINDS, Cursor, Feed, FeedPass, Row, SourceFault
from tollgate.ports import JobStore
from tollgate.usecases.store_jobs import store_jobs

LATER = NOON + timedelta(microseconds=1)
JOBS, CALLS = FeedPass(feed=Feed.JOBS), FeedPass(feed=Feed.CALLS)
AT = "2026-11-23T12:00:00+00:00"
AGAIN = FeedPass(feed=Feed.JOBS, is_overlap=True)
C = SHOP.id


class Kept(Protocol):
    """What a store holds, looked at from behind."""

    def __call__(self, connection_id: str, feed: Feed) -> list[Row]: ...


def invoke(store: JobStore) -> Callable[[bytes], bytes]:
    return lambda message: json.dumps(store_jobs(unpacked(json.loads(message)), store)).encode()


def rows_in(database: str) -> Kept:
    def read(connection_id: str, feed: Feed) -> list[Row]:
        with psycopg.connect(database, row_factory=dict_row) as connection:
            query = f"SELECT * FROM servicetitan_{feed} WHERE connection_id = %s ORDER BY id"
            return [_row(feed, values) for values in connection.execute(query.encode(), [connection_id])]

    return read


def _row(feed: Feed, values: Mapping[str, Any]) -> Row:
    """A row that was stored before it had a column has that column's default."""
    own = {name: value for name, value in values.items() if name != "connection_id"}
    return KINDS[feed](**{name: tuple(value) if isinstance(value, list) else value for name, value in own.items()})


@pytest.fixture(params=["memory", "postgres", "invoked"])
def both(request: pytest.FixtureRequest) -> Iterator[tuple[JobStore, Kept]]:
    if request.param == "memory":
        memory = MemoryJobs()
        yield memory, memory.rows
        return
    database = request.getfixturevalue("database")
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

    assert store.store_page(C, JOBS, a_page(job, ends="one"), previous=None, at=NOON) == 1

    assert kept(C, Feed.JOBS) == [job]
    assert store.begin(SHOP, at=NOON) == {JOBS: Cursor(continue_from="one", has_more=False, caught_up_at=NOON)}


@pytest.mark.parametrize("feed", Feed)
def test_every_field_of_every_feed_comes_back(store: JobStore, kept: Kept, feed: Feed) -> None:
    empty = {name: None for name, hint in get_type_hints(KINDS[feed]).items() if type(None) in get_args(hint)}
    rows = [a_row(feed, 2**53 + 1), a_row(feed, 2**53 + 2, **empty)]

    store.store_page(C, FeedPass(feed=feed), a_page(*rows, ends="e", feed=feed), previous=None, at=NOON)

    assert kept(C, feed) == rows


def test_a_page_that_starts_elsewhere_than_the_cursor_stands_is_not_stored(store: JobStore, kept: Kept) -> None:
    store.store_page(C, JOBS, a_page(ends="one"), previous=None, at=NOON)

    assert store.store_page(C, JOBS, a_page(a_job(1), ends="two"), previous="zero", at=NOON) is None
    assert store.store_page(C, JOBS, a_page(a_job(1), ends="two"), previous=None, at=NOON) is None
    assert kept(C, Feed.JOBS) == []
    assert store.begin(SHOP, at=NOON)[JOBS].continue_from == "one"


def test_a_page_that_follows_on_nothing_is_not_stored(store: JobStore, kept: Kept) -> None:
    assert store.store_page(C, JOBS, a_page(a_job(1), ends="two"), previous="one", at=NOON) is None
    assert kept(C, Feed.JOBS) == []
    assert store.begin(SHOP, at=NOON) == {}


def test_the_same_page_sent_twice_is_stored_once_and_welcome_twice(store: JobStore, kept: Kept) -> None:
    page = a_page(a_job(1), a_job(2), ends="one")

    assert store.store_page(C, JOBS, page, previous=None, at=NOON) == 2
    assert store.store_page(C, JOBS, page, previous=None, at=NOON) == 0
    assert len(kept(C, Feed.JOBS)) == 2


def test_an_older_row_does_not_replace_a_newer_one(store: JobStore, kept: Kept) -> None:
    store.store_page(C, JOBS, a_page(a_job(1, modified_on=LATER, status="new"), ends="one"), previous=None, at=NOON)

    store.store_page(C, JOBS, a_page(a_job(1, modified_on=NOON, status="old"), ends="two"), previous="one", at=NOON)
    assert [row.status for row in kept(C, Feed.JOBS)] == ["new"]
    store.store_page(
        C, JOBS, a_page(a_job(1, modified_on=LATER, status="equal"), ends="three"), previous="two", at=NOON
    )
    assert [row.status for row in kept(C, Feed.JOBS)] == ["equal"]
    store.store_page(
        C, JOBS, a_page(a_job(1, modified_on=None, status="untimed"), ends="four"), previous="three", at=NOON
    )
    assert [row.status for row in kept(C, Feed.JOBS)] == ["untimed"]
    store.store_page(C, JOBS, a_page(a_job(1, modified_on=NOON, status="timed"), ends="five"), previous="four", at=NOON)
    assert [row.status for row in kept(C, Feed.JOBS)] == ["timed"]


def test_a_row_that_comes_twice_in_a_page_is_stored_by_its_last_change(store: JobStore, kept: Kept) -> None:
    rows = [a_job(1, modified_on=LATER, status="new"), a_job(1, modified_on=NOON, status="old")]

    assert store.store_page(C, JOBS, a_page(*rows, ends="one"), previous=None, at=NOON) == 1
    assert [row.status for row in kept(C, Feed.JOBS)] == ["new"]


def test_connections_and_feeds_stand_apart(store: JobStore, kept: Kept) -> None:
    other = replace(SHOP, servicetitan_tenant_id="1002")
    store.store_page(C, JOBS, a_page(a_job(1, status="Scheduled"), ends="x"), previous=None, at=NOON)
    store.store_page(other.id, JOBS, a_page(a_job(1, status="Completed"), ends="y"), previous=None, at=NOON)

    assert [row.status for row in kept(C, Feed.JOBS)] == ["Scheduled"]
    assert [row.status for row in kept(other.id, Feed.JOBS)] == ["Completed"]
    assert list(store.begin(SHOP, at=NOON)) == [JOBS]
    assert store.begin(replace(SHOP, servicetitan_tenant_id="1003"), at=NOON) == {}


def test_a_pass_over_old_rows_has_a_place_of_its_own_and_brings_what_was_missed(store: JobStore, kept: Kept) -> None:
    store.store_page(C, JOBS, a_page(a_job(1), ends="live"), previous=None, at=NOON)

    assert store.store_page(C, AGAIN, a_page(a_job(1), a_job(2), ends="old"), previous=None, at=LATER) == 1

    assert [row.id for row in kept(C, Feed.JOBS)] == [1, 2]
    assert {each: cursor.continue_from for each, cursor in store.begin(SHOP, at=NOON).items()} == {
        JOBS: "live",
        AGAIN: "old",
    }


def test_when_everything_was_last_read_is_kept_while_more_is_there(store: JobStore) -> None:
    store.store_page(C, JOBS, a_page(ends="one"), previous=None, at=NOON)
    store.store_page(C, JOBS, a_page(ends="two", has_more=True), previous="one", at=LATER)

    assert store.begin(SHOP, at=NOON) == {JOBS: Cursor(continue_from="two", has_more=True, caught_up_at=NOON)}


def test_a_failure_moves_no_cursor_and_may_come_before_any_page(store: JobStore, kept: Kept) -> None:
    failed = Cursor(fault=SourceFault.FORBIDDEN, error="no  answer", failed_at=NOON)
    store.note_failure(C, JOBS, fault=SourceFault.FORBIDDEN, message="no \0 answer", at=NOON)

    assert store.begin(SHOP, at=NOON) == {JOBS: failed}
    assert store.store_page(C, JOBS, a_page(a_job(1), ends="one"), previous=None, at=NOON) == 1
    store.note_failure(C, JOBS, fault=SourceFault.UNAVAILABLE, message="again", at=LATER)
    assert store.begin(SHOP, at=NOON)[JOBS] == Cursor(
        continue_from="one",
        has_more=False,
        caught_up_at=NOON,
        fault=SourceFault.UNAVAILABLE,
        error="again",
        failed_at=LATER,
    )
    assert len(kept(C, Feed.JOBS)) == 1


def test_a_failure_is_forgotten_with_the_next_page(store: JobStore) -> None:
    store.note_failure(C, JOBS, fault=SourceFault.UNAVAILABLE, message="away", at=NOON)
    store.store_page(C, JOBS, a_page(ends="one"), previous=None, at=NOON)

    assert store.begin(SHOP, at=NOON)[JOBS].fault is None
    assert store.begin(SHOP, at=NOON)[JOBS].error is None


def test_counts_stand_beside_the_cursor(postgres: Postgres, database: str) -> None:
    store = PostgresJobs(postgres)

    def beside(name: str) -> tuple[Any, ...]:
        query = "SELECT last_success_at, unreadable_rows, caught_rows FROM servicetitan_cursors WHERE feed = %s"
        with psycopg.connect(database) as connection:
            return connection.execute(query, [name]).fetchone() or ()

    store.store_page(C, JOBS, a_page(a_job(1), ends="one", unreadable=2), previous=None, at=NOON)
    store.store_page(C, JOBS, a_page(ends="two", unreadable=1), previous="one", at=LATER)
    store.store_page(C, AGAIN, a_page(a_job(1), a_job(2), ends="old"), previous=None, at=LATER)

    assert beside("jobs") == (LATER, 3, 0)
    assert beside("jobs/overlap") == (LATER, 0, 1)


def test_whose_a_connection_is_stands_as_it_was_last_told(postgres: Postgres, database: str) -> None:
    store = PostgresJobs(postgres)
    store.begin(SHOP, at=NOON)

    store.begin(replace(SHOP, tenant_id="other", timezone="UTC"), at=LATER)

    with psycopg.connect(database) as connection:
        rows = connection.execute("SELECT * FROM servicetitan_connections").fetchall()
    assert rows == [(C, "other", "UTC", LATER)]


def test_the_columns_are_those_of_the_rows_and_no_others(database: str) -> None:
    """The allow-list: what a row has no field for cannot be stored."""
    query = "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped"
    with psycopg.connect(database) as connection:
        for feed in Feed:
            columns = {name for (name,) in connection.execute(query, [f"servicetitan_{feed}"])}
            assert columns == {"connection_id", *columns_of(feed)}, feed


@pytest.mark.parametrize("feed", Feed)
def test_no_statement_is_long_enough_to_hold_a_proxy_s_connection(feed: Feed) -> None:
    assert len(upsert_of(feed)) < 16_000


@pytest.mark.parametrize(
    "message",
    [
        {},
        {"op": "drop_tables", "connection_id": "c"},
        {"op": "begin", "at": AT},
        {"op": "begin", "at": AT, "connection": {"tenant_id": "acme"}},
        {
            "op": "store_page",
            "connection_id": "c",
            "feed_pass": "invoices",
            "page": {"feed": "payments"},
            "previous": None,
            "at": AT,
        },
        {"op": "note_failure", "connection_id": "c", "feed_pass": "jobs/over", "fault": "x", "message": "x", "at": AT},
        {
            "op": "note_failure",
            "connection_id": "c",
            "feed_pass": "jobs",
            "fault": "store",
            "message": "x",
            "at": "now",
        },
    ],
)
def test_a_message_without_sense_is_refused(message: dict[str, Any]) -> None:
    with pytest.raises(RequestInvalid):
        store_jobs(message, MemoryJobs())


@pytest.mark.parametrize("event", [{}, {"packed": 5}, {"packed": "no base64"}, {"packed": "bm8gemxpYg=="}])
def test_what_was_not_packed_is_refused(event: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"packed|base64|padding"):
        unpacked(event)


def test_a_message_comes_out_as_it_went_in() -> None:
    message = {"op": "store_page", "rows": [{"name": "Wörd"}] * 1000}

    assert unpacked(json.loads(packed(message))) == message
    assert len(packed(message)) < len(json.dumps(message)) / 10
