"""When the page of a past month may go: a while after its month, once Postgres has all that it says."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from tollgate.domain.money import ZERO, NanoUsd
from tollgate.domain.page import Page
from tollgate.domain.window import next_month, previous_month

# A year back can be looked up, and the month after it, while the year's figures are still argued about.
MONTHS_KEPT = 13
# From the decision to DynamoDB's deletion. Long enough for a write that comes after all to be seen by the next days' runs.
NOTICE = timedelta(days=7)


class Fate(StrEnum):
    """What becomes of an old page. All but the first three want somebody's eye."""

    EXPIRE = "expire"
    EXPIRING = "expiring"
    KEEP_AFTER_ALL = "keep_after_all"
    SOMETHING_HELD = "something_held"
    SPANS_MISSING = "spans_missing"
    SUMS_DIFFER = "sums_differ"


@dataclass(frozen=True, slots=True, kw_only=True)
class PastPage:
    """A page, when it expires (Unix seconds) if that is decided, and the `seq` that it had then."""

    page: Page
    expires_at: int | None = None
    expires_seq: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PageBooks:
    """What Postgres has of a page: its spans, how many different numbers they have, the last of these, the last epoch, their sum with
    what is booked as unexplained, and for how many numbers that stands: they are lost."""

    tenant_id: str
    month: str
    count: int = 0
    numbers: int = 0
    seq: int = 0
    epoch: int = 0
    spent: NanoUsd = ZERO
    lost: int = 0

    @property
    def is_whole(self) -> bool:
        """Each number from 1 on once, whatever the epoch, or given up, with its money booked as unexplained."""
        return self.count == self.numbers and self.count + self.lost == self.seq


def last_expiring_month(now: datetime, kept: int = MONTHS_KEPT) -> str:
    """The latest month that ended more than so many months ago in every time zone."""
    month = (now.astimezone(UTC) - timedelta(days=1)).strftime("%Y-%m")
    for _ in range(kept + 1):
        month = previous_month(month)
    return month


def first_kept_month(now: datetime, kept: int = MONTHS_KEPT) -> str:
    return next_month(last_expiring_month(now, kept))


def fate_of(past: PastPage, books: PageBooks) -> Fate:
    """Of a page whose month is old enough. One that has moved since its end was decided is judged anew, after its end is taken back."""
    page = past.page
    if past.expires_at is not None:
        stays = page.seq != past.expires_seq or page.holds or page.closed
        return Fate.KEEP_AFTER_ALL if stays else Fate.EXPIRING
    if page.holds or page.closed:
        return Fate.SOMETHING_HELD
    if page.seq != books.seq or not books.is_whole:
        return Fate.SPANS_MISSING
    return Fate.EXPIRE if page.use.spent == page.use.used == books.spent else Fate.SUMS_DIFFER
