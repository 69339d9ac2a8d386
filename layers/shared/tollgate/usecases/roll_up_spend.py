"""Sums the hours that have new spans, or those of a given stretch of time.

Each hour is summed anew as a whole, so a repetition, a late span and a second run at once all end in the same figures.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from tollgate.domain.rollup import Stretch, TenantHour, portions
from tollgate.ports import SpanStore


@dataclass(frozen=True, slots=True, kw_only=True)
class RolledUp:
    """`until`: the watermark that was reached; None for a given stretch, which moves none."""

    hours: int
    until: datetime | None


def roll_up_new(spans: SpanStore, *, now: datetime) -> RolledUp:
    """Also makes the coming months' partitions. Raises SpansUnavailable; the watermark says how far it came then."""
    spans.make_partitions(now.date())
    hours = 0
    while True:
        touched = spans.touched_hours()
        _sum_all(touched.hours, spans)
        spans.move_watermark(touched.until)
        hours += len(touched.hours)
        if touched.is_last:
            return RolledUp(hours=hours, until=touched.until)


def roll_up_again(spans: SpanStore, stretch: Stretch) -> RolledUp:
    """Sums each hour that has spans in a stretch; where none is left, the sums stay. Raises SpansUnavailable."""
    hours = spans.hours_within(stretch)
    _sum_all(hours, spans)
    return RolledUp(hours=len(hours), until=None)


def _sum_all(hours: Sequence[TenantHour], spans: SpanStore) -> None:
    for portion in portions(hours):
        spans.sum_hours(portion)
