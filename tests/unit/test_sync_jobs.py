"""A run of the sync over a source that says what the test wants, and a store in memory."""

from datetime import UTC, datetime, timedelta

from tests.fakes.jobs import NOON, MemoryJobs, ScriptedSource, a_booking, a_call, a_job, a_page
from tollgate.domain.errors import JobSourceFailed, JobStoreFailed
from tollgate.domain.job import Cursor, Feed, FeedPage, SourceFault
from tollgate.usecases.sync_jobs import PAGE_TIME, FeedRun, FeedState, sync_jobs

LONG = timedelta(minutes=4)
FIRST_JOBS = a_page(a_job(1), ends="jobs-1", has_more=True)
LAST_JOBS = a_page(a_job(2), ends="jobs-2")


def failed(fault: SourceFault) -> JobSourceFailed:
    return JobSourceFailed(f"it said {fault}", fault=fault)


def run(source: ScriptedSource, store: MemoryJobs, *, time_left: timedelta = LONG) -> dict[Feed, FeedRun]:
    runs = sync_jobs("c", source, store, clock=lambda: NOON, time_left=lambda: time_left)
    return {each.feed: each for each in runs}


def test_pages_are_read_one_after_the_other_until_nothing_more_is_there() -> None:
    source = ScriptedSource({(Feed.JOBS, "day"): FIRST_JOBS, (Feed.JOBS, "jobs-1"): LAST_JOBS})
    store = MemoryJobs()

    runs = run(source, store)

    assert [row.id for row in store.rows("c", Feed.JOBS)] == [1, 2]
    assert (runs[Feed.JOBS].state, runs[Feed.JOBS].pages, runs[Feed.JOBS].rows) == (FeedState.CURRENT, 2, 2)
    assert store.cursors["c", Feed.JOBS] == Cursor(continue_from="jobs-2", caught_up_at=NOON)


def test_the_first_read_starts_thirteen_months_back_for_jobs_and_ninety_days_for_calls() -> None:
    source = ScriptedSource({})

    run(source, MemoryJobs())

    assert source.asked == [(Feed.CALLS, "2026-08-25"), (Feed.BOOKINGS, "2025-10-23"), (Feed.JOBS, "2025-10-23")]


def test_an_empty_page_that_has_more_behind_it_is_not_the_end() -> None:
    empty = a_page(ends="jobs-1", has_more=True)
    source = ScriptedSource({(Feed.JOBS, "day"): empty, (Feed.JOBS, "jobs-1"): LAST_JOBS})
    store = MemoryJobs()

    run(source, store)

    assert [row.id for row in store.rows("c", Feed.JOBS)] == [2]


def test_feeds_take_turns() -> None:
    source = ScriptedSource(
        {
            (Feed.CALLS, "day"): a_page(a_call(1), ends="calls-1", feed=Feed.CALLS, has_more=True),
            (Feed.JOBS, "day"): FIRST_JOBS,
        }
    )

    run(source, MemoryJobs())

    assert [feed for feed, _ in source.asked] == [Feed.CALLS, Feed.BOOKINGS, Feed.JOBS, Feed.CALLS, Feed.JOBS]


def test_no_page_is_begun_without_time_for_it_and_the_next_run_goes_on() -> None:
    left = iter([PAGE_TIME, PAGE_TIME] + [PAGE_TIME - timedelta(milliseconds=1)] * 9)
    source = ScriptedSource({(Feed.CALLS, "day"): a_page(a_call(1), ends="calls-1", feed=Feed.CALLS, has_more=True)})
    store = MemoryJobs()

    first = sync_jobs("c", source, store, clock=lambda: NOON, time_left=lambda: next(left))
    run(source, store)

    assert [each.state for each in first] == [FeedState.MORE] * 3
    assert [each.pages for each in first] == [1, 0, 0]
    assert [start for feed, start in source.asked if feed is Feed.CALLS] == ["2026-08-25", "calls-1"]


def test_a_feed_that_is_not_granted_is_noted_and_the_others_go_on() -> None:
    source = ScriptedSource(
        {
            (Feed.CALLS, "day"): failed(SourceFault.FORBIDDEN),
            (Feed.BOOKINGS, "day"): a_page(a_booking(5), ends="b", feed=Feed.BOOKINGS),
        }
    )
    store = MemoryJobs()

    runs = run(source, store)

    assert runs[Feed.CALLS].error == "it said forbidden"
    assert store.failures == {("c", Feed.CALLS): "it said forbidden"}
    assert runs[Feed.BOOKINGS].state is FeedState.CURRENT
    assert runs[Feed.JOBS].state is FeedState.CURRENT


def test_refused_credentials_end_the_run_and_are_noted_with_every_feed() -> None:
    source = ScriptedSource({(Feed.CALLS, "day"): failed(SourceFault.CREDENTIALS)})
    store = MemoryJobs()

    runs = run(source, store)

    assert len(source.asked) == 1
    assert {each.state for each in runs.values()} == {FeedState.FAILED}
    assert len(store.failures) == 3


def test_a_wait_past_the_end_of_the_run_is_no_failure() -> None:
    source = ScriptedSource({(Feed.CALLS, "day"): failed(SourceFault.OUT_OF_TIME)})
    store = MemoryJobs()

    runs = run(source, store)

    assert {each.state for each in runs.values()} == {FeedState.MORE}
    assert store.failures == {}


def test_a_failure_is_forgotten_with_the_next_page() -> None:
    store = MemoryJobs()
    run(ScriptedSource({(Feed.JOBS, "day"): failed(SourceFault.UNAVAILABLE)}), store)

    run(ScriptedSource({(Feed.JOBS, "day"): LAST_JOBS}), store)

    assert store.failures == {}


def test_a_dead_place_falls_back_to_two_days_before_everything_was_last_read() -> None:
    store = MemoryJobs()
    store.cursors["c", Feed.JOBS] = Cursor(continue_from="dead", caught_up_at=datetime(2026, 11, 20, 9, tzinfo=UTC))
    source = ScriptedSource({(Feed.JOBS, "dead"): failed(SourceFault.INVALID), (Feed.JOBS, "day"): LAST_JOBS})

    runs = run(source, store)

    assert [start for feed, start in source.asked if feed is Feed.JOBS] == ["dead", "2026-11-18"]
    assert runs[Feed.JOBS].state is FeedState.CURRENT
    assert store.cursors["c", Feed.JOBS].continue_from == "jobs-2"


def test_a_dead_place_in_the_middle_of_the_first_read_starts_that_again() -> None:
    store = MemoryJobs()
    store.cursors["c", Feed.JOBS] = Cursor(continue_from="dead")
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

    assert runs[Feed.JOBS].state is FeedState.FAILED
    assert len([feed for feed, _ in source.asked if feed is Feed.JOBS]) == 4


def test_a_feed_that_says_more_without_moving_on_fails() -> None:
    source = ScriptedSource({(Feed.JOBS, "day"): FIRST_JOBS, (Feed.JOBS, "jobs-1"): FIRST_JOBS})

    runs = run(source, MemoryJobs())

    assert runs[Feed.JOBS].state is FeedState.FAILED


def test_a_run_that_was_overtaken_leaves_the_feed_to_the_other() -> None:
    store = MemoryJobs()
    source = ScriptedSource({(Feed.JOBS, "day"): FIRST_JOBS})

    def overtake(feed: Feed) -> None:
        if feed is Feed.JOBS:
            store.cursors["c", feed] = Cursor(continue_from="theirs")

    source.before = overtake

    runs = run(source, store)

    assert runs[Feed.JOBS].state is FeedState.OVERTAKEN
    assert store.cursors["c", Feed.JOBS].continue_from == "theirs"
    assert store.rows("c", Feed.JOBS) == []


def test_a_page_that_cannot_be_stored_fails_its_feed_alone() -> None:
    class Choosy(MemoryJobs):
        def store_page(self, connection_id: str, page: FeedPage, *, previous: str | None, at: datetime) -> bool:
            if page.feed is Feed.CALLS:
                raise JobStoreFailed("too long a name")
            return super().store_page(connection_id, page, previous=previous, at=at)

    store = Choosy()

    runs = run(ScriptedSource({}), store)

    assert [runs[feed].state for feed in Feed] == [FeedState.FAILED, FeedState.CURRENT, FeedState.CURRENT]
    assert store.failures == {("c", Feed.CALLS): "too long a name"}
