"""Lets go of the spans of long past months: the last to go, after the ledger's pages of those months, and never without their rollups.

The rollups stay, and so does what the books of each page said (README.md, "How long things are kept").
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from tollgate.domain.past_page import MONTHS_KEPT, first_kept_month
from tollgate.ports import Shelf, SpanMonths


class Reason(StrEnum):
    PAGES_LEFT = "pages_left"
    NOT_ROLLED_UP = "not_rolled_up"


@dataclass(frozen=True, slots=True, kw_only=True)
class Dropped:
    """Months; `kept`: those that are old enough, and why they stay until the next day."""

    months: tuple[str, ...]
    kept: Mapping[str, Reason]


def drop_spans(shelf: Shelf, months: SpanMonths, *, months_kept: int, now: datetime) -> Dropped:
    """A page that is there is proof that its month is not done with: it goes only once Postgres has all its spans, and its sums agree.

    Raises LedgerUnavailable and SpansUnavailable: then the next day does the rest.
    """
    first_kept = first_kept_month(now, max(months_kept, MONTHS_KEPT))
    old = months.months_before(first_kept)
    with_pages = {past.page.month for past in shelf.past_pages(first_kept)} if old else set()
    dropped: list[str] = []
    kept: dict[str, Reason] = {}
    for month in old:
        if month in with_pages:
            kept[month] = Reason.PAGES_LEFT
        elif months.drop_month(month):
            dropped.append(month)
        else:
            kept[month] = Reason.NOT_ROLLED_UP
    return Dropped(months=tuple(dropped), kept=kept)
