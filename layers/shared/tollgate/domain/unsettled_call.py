"""What a call that nobody saw the end of was billed, told from the provider's usage by the minute: told, or left alone, never guessed.

All that is known of a tenant's calls of one model is laid on a line of minutes. Calls that touch each other, with some minutes to
spare on either side because nobody says by which clock and which end of a call the provider counts, make a stretch. What the
provider counted within a stretch, less what its calls are known to have used, was used by those whose use is not known: where that
is nothing, none of them was billed; where it is one request and only one call can have made it, that is the call.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

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
    never billed."""

    tenant_id: str
    project: str
    start: datetime
    end: datetime
    is_settled: bool


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


CostOf = Callable[[str, Usage, str, datetime], NanoUsd]


def findings(
    calls: Sequence[KnownCall],
    minutes: Sequence[ProviderUsage],
    *,
    start: datetime,
    end: datetime,
    cost_of: CostOf,
) -> Sequence[Finding]:
    """Of one tenant and one model. `calls`: all that touch the time from `start` to `end`; `minutes`: all usage within it, by the
    model's tiers; `cost_of(model, usage, tier, at)`."""
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
    rest = _less([bucket.usage for bucket in buckets], [call.usage for call in known])
    requests = sum(bucket.requests for bucket in buckets) - len(known)
    if rest is None or requests < 0:
        return
    if requests == 0 and rest == NO_USAGE:
        for call in open_calls:
            yield Finding(call=call, cost=ZERO, usage=NO_USAGE, reason="the provider counted no request for it")
    elif requests == 1 and rest != NO_USAGE and len(open_calls) == others == 1:
        call = open_calls[0]
        tiers = {bucket.tier for bucket in buckets}
        cost = max(cost_of(call.model, rest, tier, call.began) for tier in tiers)
        # More than its worst case, or by a tier that cannot be told, is not this call's.
        if len(tiers) == 1 and cost <= call.booked:
            yield Finding(
                call=call, cost=cost, usage=rest, reason="the provider counted one request that no other call made"
            )


def _less(counted: Sequence[Usage], known: Sequence[Usage]) -> Usage | None:
    """What is left, class by class; None where less was counted than is known."""
    rest = {
        name: sum(getattr(each, name) for each in counted) - sum(getattr(each, name) for each in known)
        for name in ("uncached", "cached", "written", "output")
    }
    return None if any(tokens < 0 for tokens in rest.values()) else Usage(**rest)


def _minute(at: datetime) -> datetime:
    return at.replace(second=0, microsecond=0)
