"""Asks OpenAI when its models end, and stores what our price list does not know yet."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from tollgate.domain.lifecycle import ends_that_differ
from tollgate.ports import ModelEnds, ModelSource


@dataclass(frozen=True, slots=True, kw_only=True)
class Refreshed:
    """`told`: models whose end OpenAI says; `differing`: those of ours of which it says another than the price list."""

    told: int
    differing: Mapping[str, date | None]


def refresh_models(
    source: ModelSource, store: ModelEnds, shipped: Mapping[str, date | None], *, now: datetime
) -> Refreshed:
    """Raises ModelSourceFailed and LedgerUnavailable: what was stored before then stays."""
    told = source.ends()
    differing = ends_that_differ(shipped, told)
    store.write(differing, now)
    return Refreshed(told=len(told), differing=differing)
