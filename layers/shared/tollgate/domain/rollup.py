"""Spans summed by blocks of time: which blocks there are, and which of them make up a period.

Blocks are quarter-hours, hours and days of UTC. The days and hours of every time zone since 2000 begin on a quarter-hour of UTC, so
any of them is put together from whole blocks; what an instant cuts out of a quarter-hour is left to the spans.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from itertools import pairwise

from tollgate.domain.posting import Deed
from tollgate.domain.span import Outcome
from tollgate.domain.window import next_month, previous_month

# What counts as a call: each hold that was used or may have been, and each record. Never a hold that was given back.
CALLS = frozenset({Outcome.OK, Outcome.REJECTED, Outcome.FAILED, Outcome.UNKNOWN, Outcome.LAPSED, Outcome.RECORDED})
# A late settlement has the call's true outcome, but the call was counted when it lapsed.
NEVER_A_CALL = Deed.LATE

# So many spans are added in one transaction: a second or two, on a small database a few. A statement that passed its time limit of 15 s
# would be tried again for ever; 50,000 spans of as many quarter-hours were seen to.
SLICE = 10_000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)


class Grain(StrEnum):
    QUARTER = "quarter"
    HOUR = "hour"
    DAY = "day"


LENGTHS = {Grain.DAY: DAY, Grain.HOUR: timedelta(hours=1), Grain.QUARTER: timedelta(minutes=15)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """From `start` to `end`, the end excluded; aware instants."""

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        if self.start.tzinfo is None or self.end.tzinfo is None:
            raise ValueError("from and to must be instants with a time zone")
        if self.end <= self.start:
            raise ValueError("to must be later than from")


@dataclass(frozen=True, slots=True, kw_only=True)
class Blocks:
    """All blocks of a grain in a stretch that begins and ends with one."""

    grain: Grain
    within: Stretch


@dataclass(frozen=True, slots=True, kw_only=True)
class Cover:
    """What makes up a stretch, in order and without overlap: whole blocks, the largest that fit, and what they leave over."""

    blocks: tuple[Blocks, ...]
    cut: tuple[Stretch, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """`spans`: how many were new to the rollups; `until`: the watermark that was reached (the store's clock); `is_last`: it has all now."""

    spans: int
    until: datetime
    is_last: bool


def cover(edges: Sequence[datetime]) -> Cover:
    """Of the time from the first edge to the last. No block lies across an edge."""
    parts = [part for start, end in pairwise(edges) for part in _parts(start, end, tuple(LENGTHS))]
    blocks: list[Blocks] = []
    for part in parts:
        if isinstance(part, Blocks):
            start = part.within.start
            if blocks and blocks[-1].grain is part.grain and blocks[-1].within.end == start:
                start = blocks.pop().within.start
            blocks.append(Blocks(grain=part.grain, within=Stretch(start=start, end=part.within.end)))
    return Cover(blocks=tuple(blocks), cut=tuple(part for part in parts if isinstance(part, Stretch)))


def stretch_of(start: str, end: str) -> Stretch:
    """From RFC 3339 instants or dates (UTC; `to` included when a date). Raises ValueError."""
    return Stretch(start=_instant(start), end=_instant(end) + timedelta(days=1 if len(end) == len("2026-11-01") else 0))


def days_of(stretch: Stretch) -> Iterator[Stretch]:
    """The days of UTC that a stretch touches."""
    start = floor(stretch.start, DAY)
    while start < stretch.end:
        yield Stretch(start=start, end=start + DAY)
        start += DAY


def months_of(stretch: Stretch) -> Iterator[date]:
    """The months (their first days) whose own days, of whatever time zone, a stretch can touch."""
    month = previous_month(f"{stretch.start:%Y-%m}")
    while month <= next_month(f"{stretch.end:%Y-%m}"):
        yield date.fromisoformat(f"{month}-01")
        month = next_month(month)


def floor(at: datetime, length: timedelta) -> datetime:
    """Where the block of this length that has `at` in it begins."""
    return EPOCH + (at - EPOCH) // length * length


def _parts(start: datetime, end: datetime, grains: tuple[Grain, ...]) -> Iterator[Blocks | Stretch]:
    if start >= end:
        return
    if not grains:
        yield Stretch(start=start, end=end)
        return
    first, last = _ceil(start, LENGTHS[grains[0]]), floor(end, LENGTHS[grains[0]])
    if first >= last:
        yield from _parts(start, end, grains[1:])
        return
    yield from _parts(start, first, grains[1:])
    yield Blocks(grain=grains[0], within=Stretch(start=first, end=last))
    yield from _parts(last, end, grains[1:])


def _ceil(at: datetime, length: timedelta) -> datetime:
    return EPOCH - (EPOCH - at) // length * length


def _instant(text: str) -> datetime:
    instant = datetime.fromisoformat(text)
    return instant.replace(tzinfo=UTC) if len(text) == len("2026-11-01") else instant
