"""Lets go of the pages of long past months, once Postgres has their spans (README.md, "How long things are kept").

A page that does not qualify stays for ever, and is told each day, until somebody has looked. Nothing writes on such a page in
practice; what does all the same is seen by the next day's run, which takes the end back, and a page that is gone is never opened
again: a record of its hold then counts in the month of its arrival, and nothing else names an old month.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from tollgate.domain.past_page import NOTICE, Fate, PageBooks, PastPage, fate_of, first_kept_month
from tollgate.ports import Shelf, SpanBooks

NEEDS_NO_EYE = frozenset({Fate.EXPIRE, Fate.EXPIRING})


@dataclass(frozen=True, slots=True, kw_only=True)
class Expired:
    """`fates`: how many pages have each; `stuck`: tenant and month -> why it stays, where somebody must look; `moved`: written on while
    they were judged, and left for tomorrow."""

    fates: Mapping[Fate, int]
    stuck: Mapping[str, Fate]
    moved: int


def expire_pages(shelf: Shelf, books: SpanBooks, *, clock: Callable[[], datetime]) -> Expired:
    """Safe to run twice at once. Raises LedgerUnavailable and SpansUnavailable: then the next day does the rest."""
    now = clock()
    past = shelf.past_pages(first_kept_month(now))
    stored = {
        (each.tenant_id, each.month): each
        for month in sorted({each.page.month for each in past})
        for each in books.books_of(month)
    }
    fates: Counter[Fate] = Counter()
    stuck: dict[str, Fate] = {}
    moved = 0
    for each in past:
        place = (each.page.tenant_id, each.page.month)
        fate = fate_of(each, stored.get(place) or PageBooks(tenant_id=place[0], month=place[1]))
        fates[fate] += 1
        moved += not _carry_out(fate, each, shelf, now)
        if fate not in NEEDS_NO_EYE:
            stuck[" ".join(place)] = fate
    return Expired(fates=dict(fates), stuck=stuck, moved=moved)


def _carry_out(fate: Fate, past: PastPage, shelf: Shelf, now: datetime) -> bool:
    match fate:
        case Fate.EXPIRE:
            return shelf.expire(past, int((now + NOTICE).timestamp()))
        case Fate.KEEP_AFTER_ALL:
            return shelf.keep(past)
        case _:
            return True
