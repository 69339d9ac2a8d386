"""Calls that were refused, counted by UTC hour, reason and agent: README.md, "Refusals", says which these are.

A refusal leaves no span, because it moves no money; so it is counted, not listed.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from tollgate.domain.errors import BreakerOpen, BudgetRefused, LoopRefused, ModelNotAllowed, UpstreamNotReached

HOUR = timedelta(hours=1)
# For one tenant and hour in one environment: who draws a new name for each call does not fill an item with them.
AGENTS_MAX = 20
LOOP, BREAKER, MODEL = "loop", "breaker", "model_not_allowed"


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedHour:
    """`hour`: when it begins; `counts`: (reason, agent) -> calls. The agent is None where a call named none, or too many were named."""

    hour: datetime
    counts: Mapping[tuple[str, str | None], int]

    def __post_init__(self) -> None:
        assert self.hour == hour_of(self.hour), "an hour begins at its full hour, in UTC"


@dataclass(slots=True, kw_only=True)
class Tally:
    """What one environment has counted of one tenant, and not yet handed over."""

    hours: dict[datetime, Counter[tuple[str, str | None]]] = field(default_factory=dict)

    def count(self, reason: str, agent: str | None, at: datetime, calls: int = 1) -> None:
        counts = self.hours.setdefault(hour_of(at), Counter())
        named = {name for _, name in counts if name is not None}
        if agent is not None and agent not in named and len(named) >= AGENTS_MAX:
            agent = None
        counts[reason, agent] += calls

    def take(self) -> tuple[RefusedHour, ...]:
        """All of it; nothing is left."""
        taken = tuple(RefusedHour(hour=hour, counts=dict(counts)) for hour, counts in sorted(self.hours.items()))
        self.hours.clear()
        return taken


def reason_of(error: Exception) -> str | None:
    """Why a call was refused that a limit, a rule or a breaker stood in the way of; None where it was not for these."""
    match error:
        case BudgetRefused():
            return error.refusal.reason.value
        case LoopRefused():
            return LOOP
        case UpstreamNotReached():
            # It was let through, and has a span.
            return None
        case BreakerOpen():
            return BREAKER
        case ModelNotAllowed():
            return MODEL
        case _:
            return None


def calls_in(hours: Iterable[RefusedHour]) -> int:
    return sum(sum(each.counts.values()) for each in hours)


def by_reason(hours: Iterable[RefusedHour]) -> dict[str, int]:
    """Most first."""
    counts: Counter[str] = Counter()
    for each in hours:
        for (reason, _), calls in each.counts.items():
            counts[reason] += calls
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def by_agent(hours: Iterable[RefusedHour]) -> dict[str | None, int]:
    counts: Counter[str | None] = Counter()
    for each in hours:
        for (_, agent), calls in each.counts.items():
            counts[agent] += calls
    return dict(counts)


def by_stretch(hours: Sequence[RefusedHour], edges: Sequence[datetime], end: datetime) -> list[list[RefusedHour]]:
    """The hours of each stretch between two edges, the last of which ends at `end`. An hour counts where it begins."""
    ends = [*edges[1:], end] if edges else []
    return [[each for each in hours if start <= each.hour < stop] for start, stop in zip(edges, ends, strict=True)]


def hour_of(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
