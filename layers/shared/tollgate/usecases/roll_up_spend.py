"""Adds the spans that are new to the rollups, or sums the days of a given stretch of time again.

The watermark moves in the same transaction, and says exactly which spans are in: each is added once, however late it comes, and a
repetition or a second run at once adds nothing.
"""

from dataclasses import dataclass
from datetime import datetime

from tollgate.domain.rollup import Stretch, days_of, months_of
from tollgate.ports import Rollups, SpanStore


@dataclass(frozen=True, slots=True, kw_only=True)
class RolledUp:
    """`spans`: how many were added, or summed again; `until`: the watermark, None for a given stretch, which moves none."""

    spans: int
    until: datetime | None


def roll_up_new(spans: SpanStore, rollups: Rollups, *, now: datetime) -> RolledUp:
    """Also makes the coming months' partitions. Raises SpansUnavailable; the watermark says how far it came then."""
    spans.make_partitions(now.date())
    count = 0
    while True:
        added = rollups.add_new()
        count += added.spans
        if added.is_last:
            return RolledUp(spans=count, until=added.until)


def roll_up_again(rollups: Rollups, stretch: Stretch) -> RolledUp:
    """Sums whole days of UTC. Those with spans that were dropped stay as they are. Raises SpansUnavailable."""
    kept_since = rollups.kept_since()
    count = sum(rollups.sum_day_again(day) for day in days_of(stretch) if kept_since is None or day.start > kept_since)
    for month in months_of(stretch):
        rollups.sum_month_again(month)
    return RolledUp(spans=count, until=None)
