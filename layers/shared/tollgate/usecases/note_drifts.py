"""Keeps the drifts that a comparison saw, and closes those that it no longer sees."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from tollgate.domain.drift import Drift, DriftKind, KeptDrift, Subject, gone
from tollgate.ports import DriftBook


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftNews:
    """What nobody has been told of yet: drifts that are new, and those that are gone."""

    opened: Sequence[KeptDrift] = ()
    closed: Sequence[KeptDrift] = ()


def note_drifts(
    seen: Sequence[Drift],
    book: DriftBook,
    *,
    kinds: Collection[DriftKind],
    was_compared: Callable[[Subject], bool],
    at: datetime,
) -> DriftNews:
    """`kinds`: those that the comparison looks for; `was_compared`: what it got to. Safe to repeat. Raises SpansUnavailable."""
    were_open = book.open(kinds)
    opened = book.see(seen, at)
    over = gone(were_open, seen, was_compared=was_compared)
    book.close([kept.id for kept in over], at)
    return DriftNews(opened=opened, closed=[replace(kept, closed_at=at) for kept in over])
