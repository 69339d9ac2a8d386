from datetime import timedelta
from decimal import Decimal

import pytest

from tests.fakes.jobs import NOON, a_call, a_job, a_page, a_row
from tollgate.domain.job import PASSES, Cursor, Feed, FeedPage, FeedPass, SourceFault, newest_of
from tollgate.domain.job_text import cursor_of, cursor_record, page_of, page_record

LATER = NOON + timedelta(microseconds=1)


def test_a_row_that_comes_twice_counts_with_its_last_change() -> None:
    rows = [a_job(1, modified_on=LATER, status="new"), a_job(2), a_job(1, modified_on=NOON, status="old")]

    assert {row.id: row.status for row in newest_of(rows)} == {1: "new", 2: "Scheduled"}


@pytest.mark.parametrize("modified_on", [NOON, None])
def test_of_two_rows_that_cannot_be_told_apart_by_time_the_later_counts(modified_on: object) -> None:
    rows = [a_job(1, modified_on=NOON, status="first"), a_job(1, modified_on=modified_on, status="second")]

    assert [row.status for row in newest_of(rows)] == ["second"]


@pytest.mark.parametrize(
    "page",
    [
        a_page(a_job(2**53 + 1, total=Decimal("0.10"), created_on=None), a_job(2, total=None), ends="next"),
        a_page(a_call(1, type=None), ends="next", feed=Feed.CALLS, unreadable=3, has_more=True),
        *(a_page(a_row(feed, 1), ends="next", feed=feed) for feed in Feed),
    ],
)
def test_a_page_comes_out_of_its_text_as_it_went_in(page: FeedPage) -> None:
    assert page_of(page_record(page)) == page


def test_a_cursor_comes_out_of_its_text_as_it_went_in() -> None:
    cursor = Cursor(
        continue_from="x",
        has_more=False,
        caught_up_at=LATER,
        fault=SourceFault.FORBIDDEN,
        error="no",
        failed_at=NOON,
    )

    assert cursor_of(cursor_record(cursor)) == cursor
    assert cursor_of(cursor_record(Cursor())) == Cursor()


@pytest.mark.parametrize("feed_pass", PASSES)
def test_a_pass_is_known_by_its_name(feed_pass: FeedPass) -> None:
    assert FeedPass.named(feed_pass.name) == feed_pass


@pytest.mark.parametrize("name", ["", "jobs/", "jobs/again", "payments", "/overlap", "jobs/overlap/x"])
def test_no_other_name_is_a_pass(name: str) -> None:
    with pytest.raises(ValueError, match=r"no pass|not a valid"):
        FeedPass.named(name)


def test_a_page_holds_the_rows_of_its_own_feed_alone() -> None:
    with pytest.raises(ValueError, match="calls"):
        a_page(a_job(1), ends="next", feed=Feed.CALLS)


def test_a_page_with_an_unknown_field_is_refused() -> None:
    record = page_record(a_page(a_job(1), ends="next"))
    record["rows"][0]["customer_name"] = "Ann"

    with pytest.raises(ValueError, match="not a page"):
        page_of(record)
