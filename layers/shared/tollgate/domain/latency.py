"""How long calls took, from buckets that can be added up."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    """Calls of about the same length: eight buckets for each doubling, so the longest takes at most 9.1% more than the shortest.

    `number`: the whole part of 8 times the binary logarithm of the milliseconds, at least of one; `milliseconds`: of all of them.
    """

    number: int
    calls: int
    milliseconds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """Milliseconds of calls, the gate's own time included; None without calls that say."""

    p50: int | None = None
    p95: int | None = None


def latency_of(buckets: Sequence[Bucket]) -> Latency:
    """Percentiles by nearest rank, each told as the mean of its bucket: exact where a bucket has one length, else within 9.1%."""
    ordered = sorted(buckets, key=lambda bucket: bucket.number)
    return Latency(p50=_percentile(ordered, 50), p95=_percentile(ordered, 95))


def _percentile(ordered: Sequence[Bucket], hundredths: int) -> int | None:
    rank = -(-hundredths * sum(bucket.calls for bucket in ordered) // 100)
    for bucket in ordered:
        rank -= bucket.calls
        if rank <= 0:
            return round(bucket.milliseconds / bucket.calls)
    return None
