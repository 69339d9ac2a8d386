"""What a call that nobody saw the end of was billed, told from the provider's usage by the minute: told, or left alone, never guessed.

All that is known of a tenant's calls is laid on a line of minutes. Calls that touch each other, with some minutes to
spare on either side because nobody says by which clock and which end of a call the provider counts, make a stretch. What the
provider counted within a stretch, less what its calls are known to have used, was used by those whose use is not known: where that
is nothing, none of them was billed; where it is one request and only one call can have made it, that is the call.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from tollgate.domain.errors import ModelNotPriced
from tollgate.domain.money import ZERO, NanoUsd
from tollgate.domain.provider_bill import ProviderUsage
from tollgate.domain.usage import NO_USAGE, Usage

# On either side of a call: clocks, and which end of it the provider counts.
SLACK = timedelta(minutes=2)
LONG_AGO = datetime.min.replace(tzinfo=UTC)


class Knowledge(StrEnum):
    """What a span says of its call's use."""

    USED = "used"
    # Nothing is known, and a correction is wanted.
    OPEN = "open"
    # It may have used something, and no correction is wanted: settled since, or failed at the provider.
    DOUBTFUL = "doubtful"


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownCall:
    """`model`: the name that its price goes by; `hold`: the public id; `booked`: what stands in the books for it now."""

    hold: str
    model: str
    began: datetime
    ended: datetime
    knowledge: Knowledge
    booked: NanoUsd = ZERO
    usage: Usage = NO_USAGE


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What became of a tenant's calls within a time? `is_settled`: the figures do not grow any more, so that what is not in them was
    never billed.

    `postings`: month -> the number of the last posting on its page: only where all of them have their spans does one know what calls
    there were. `in_flight`: model and beginning of calls that have none yet.
    """

    tenant_id: str
    project: str
    start: datetime
    end: datetime
    is_settled: bool
    postings: Mapping[str, int] = field(default_factory=dict)
    in_flight: tuple[tuple[str, datetime], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """`cost`: what the call was billed, by the provider's own figures; `usage`: nothing where it never was."""

    call: KnownCall
    cost: NanoUsd
    usage: Usage
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """Both ends included, with their slack."""

    first: datetime
    last: datetime
    calls: tuple[KnownCall, ...]

    def has(self, bucket: ProviderUsage) -> bool:
        return bucket.start <= self.last and bucket.start + timedelta(minutes=1) > self.first


@dataclass(frozen=True, slots=True, kw_only=True)
class Rest:
    """What the provider counted of one model beyond the known calls."""

    model: str
    requests: int
    usage: Usage
    tiers: frozenset[str]


CostOf = Callable[[str, Usage, str, datetime], NanoUsd]


def findings(
    calls: Sequence[KnownCall],
    minutes: Sequence[ProviderUsage],
    *,
    start: datetime,
    end: datetime,
    cost_of: CostOf,
) -> Sequence[Finding]:
    """Of one tenant. `calls`: all that touch the time from `start` to `end`; `minutes`: all usage within it, by model and tier, with
    models named as in the calls; `cost_of(model, usage, tier, at)`, which may raise ModelNotPriced."""
    stretches = list(stretches_of(calls))
    used = [bucket for bucket in minutes if bucket.requests or bucket.usage != NO_USAGE]
    if any(not any(stretch.has(bucket) for stretch in stretches) for bucket in used):
        # Somebody else uses the key, or the provider counts by a clock that we do not know: then nothing here proves anything.
        return []
    return [
        finding
        for stretch in stretches
        if stretch.first >= start and stretch.last < end
        for finding in _of_stretch(stretch, [bucket for bucket in used if stretch.has(bucket)], cost_of)
    ]


def stretches_of(calls: Sequence[KnownCall]) -> Iterator[Stretch]:
    """Apart from each other by at least a whole minute, so that no bucket is of two."""
    group: list[KnownCall] = []
    first = last = LONG_AGO
    for call in sorted(calls, key=lambda call: call.began):
        begins, ends = _minute(call.began - SLACK), _minute(call.ended + SLACK)
        if group and begins > last:
            yield Stretch(first=first, last=last, calls=tuple(group))
            group = []
        first, last = (first, max(last, ends)) if group else (begins, ends)
        group.append(call)
    if group:
        yield Stretch(first=first, last=last, calls=tuple(group))


def _of_stretch(stretch: Stretch, buckets: Sequence[ProviderUsage], cost_of: CostOf) -> Iterator[Finding]:
    known = [call for call in stretch.calls if call.knowledge is Knowledge.USED]
    open_calls = [call for call in stretch.calls if call.knowledge is Knowledge.OPEN]
    others = len(stretch.calls) - len(known)
    models = {bucket.model for bucket in buckets} | {call.model for call in known}
    rests = [_rest_of(model, buckets, known) for model in sorted(models)]
    if any(rest is None for rest in rests):
        return
    left = [rest for rest in rests if rest is not None and (rest.requests or rest.usage != NO_USAGE)]
    if not left:
        for call in open_calls:
            yield Finding(call=call, cost=ZERO, usage=NO_USAGE, reason="the provider counted no request for it")
    elif len(left) == 1 and left[0].requests == 1 and len(open_calls) == others == 1:
        yield from _of_one(open_calls[0], left[0], cost_of)


def _of_one(call: KnownCall, rest: Rest, cost_of: CostOf) -> Iterator[Finding]:
    """By the model that was billed: now and then a call is served by a cheaper one than its hold says."""
    if rest.usage == NO_USAGE or len(rest.tiers) != 1:
        return
    [tier] = rest.tiers
    try:
        cost = cost_of(rest.model, rest.usage, tier, call.began)
    except ModelNotPriced:
        return
    # More than its worst case is not this call's.
    if cost <= call.booked:
        yield Finding(
            call=call, cost=cost, usage=rest.usage, reason="the provider counted one request that no other call made"
        )


def _rest_of(model: str, buckets: Sequence[ProviderUsage], known: Sequence[KnownCall]) -> Rest | None:
    """None where less was counted than is known."""
    counted = [bucket for bucket in buckets if bucket.model == model]
    calls = [call for call in known if call.model == model]
    usage = _less([bucket.usage for bucket in counted], [call.usage for call in calls])
    requests = sum(bucket.requests for bucket in counted) - len(calls)
    if usage is None or requests < 0:
        return None
    return Rest(model=model, requests=requests, usage=usage, tiers=frozenset(bucket.tier for bucket in counted))


def _less(counted: Sequence[Usage], known: Sequence[Usage]) -> Usage | None:
    """What is left, class by class; None where less was counted than is known."""
    rest = {
        name: sum(getattr(each, name) for each in counted) - sum(getattr(each, name) for each in known)
        for name in ("uncached", "cached", "written", "output")
    }
    return None if any(tokens < 0 for tokens in rest.values()) else Usage(**rest)


def _minute(at: datetime) -> datetime:
    return at.replace(second=0, microsecond=0)
