"""Which passes over a connection's feeds are due when, where each starts, and how a run of them ended."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from tollgate.domain.job import PASSES, Cursor, Feed, FeedPass, SourceFault

# What an owner looks at, what belongs to it, and what hardly ever changes.
OFTEN, HOURLY, DAILY = timedelta(minutes=15), timedelta(hours=1), timedelta(days=1)
INTERVALS: Mapping[Feed, timedelta] = {
    Feed.JOBS: OFTEN,
    Feed.BOOKINGS: OFTEN,
    Feed.CALLS: OFTEN,
    Feed.CANCELLATIONS: OFTEN,
    Feed.INVOICES: OFTEN,
    Feed.ASSIGNMENTS: OFTEN,
    Feed.LEADS: HOURLY,
    Feed.APPOINTMENTS: HOURLY,
    Feed.BUSINESS_UNITS: HOURLY,
    Feed.TECHNICIANS: HOURLY,
    Feed.TAGS: HOURLY,
    Feed.CAMPAIGNS: DAILY,
}
OVERLAP_INTERVAL = timedelta(days=7)
# How far back the first read goes: a year to compare with, and a month to spare; calls are many and matter while fresh; of settings all.
YEAR, QUARTER, ALL = timedelta(days=396), timedelta(days=90), timedelta(days=30 * 365)
BACKFILL: Mapping[Feed, timedelta] = {
    Feed.JOBS: YEAR,
    Feed.BOOKINGS: YEAR,
    Feed.CALLS: QUARTER,
    Feed.CANCELLATIONS: YEAR,
    Feed.INVOICES: YEAR,
    Feed.ASSIGNMENTS: YEAR,
    Feed.LEADS: YEAR,
    Feed.APPOINTMENTS: YEAR,
    Feed.BUSINESS_UNITS: ALL,
    Feed.TECHNICIANS: ALL,
    Feed.TAGS: ALL,
    Feed.CAMPAIGNS: ALL,
}
OVERLAP_BACK = timedelta(days=35)
# How far behind the last complete reading we start again when the place to go on from is lost.
LOST_PLACE_BACK = timedelta(days=2)
# After a failure: soon where it may have passed, seldom where a person must do something first. The token endpoint is throttled.
RETRY_AFTER: Mapping[SourceFault, timedelta] = {
    SourceFault.CREDENTIALS: timedelta(hours=1),
    SourceFault.FORBIDDEN: timedelta(days=1),
    SourceFault.INVALID: timedelta(minutes=15),
    SourceFault.UNAVAILABLE: timedelta(minutes=5),
    SourceFault.NOT_STORED: timedelta(minutes=5),
    SourceFault.OUT_OF_TIME: timedelta(0),
}


def due_at(feed_pass: FeedPass, cursors: Mapping[FeedPass, Cursor], now: datetime) -> datetime | None:
    """When it is to be read next; None for an overlap as long as the pass that it goes over has not come to an end."""
    cursor = cursors.get(feed_pass, Cursor())
    if cursor.fault is not None and cursor.failed_at is not None:
        return cursor.failed_at + RETRY_AFTER[cursor.fault]
    if feed_pass.is_overlap:
        going_on = cursors.get(FeedPass(feed=feed_pass.feed), Cursor())
        if going_on.caught_up_at is None or going_on.has_more:
            return None
    if cursor.has_more or cursor.caught_up_at is None:
        return now
    return cursor.caught_up_at + (OVERLAP_INTERVAL if feed_pass.is_overlap else INTERVALS[feed_pass.feed])


def due(cursors: Mapping[FeedPass, Cursor], now: datetime) -> list[FeedPass]:
    """In the order in which they are read: overlaps last."""
    return [each for each in PASSES if (at := due_at(each, cursors, now)) is not None and at <= now]


def next_due_at(cursors: Mapping[FeedPass, Cursor], now: datetime) -> datetime:
    times = [at for each in PASSES if (at := due_at(each, cursors, now)) is not None]
    return max(now, min(times, default=now))


def start_of(feed_pass: FeedPass, cursor: Cursor, now: datetime) -> str | date:
    """The place where the last page ended; the first day to read where there is none, and at the beginning of an overlap."""
    if cursor.continue_from is None or (feed_pass.is_overlap and not cursor.has_more):
        return first_day(feed_pass, cursor, now)
    return cursor.continue_from


def first_day(feed_pass: FeedPass, cursor: Cursor, now: datetime) -> date:
    """Without a place to go on from: nothing that changed since we last had everything may be missed."""
    if feed_pass.is_overlap:
        return (now - OVERLAP_BACK).date()
    since = cursor.caught_up_at - LOST_PLACE_BACK if cursor.caught_up_at else now - BACKFILL[feed_pass.feed]
    return since.date()


class SyncState(StrEnum):
    """Of a connection, after a run."""

    CURRENT = "current"
    BEHIND = "behind"
    """There is more to read: a first read, or more than a run has time for."""
    FAILING = "failing"
    """Some feed cannot be read; `problems` says which and why."""
    REFUSED = "refused"
    """The client or its key is refused, or all feeds are: nothing is read until somebody does something."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncStatus:
    """`connection_version`: of the connection that was read with; `caught_up_at`: since when nothing of the feeds that are read often is
    missing, None before their first end; `problems`: feed -> what is wrong, in words for the owner."""

    state: SyncState
    ended_at: datetime
    next_due_at: datetime
    connection_version: int
    caught_up_at: datetime | None
    problems: Mapping[str, str]


def status_of(cursors: Mapping[FeedPass, Cursor], *, version: int, now: datetime) -> SyncStatus:
    failed = {each for each, cursor in cursors.items() if cursor.fault is not None}
    often = [cursors.get(FeedPass(feed=feed), Cursor()) for feed in Feed if INTERVALS[feed] == OFTEN]
    ends = [cursor.caught_up_at for cursor in often if cursor.fault is not SourceFault.FORBIDDEN]
    reached = [at for at in ends if at is not None]
    return SyncStatus(
        state=_state(cursors, failed),
        ended_at=now,
        next_due_at=next_due_at(cursors, now),
        connection_version=version,
        caught_up_at=min(reached) if reached and len(reached) == len(ends) else None,
        problems={each.name: cursors[each].error or "It failed." for each in sorted(failed)},
    )


def _state(cursors: Mapping[FeedPass, Cursor], failed: set[FeedPass]) -> SyncState:
    going_on = {FeedPass(feed=feed) for feed in Feed}
    refusals = {SourceFault.CREDENTIALS, SourceFault.FORBIDDEN}
    if all(cursors.get(each, Cursor()).fault in refusals for each in going_on):
        return SyncState.REFUSED
    if failed:
        return SyncState.FAILING
    return SyncState.BEHIND if any(cursors.get(each, Cursor()).has_more for each in going_on) else SyncState.CURRENT
