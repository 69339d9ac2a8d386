"""Reads what changed at one ServiceTitan tenant, page by page, and has each page stored with the place where the next one starts.

The passes take turns, so that a long first read of one feed does not starve the others. A run ends before its time does; the
next one goes on from the stored places. Whatever breaks in between repeats a page, which changes nothing.
"""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from tollgate.domain.connection import Connection
from tollgate.domain.errors import JobSourceFailed, JobStoreFailed
from tollgate.domain.job import Cursor, Feed, FeedPage, FeedPass, SourceFault
from tollgate.domain.sync_plan import SyncStatus, due, first_day, start_of, status_of
from tollgate.ports import Clock, JobSource, JobStore

# Kept back from every read: enough to store its page, and to write down a failure.
STORE_TIME = timedelta(seconds=15)
# No page is begun with less: a read that has only a second or two fails more often than not.
PAGE_TIME = STORE_TIME + timedelta(seconds=5)

TimeLeft = Callable[[], timedelta]


class PassState(StrEnum):
    """How a pass ends a run."""

    CURRENT = "current"
    MORE = "more"
    FAILED = "failed"
    OVERTAKEN = "overtaken"
    """Another run has moved the cursor meanwhile: it goes on, we stop."""


@dataclass(slots=True, kw_only=True)
class PassRun:
    """One pass over a feed during one run. `changed`: rows that are others than before; `unreadable` rows were left out, and are counted
    beside the cursor too."""

    feed_pass: FeedPass
    cursor: Cursor
    state: PassState = PassState.MORE
    pages: int = 0
    rows: int = 0
    changed: int = 0
    unreadable: int = 0
    has_restarted: bool = False

    @property
    def feed(self) -> Feed:
        return self.feed_pass.feed

    def take(self, page: FeedPage, changed: int, at: datetime) -> None:
        self.pages += 1
        self.rows += len(page.rows)
        self.changed += changed
        self.unreadable += page.unreadable
        self.state = PassState.MORE if page.has_more else PassState.CURRENT
        self.cursor = Cursor(
            continue_from=page.continue_from,
            has_more=page.has_more,
            caught_up_at=self.cursor.caught_up_at if page.has_more else at,
        )

    def fail(self, failure: Exception, fault: SourceFault, at: datetime) -> None:
        self.state = PassState.FAILED
        self.cursor = replace(self.cursor, fault=fault, error=str(failure), failed_at=at)


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncRun:
    passes: Sequence[PassRun]
    status: SyncStatus

    @property
    def has_more(self) -> bool:
        """It ended for want of time, and should go on at once."""
        return any(each.state is PassState.MORE for each in self.passes)


def sync_jobs(
    connection: Connection, source: JobSource, store: JobStore, *, clock: Clock, time_left: TimeLeft
) -> SyncRun:
    """One run over all passes that are due. Raises what the store raises when it cannot keep even a failure."""
    cursors = dict(store.begin(connection, at=clock()))
    runs: list[PassRun] = []
    # An overlap becomes due when the pass that it goes over has come to its end: so what is due is asked once more.
    while fresh := _begun(cursors, runs, clock()):
        runs += fresh
        _read(connection.id, fresh, source, store, clock=clock, time_left=time_left)
        cursors |= {run.feed_pass: run.cursor for run in fresh}
    return SyncRun(passes=runs, status=status_of(cursors, version=connection.version, now=clock()))


def _begun(cursors: dict[FeedPass, Cursor], runs: list[PassRun], now: datetime) -> list[PassRun]:
    if any(run.state is PassState.MORE or run.cursor.fault is SourceFault.CREDENTIALS for run in runs):
        return []
    begun = {run.feed_pass for run in runs}
    return [
        PassRun(feed_pass=each, cursor=cursors.get(each, Cursor())) for each in due(cursors, now) if each not in begun
    ]


def _read(
    connection_id: str,
    runs: Sequence[PassRun],
    source: JobSource,
    store: JobStore,
    *,
    clock: Clock,
    time_left: TimeLeft,
) -> None:
    waiting = deque(runs)
    while waiting and time_left() >= PAGE_TIME:
        run = waiting.popleft()
        try:
            _sync_page(connection_id, run, source, store, at=clock(), time_left=time_left)
        except (JobSourceFailed, JobStoreFailed) as failure:
            fault = failure.fault if isinstance(failure, JobSourceFailed) else SourceFault.NOT_STORED
            if fault is SourceFault.OUT_OF_TIME:
                break
            for failed in [run, *waiting] if fault is SourceFault.CREDENTIALS else [run]:
                failed.fail(failure, fault, clock())
                store.note_failure(connection_id, failed.feed_pass, fault=fault, message=str(failure), at=clock())
        waiting = deque(each for each in [*waiting, run] if each.state is PassState.MORE)


def _sync_page(
    connection_id: str, run: PassRun, source: JobSource, store: JobStore, *, at: datetime, time_left: TimeLeft
) -> None:
    page = _read_page(run, source, at=at, time_left=time_left)
    if page.has_more and page.continue_from == run.cursor.continue_from:
        raise JobSourceFailed(f"The feed {run.feed} says more, but does not move on.", fault=SourceFault.UNAVAILABLE)
    changed = store.store_page(connection_id, run.feed_pass, page, previous=run.cursor.continue_from, at=at)
    if changed is None:
        run.state = PassState.OVERTAKEN
    else:
        run.take(page, changed, at)


def _read_page(run: PassRun, source: JobSource, *, at: datetime, time_left: TimeLeft) -> FeedPage:
    """The next page; where the stored place is refused, once in a run, the first page since we last had everything."""
    start = start_of(run.feed_pass, run.cursor, at)
    try:
        return source.read_page(run.feed, start, time_left=time_left() - STORE_TIME)
    except JobSourceFailed as failure:
        if failure.fault is not SourceFault.INVALID or run.has_restarted or not isinstance(start, str):
            raise
    run.has_restarted = True
    return source.read_page(run.feed, first_day(run.feed_pass, run.cursor, at), time_left=time_left() - STORE_TIME)
