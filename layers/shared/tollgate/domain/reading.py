"""What a page of the ledger said at one moment, beside what the stored spans say of the same postings.

A reading is compared when it is some minutes old: by then no span of its postings is on its way any more, so whatever differs is a
drift. Sums are exact, for the month and for each day that is known; nothing is an estimate.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from tollgate.domain.drift import Drift, DriftKind, Subject
from tollgate.domain.money import ZERO, NanoUsd
from tollgate.domain.page import Page

RANGES_SHOWN = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """`days`: `dd` -> spent, of the days that are known. The sweep drops a day's numbers from the page two days after its end, so they
    are remembered from earlier readings."""

    tenant_id: str
    month: str
    epoch: int
    seq: int
    spent: NanoUsd
    days: Mapping[str, NanoUsd]
    read_at: datetime

    @property
    def rest(self) -> int:
        """What was spent on days that are not known."""
        return self.spent - sum(self.days.values())


def reading_of(page: Page, read_at: datetime, before: Reading | None) -> Reading:
    """With the days that the page has dropped since `before`, if they account for all that was spent: one that moved before it was
    dropped would be wrong."""
    days = {day: use.spent for day, use in page.days.items()}
    dropped = before.days if before is not None and before.epoch == page.epoch else {}
    every = {**dropped, **days}
    return Reading(
        tenant_id=page.tenant_id,
        month=page.month,
        epoch=page.epoch,
        seq=page.seq,
        spent=page.use.spent,
        days=every if sum(every.values()) == page.use.spent else days,
        read_at=read_at,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Missed:
    """Numbers in a row that have no span, both ends included. `since`: when the first of them was missed; `until`: when the last was."""

    first: int
    last: int
    since: datetime
    until: datetime

    @property
    def count(self) -> int:
        return self.last - self.first + 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """What the spans of a page say up to a reading's `seq`.

    `days`: `dd` -> the sum, unexplained money included; `spans`, `numbers`: how many there are, and how many different numbers these
    have; `booked`: how many numbers have unexplained money in their place; `newest`: the greatest number of all.
    """

    days: Mapping[str, NanoUsd] = field(default_factory=dict)
    spans: int = 0
    numbers: int = 0
    booked: int = 0
    newest: int = 0

    @property
    def spent(self) -> NanoUsd:
        return NanoUsd(sum(self.days.values()))

    def missing(self, reading: Reading) -> int:
        return reading.seq - self.numbers - self.booked


@dataclass(frozen=True, slots=True, kw_only=True)
class BooksState:
    """How the books stand. `missing`: numbers without a span; `compared_at`: when a page was last compared."""

    open_drifts: int
    missing: int
    compared_at: datetime | None


def drifts_of(reading: Reading, stored: Stored, missed: Sequence[Missed]) -> list[Drift]:
    """A page that lacks spans is one drift, with the days in it; one that has them all and differs, one for the month and each day."""
    if missed:
        return [_missing(reading, stored, missed)]
    facts = {"seq": reading.seq, "spans": stored.spans, "numbers": stored.numbers}
    drifts = [
        Drift(subject=_subject(reading, DriftKind.SPENT, day), expected=expected, found=found, detail=facts)
        for day, (expected, found) in differing_days(reading, stored).items()
    ]
    if reading.spent != stored.spent:
        drifts.append(
            Drift(subject=_subject(reading, DriftKind.SPENT), expected=reading.spent, found=stored.spent, detail=facts)
        )
    return drifts


def ahead(reading: Reading, stored: Stored, page: Page | None) -> list[Drift]:
    """`page` was read after `stored`, so it has every posting whose span is there, unless it is not the page that it was."""
    seq = page.seq if page is not None else 0
    if stored.newest <= seq:
        return []
    subject = _subject(reading, DriftKind.SPANS_AHEAD)
    spent = page.use.spent if page is not None else ZERO
    facts = {"page": seq, "spans": stored.newest}
    return [Drift(subject=subject, expected=spent, found=stored.spent, detail=facts)]


def differing_days(reading: Reading, stored: Stored) -> dict[str, tuple[NanoUsd, NanoUsd]]:
    """`dd` -> what the page says, and what its spans say."""
    pairs = {day: (spent, stored.days.get(day, ZERO)) for day, spent in reading.days.items()}
    return {day: pair for day, pair in sorted(pairs.items()) if pair[0] != pair[1]}


def unexplained_of(reading: Reading, stored: Stored, *, otherwise: str) -> dict[str, NanoUsd]:
    """`dd` -> what must be booked for the sums to agree. What is of no known day goes to the day `otherwise`."""
    amounts = {day: NanoUsd(expected - found) for day, (expected, found) in differing_days(reading, stored).items()}
    rest = reading.rest - sum(found for day, found in stored.days.items() if day not in reading.days)
    amounts[otherwise] = NanoUsd(amounts.get(otherwise, ZERO) + rest)
    return {day: amount for day, amount in amounts.items() if amount}


def _missing(reading: Reading, stored: Stored, missed: Sequence[Missed]) -> Drift:
    detail = {
        "seq": reading.seq,
        "missing": sum(each.count for each in missed),
        "ranges": [[each.first, each.last] for each in missed[:RANGES_SHOWN]],
        "since": min(each.since for each in missed).isoformat(),
        "days": {day: expected - found for day, (expected, found) in differing_days(reading, stored).items()},
    }
    subject = _subject(reading, DriftKind.MISSING_SPANS)
    return Drift(subject=subject, expected=reading.spent, found=stored.spent, detail=detail)


def _subject(reading: Reading, kind: DriftKind, day: str | None = None) -> Subject:
    when = date.fromisoformat(f"{reading.month}-{day}") if day else None
    return Subject(kind=kind, tenant_id=reading.tenant_id, month=reading.month, day=when)
