"""Reads what changed at ServiceTitan, page by page, and has each page stored with the place where the next one starts.

The feeds take turns, so that a long first read of one does not starve the others. A run ends before its time does; the
next one goes on from the stored places. Whatever breaks in between repeats a page, which changes nothing.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from tollgate.domain.errors import JobSourceFailed, JobStoreFailed
from tollgate.domain.job import Cursor, Feed, FeedPage, SourceFault
from tollgate.ports import Clock, JobSource, JobStore

# How far back the first read goes: a year to compare with, and a month to spare; calls are many and matter while fresh.
BACKFILL = {Feed.CALLS: timedelta(days=90), Feed.BOOKINGS: timedelta(days=396), Feed.JOBS: timedelta(days=396)}
# Kept back from every read: enough to store its page, and to write down a failure.
STORE_TIME = timedelta(seconds=15)
# No page is begun with less: a read that has only a second or two fails more often than not.
PAGE_TIME = STORE_TIME + timedelta(seconds=5)

TimeLeft = Callable[[], timedelta]


class FeedState(StrEnum):
    """How a feed ends a run."""

    CURRENT = "current"
    MORE = "more"
    FAILED = "failed"
    OVERTAKEN = "overtaken"
    """Another run has moved the cursor meanwhile: it goes on, we stop."""


@dataclass(slots=True, kw_only=True)
class FeedRun:
    """One feed during one run. `unreadable` rows were left out, and are counted beside the cursor too."""

    feed: Feed
    cursor: Cursor
    state: FeedState = FeedState.MORE
    pages: int = 0
    rows: int = 0
    unreadable: int = 0
    has_restarted: bool = False
    error: str | None = None

    def take(self, page: FeedPage, at: datetime) -> None:
        self.pages += 1
        self.rows += len(page.rows)
        self.unreadable += page.unreadable
        self.state = FeedState.MORE if page.has_more else FeedState.CURRENT
        caught_up_at = self.cursor.caught_up_at if page.has_more else at
        self.cursor = Cursor(continue_from=page.continue_from, caught_up_at=caught_up_at)


def sync_jobs(
    connection_id: str, source: JobSource, store: JobStore, *, clock: Clock, time_left: TimeLeft
) -> list[FeedRun]:
    """One run over all feeds. Raises what the store raises when it cannot keep even a failure."""
    cursors = store.read_cursors(connection_id)
    runs = [FeedRun(feed=feed, cursor=cursors.get(feed, Cursor())) for feed in Feed]
    waiting = deque(runs)
    while waiting and time_left() >= PAGE_TIME:
        run = waiting.popleft()
        try:
            _sync_page(connection_id, run, source, store, at=clock(), time_left=time_left)
        except (JobSourceFailed, JobStoreFailed) as failure:
            fault = failure.fault if isinstance(failure, JobSourceFailed) else None
            if fault is SourceFault.OUT_OF_TIME:
                break
            for failed in [run, *waiting] if fault is SourceFault.CREDENTIALS else [run]:
                failed.state, failed.error = FeedState.FAILED, str(failure)
                store.note_failure(connection_id, failed.feed, message=str(failure), at=clock())
        waiting = deque(each for each in [*waiting, run] if each.state is FeedState.MORE)
    return runs


def _sync_page(
    connection_id: str, run: FeedRun, source: JobSource, store: JobStore, *, at: datetime, time_left: TimeLeft
) -> None:
    page = _read_page(run, source, at=at, time_left=time_left)
    if page.has_more and page.continue_from == run.cursor.continue_from:
        raise JobSourceFailed(f"The feed {run.feed} says more, but does not move on.", fault=SourceFault.UNAVAILABLE)
    if store.store_page(connection_id, page, previous=run.cursor.continue_from, at=at):
        run.take(page, at)
    else:
        run.state = FeedState.OVERTAKEN


def _read_page(run: FeedRun, source: JobSource, *, at: datetime, time_left: TimeLeft) -> FeedPage:
    """The next page; where the stored place is refused, once in a run, the first page since we last had everything."""
    start_day = run.cursor.restart(at, BACKFILL[run.feed]).date()
    start = run.cursor.continue_from or start_day
    try:
        return source.read_page(run.feed, start, time_left=time_left() - STORE_TIME)
    except JobSourceFailed as failure:
        if failure.fault is not SourceFault.INVALID or run.has_restarted or start is start_day:
            raise
    run.has_restarted = True
    return source.read_page(run.feed, start_day, time_left=time_left() - STORE_TIME)
