"""A run of the sync over a source that says what the test wants, and a store in memory."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import takewhile

from tests.fakes.jobs import NOON, SHOP, MemoryJobs, ScriptedSource, a_booking, a_call, a_job, a_page
from tollgate.domain.errors import JobSourceFailed, JobStoreFailed
from tollgate.domain.job import Cursor, Feed, FeedPage, FeedPass, SourceFault
from tollgate.domain.sync_plan import SyncState
from tollgate.usecases.sync_jobs import PAGE_TIME, PassRun, PassState, SyncRun, sync_jobs

LONG = timedelta(minutes=4)
FIRST_JOBS = a_page(a_job(1), ends="jobs-1", has_more=True)
LAST_JOBS = a_page(a_job(2), ends="jobs-2")
JOBS, CALLS = FeedPass(feed=Feed.JOBS), FeedPass(feed=Feed.CALLS)
JOBS_AGAIN, INVOICES_AGAIN = (FeedPass(feed=feed, is_overlap=True) for feed in (Feed.JOBS, Feed.INVOICES))
C = SHOP.id


def failed(fault: SourceFault) -> JobSourceFailed:
    return JobSourceFailed(f"it said {fault}", fault=fault)


def sync(source: ScriptedSource, store: MemoryJobs, *, time_left: timedelta = LONG, now: datetime = NOON) -> SyncRun:
    return sync_jobs(SHOP, source, store, clock=lambda: now, time_left=lambda: time_left)


def run(source: ScriptedSource, store: MemoryJobs, *, now: datetime = NOON) -> dict[Feed, PassRun]:
    """Without the weekly passes."""
    return {each.feed: each for each in sync(source, store, now=now).passes if not each.feed_pass.is_overlap}


def in_turn(source: ScriptedSource) -> list[tuple[Feed, str]]:
    """What was asked of feeds as they go on: the weekly passes come last, and start at a day of their own."""
    return list(takewhile(lambda asked: asked[1] != "2026-10-19", source.asked))


def test_pages_are_read_one_after_the_other_until_nothing_more_is_there() -> None:
    source = ScriptedSource({(Feed.JOBS, "day"): FIRST_JOBS, (Feed.JOBS, "jobs-1"): LAST_JOBS})
    store = MemoryJobs()

    runs = run(source, store)

    assert [row.id for row in store.rows(C, Feed.JOBS)] == [1, 2]
    assert (runs[Feed.JOBS].state, runs[Feed.JOBS].pages, runs[Feed.JOBS].rows) == (PassState.CURRENT, 2, 2)
    assert store.cursors[C, JOBS] == Cursor(continue_from="jobs-2", has_more=False, caught_up_at=NOON)


def test_the_first_read_starts_thirteen_months_back_for_jobs_ninety_days_for_calls_and_at_the_beginning_for_settings() -> (
    None
):
    source = ScriptedSource({})

    run(source, MemoryJobs())

    asked = dict(in_turn(source))
    assert asked[Feed.CALLS] == "2026-08-25"
    assert asked[Feed.BOOKINGS] == asked[Feed.JOBS] == asked[Feed.INVOICES] == "2025-10-23"
    assert asked[Feed.TAGS] < "2000-01-01"
    assert asked.keys() == set(Feed)


def test_an_empty_page_that_has_more_behind_it_is_not_the_end() -> None:
    empty = a_page(ends="jobs-1", has_more=True)
    source = ScriptedSource({(Feed.JOBS, "day"): empty, (Feed.JOBS, "jobs-1"): LAST_JOBS})
    store = MemoryJobs()

    run(source, store)

    assert [row.id for row in store.rows(C, Feed.JOBS)] == [2]


def test_feeds_take_turns() -> None:
    source = ScriptedSource(
        {
            (Feed.CALLS, "day"): a_page(a_call(1), ends="calls-1", feed=Feed.CALLS, has_more=True),
            (Feed.JOBS, "day"): FIRST_JOBS,
        }
    )

    run(source, MemoryJobs())

    assert [feed for feed, _ in in_turn(source)] == [*Feed, Feed.JOBS, Feed.CALLS]


def test_no_page_is_begun_without_time_for_it_and_the_next_run_goes_on() -> None:
    left = iter([PAGE_TIME, PAGE_TIME] + [PAGE_TIME - timedelta(milliseconds=1)] * 9)
    source = ScriptedSource({(Feed.JOBS, "day"): FIRST_JOBS})
    store = MemoryJobs()

    first = sync_jobs(SHOP, source, store, clock=lambda: NOON, time_left=lambda: next(left))
    run(source, store)

    assert {each.state for each in first.passes} == {PassState.MORE}
    assert [each.pages for each in first.passes] == [1, *[0] * (len(Feed) - 1)]
    assert first.has_more
    assert [start for feed, start in in_turn(source) if feed is Feed.JOBS] == ["2025-10-23", "jobs-1"]


def test_a_feed_that_is_not_granted_is_noted_and_the_others_go_on() -> None:
    source = ScriptedSource(
        {
            (Feed.CALLS, "day"): failed(SourceFault.FORBIDDEN),
            (Feed.BOOKINGS, "day"): a_page(a_booking(5), ends="b", feed=Feed.BOOKINGS),
        }
    )
    store = MemoryJobs()

    runs = run(source, store)

    assert runs[Feed.CALLS].cursor.error == "it said forbidden"
    assert store.failures == {(C, "calls"): "it said forbidden"}
    assert runs[Feed.BOOKINGS].state is PassState.CURRENT
    assert runs[Feed.JOBS].state is PassState.CURRENT


def test_refused_credentials_end_the_run_and_are_noted_with_every_feed() -> None:
    source = ScriptedSource({(Feed.JOBS, "day"): failed(SourceFault.CREDENTIALS)})
    store = MemoryJobs()

    ended = sync(source, store)

    assert len(source.asked) == 1
    assert {each.state for each in ended.passes} == {PassState.FAILED}
    assert len(store.failures) == len(Feed)
    assert ended.status.state is SyncState.REFUSED
    assert ended.status.next_due_at == NOON + timedelta(hours=1)


def test_a_wait_past_the_end_of_the_run_is_no_failure() -> None:
    source = ScriptedSource({(Feed.JOBS, "day"): failed(SourceFault.OUT_OF_TIME)})
    store = MemoryJobs()

    runs = run(source, store)

    assert {each.state for each in runs.values()} == {PassState.MORE}
    assert store.failures == {}


def test_a_failure_is_forgotten_with_the_next_page() -> None:
    store = MemoryJobs()
    run(ScriptedSource({(Feed.JOBS, "day"): failed(SourceFault.UNAVAILABLE)}), store)

    run(ScriptedSource({(Feed.JOBS, "day"): LAST_JOBS}), store, now=NOON + timedelta(minutes=5))

    assert store.failures == {}


def test_a_feed_that_failed_is_left_alone_until_a_retry_makes_sense() -> None:
    store = MemoryJobs()
    script: dict[tuple[Feed, str], FeedPage | JobSourceFailed] = {
        (Feed.JOBS, "day"): failed(SourceFault.UNAVAILABLE),
        (Feed.CALLS, "day"): failed(SourceFault.FORBIDDEN),
    }
    run(ScriptedSource(script), store)

    def asked(after: timedelta) -> set[Feed]:
        source = ScriptedSource(script)
        run(source, store, now=NOON + after)
        return {feed for feed, _ in source.asked}

    assert asked(timedelta(minutes=4)) == set()
    assert asked(timedelta(minutes=5)) == {Feed.JOBS}
    assert Feed.CALLS not in asked(timedelta(hours=23))
    assert Feed.CALLS in asked(timedelta(days=1))


def test_a_feed_is_read_again_when_its_interval_is_over() -> None:
    store = MemoryJobs()
    run(ScriptedSource({}), store)

    def asked(after: timedelta) -> list[Feed]:
        source = ScriptedSource({})
        run(source, store, now=NOON + after)
        return [feed for feed, _ in source.asked]

    assert asked(timedelta(minutes=14)) == []
    assert asked(timedelta(minutes=15)) == [
        Feed.JOBS,
        Feed.BOOKINGS,
        Feed.CALLS,
        Feed.CANCELLATIONS,
        Feed.INVOICES,
        Feed.ASSIGNMENTS,
    ]
    assert Feed.TAGS in asked(timedelta(hours=1))
    assert Feed.CAMPAIGNS not in asked(timedelta(hours=23))
    assert Feed.CAMPAIGNS in asked(timedelta(days=1))


def test_once_a_week_jobs_and_invoices_are_read_again_from_35_days_ago_on() -> None:
    store = MemoryJobs()
    first = ScriptedSource({(Feed.JOBS, "day"): a_page(a_job(1), ends="jobs-1")})
    sync(first, store)
    # 2 was committed late: it lies before the place where the feed goes on.
    late = {(Feed.JOBS, "day"): a_page(a_job(1), a_job(2), ends="old-1", has_more=True)}
    second, third = ScriptedSource(late), ScriptedSource({})

    sync(second, store, now=NOON + timedelta(days=6, hours=23))
    sync(third, store, now=NOON + timedelta(days=7))
    ended = sync(ScriptedSource(late), store, now=NOON + timedelta(days=14))

    assert [(feed, start) for feed, start in first.asked if start == "2026-10-19"] == [
        (Feed.JOBS, "2026-10-19"),
        (Feed.INVOICES, "2026-10-19"),
    ]
    assert (Feed.JOBS, "2026-10-24") not in second.asked
    assert [start for feed, start in third.asked if feed in (Feed.JOBS, Feed.INVOICES)][-2:] == ["2026-10-26"] * 2
    caught = {each.feed_pass: each.changed for each in ended.passes if each.feed_pass.is_overlap}
    assert caught == {JOBS_AGAIN: 1, INVOICES_AGAIN: 0}
    assert [row.id for row in store.rows(C, Feed.JOBS)] == [1, 2]
    assert store.cursors[C, JOBS_AGAIN].continue_from == "jobs-end"


def test_an_overlap_that_ran_out_of_time_goes_on_where_it_was() -> None:
    store = MemoryJobs()
    sync(ScriptedSource({}), store)
    store.cursors[C, JOBS_AGAIN] = replace(store.cursors[C, JOBS_AGAIN], continue_from="old-7", has_more=True)
    source = ScriptedSource({})

    sync(source, store, now=NOON + timedelta(minutes=1))

    assert source.asked == [(Feed.JOBS, "old-7")]


def test_how_a_run_ended_says_since_when_nothing_is_missing() -> None:
    store = MemoryJobs()
    behind = sync(ScriptedSource({}), store, time_left=PAGE_TIME - timedelta(seconds=1)).status
    current = sync(ScriptedSource({}), store).status
    script: dict[tuple[Feed, str], FeedPage | JobSourceFailed] = {
        (Feed.CALLS, "calls-end"): failed(SourceFault.UNAVAILABLE)
    }
    failing = sync(ScriptedSource(script), store, now=NOON + timedelta(minutes=20)).status

    assert (behind.state, behind.caught_up_at, behind.next_due_at) == (SyncState.BEHIND, None, NOON)
    assert (current.state, current.caught_up_at, current.problems) == (SyncState.CURRENT, NOON, {})
    assert current.next_due_at == NOON + timedelta(minutes=15)
    assert (failing.state, failing.caught_up_at) == (SyncState.FAILING, NOON)
    assert failing.problems == {"calls": "it said unavailable"}
    assert failing.next_due_at == NOON + timedelta(minutes=25)


def test_a_dead_place_falls_back_to_two_days_before_everything_was_last_read() -> None:
    store = MemoryJobs()
    store.cursors[C, JOBS] = Cursor(
        continue_from="dead", has_more=False, caught_up_at=datetime(2026, 11, 20, 9, tzinfo=UTC)
    )
    source = ScriptedSource({(Feed.JOBS, "dead"): failed(SourceFault.INVALID), (Feed.JOBS, "day"): LAST_JOBS})

    runs = run(source, store)

    assert [start for feed, start in in_turn(source) if feed is Feed.JOBS] == ["dead", "2026-11-18"]
    assert runs[Feed.JOBS].state is PassState.CURRENT
    assert store.cursors[C, JOBS].continue_from == "jobs-2"


def test_a_dead_place_in_the_middle_of_the_first_read_starts_that_again() -> None:
    store = MemoryJobs()
    store.cursors[C, JOBS] = Cursor(continue_from="dead")
    source = ScriptedSource({(Feed.JOBS, "dead"): failed(SourceFault.INVALID), (Feed.JOBS, "day"): LAST_JOBS})

    run(source, store)

    assert (Feed.JOBS, "2025-10-23") in source.asked


def test_a_source_that_refuses_its_own_places_is_not_asked_for_ever() -> None:
    places = [f"jobs-{number}" for number in range(50)]
    source = ScriptedSource({(Feed.JOBS, place): failed(SourceFault.INVALID) for place in places})
    left = iter(places)

    def give_another(feed: Feed) -> None:
        source.script[Feed.JOBS, "day"] = a_page(a_job(1), ends=next(left), has_more=True)

    source.before = give_another

    runs = run(source, MemoryJobs())

    assert runs[Feed.JOBS].state is PassState.FAILED
    assert len([feed for feed, _ in source.asked if feed is Feed.JOBS]) == 4


def test_a_feed_that_says_more_without_moving_on_fails() -> None:
    source = ScriptedSource({(Feed.JOBS, "day"): FIRST_JOBS, (Feed.JOBS, "jobs-1"): FIRST_JOBS})

    runs = run(source, MemoryJobs())

    assert runs[Feed.JOBS].state is PassState.FAILED


def test_a_run_that_was_overtaken_leaves_the_feed_to_the_other() -> None:
    store = MemoryJobs()
    source = ScriptedSource({(Feed.JOBS, "day"): FIRST_JOBS})

    def overtake(feed: Feed) -> None:
        if feed is Feed.JOBS:
            store.cursors[C, JOBS] = Cursor(continue_from="theirs")

    source.before = overtake

    runs = run(source, store)

    assert runs[Feed.JOBS].state is PassState.OVERTAKEN
    assert store.cursors[C, JOBS].continue_from == "theirs"
    assert store.rows(C, Feed.JOBS) == []


def test_a_page_that_cannot_be_stored_fails_its_feed_alone() -> None:
    class Choosy(MemoryJobs):
        def store_page(
            self, connection_id: str, feed_pass: FeedPass, page: FeedPage, *, previous: str | None, at: datetime
        ) -> int | None:
            if page.feed is Feed.CALLS:
                raise JobStoreFailed("too long a name")
            return super().store_page(connection_id, feed_pass, page, previous=previous, at=at)

    store = Choosy()

    runs = run(ScriptedSource({}), store)

    assert {feed for feed in Feed if runs[feed].state is PassState.FAILED} == {Feed.CALLS}
    assert store.failures == {(C, "calls"): "too long a name"}
