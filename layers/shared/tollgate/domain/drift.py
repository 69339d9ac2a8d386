"""A drift: two books that should say the same do not. It is seen, seen again, and one day gone; its row says all three."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from tollgate.domain.money import NanoUsd


class DriftKind(StrEnum):
    """Which two books, and how they differ. What to do about each: infra/runbooks/books.md."""

    # Numbers of a page that no stored span has.
    MISSING_SPANS = "missing_spans"
    # Stored spans with greater numbers than their page has.
    SPANS_AHEAD = "spans_ahead"
    # Every number is there, and the sum still differs.
    SPENT = "spent"
    # A settled UTC day's calls cost another amount on OpenAI's bill than in the spans.
    OPENAI_COST = "openai_cost"
    # OpenAI counted tokens that no span has, or does not know those that spans have.
    OPENAI_USAGE = "openai_usage"


# Those between the ledger and the spans.
OF_THE_SPANS = frozenset({DriftKind.MISSING_SPANS, DriftKind.SPANS_AHEAD, DriftKind.SPENT})

# Those between the spans and OpenAI's own figures.
OF_THE_BILL = frozenset({DriftKind.OPENAI_COST, DriftKind.OPENAI_USAGE})


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What a drift is of: two of the same subject are one drift. `month`: `yyyy-mm`; without a `day`, the whole of it; without a tenant,
    of none in particular."""

    kind: DriftKind
    tenant_id: str | None
    month: str
    day: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """`expected`: what the book says that is believed; `found`: what the other says; `detail`: JSON for a person."""

    subject: Subject
    expected: NanoUsd
    found: NanoUsd
    detail: Mapping[str, Any] = field(default_factory=dict)

    @property
    def amount(self) -> int:
        """Nano-dollars by which what was found is more than what was expected."""
        return self.found - self.expected


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptDrift:
    """As its row has it; `closed_at` is None while it is open."""

    id: int
    drift: Drift
    first_seen_at: datetime
    last_seen_at: datetime
    closed_at: datetime | None = None


def gone(
    were_open: Sequence[KeptDrift], seen: Sequence[Drift], *, was_compared: Callable[[Subject], bool]
) -> Sequence[KeptDrift]:
    """Those that were open, whose subject was looked at, and that were not seen again."""
    there = {drift.subject for drift in seen}
    return [kept for kept in were_open if kept.drift.subject not in there and was_compared(kept.drift.subject)]
