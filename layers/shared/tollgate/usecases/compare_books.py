"""The ledger against the spans, page by page: each day's money is there, and each number (LEDGER.md, "Spans").

A page is read now and compared at the next look, some minutes later: by then no span of its postings is on its way. What was in flight
is no drift, and what is a drift is one for certain. A number that stays away for longer than the stream keeps anything is lost, and
its money is booked from the page's own sums.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from tollgate.domain.drift import OF_THE_SPANS, Drift, Subject
from tollgate.domain.money import NanoUsd
from tollgate.domain.past_page import first_kept_month
from tollgate.domain.reading import Reading, Stored, ahead, drifts_of, reading_of
from tollgate.domain.window import previous_month
from tollgate.ports import DriftBook, Ledger, PageComparison, Shelf
from tollgate.usecases.note_drifts import DriftNews, note_drifts

# The westernmost tenant's month ends half a day after that of UTC.
WESTERNMOST = timedelta(hours=12)
ONE_PAGE_TAKES = timedelta(seconds=45)

PagePlace = tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class CompareRules:
    """`settled_after`: when a page's spans have arrived; `lost_after`: when one that has not never will."""

    settled_after: timedelta
    lost_after: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparePorts:
    ledger: Ledger
    shelf: Shelf
    comparison: PageComparison
    drifts: DriftBook
    clock: Callable[[], datetime]
    time_left: Callable[[], timedelta]


@dataclass(slots=True)
class Compared:
    """What one run did. `missing`: numbers that have no span and no money in their place; `drifting`: drifts
    of the pages that were compared; `unexplained`: tenant and month -> what was
    booked now, by day; `waiting`: pages that were read for the first time, or too lately; `left`: those that no time was left for."""

    pages: int = 0
    waiting: int = 0
    left: int = 0
    missing: int = 0
    drifting: int = 0
    unexplained: dict[PagePlace, Mapping[str, NanoUsd]] = field(default_factory=dict)
    news: DriftNews = field(default_factory=DriftNews)


def compare_books(ports: ComparePorts, rules: CompareRules) -> Compared:
    """The pages of this month and the last, and those with an open drift. Raises LedgerUnavailable and SpansUnavailable: then the next
    run does the rest."""
    done = Compared()
    ports.comparison.forget(first_kept_month(ports.clock()))
    kept = {(reading.tenant_id, reading.month): reading for reading in ports.comparison.readings()}
    places = list(_places(kept, ports))
    for number, place in enumerate(places):
        if ports.time_left() < ONE_PAGE_TAKES:
            done.left = len(places) - number
            break
        _compare(place, kept.get(place), ports, rules, done)
    return done


def _places(kept: Mapping[PagePlace, Reading], ports: ComparePorts) -> Iterator[PagePlace]:
    """Those that were never read first, then those that were compared longest ago: a run that is cut short is unfair to none."""
    first = previous_month(f"{ports.clock() - WESTERNMOST:%Y-%m}")
    open_ones = [each.drift.subject for each in ports.drifts.open(OF_THE_SPANS)]
    drifting = {(subject.tenant_id, subject.month) for subject in open_ones}
    pages = {*ports.shelf.places(), *kept}
    wanted = {place for place in pages if place[1] >= first or place in drifting}
    yield from sorted(wanted - kept.keys())
    yield from (place for place in kept if place in wanted)


def _compare(
    place: PagePlace, reading: Reading | None, ports: ComparePorts, rules: CompareRules, done: Compared
) -> None:
    now = ports.clock()
    if reading is not None and now - reading.read_at < rules.settled_after:
        done.waiting += 1
        return
    stored = ports.comparison.stored(reading) if reading is not None else None
    page = ports.ledger.read_page(*place)
    if reading is not None and stored is not None and (page is None or page.epoch == reading.epoch):
        drifts = ahead(reading, stored, page) or _drifts(reading, stored, ports, rules, done)
        _note(place, drifts, ports, now, done)
        ports.comparison.note_compared(reading, now)
        done.drifting += len(drifts)
        done.pages += 1
    else:
        done.waiting += 1
    if page is not None and (reading is None or (page.seq, page.epoch) != (reading.seq, reading.epoch)):
        ports.comparison.keep(reading_of(page, now, reading))


def _drifts(reading: Reading, stored: Stored, ports: ComparePorts, rules: CompareRules, done: Compared) -> list[Drift]:
    now = ports.clock()
    if stored.missing(reading) <= 0:
        return drifts_of(reading, stored, ())
    missed = ports.comparison.miss(reading, now)
    # One sum is all that the page has of several gaps, so none is booked while another may still close.
    if missed and max(each.until for each in missed) <= now - rules.lost_after:
        done.unexplained[reading.tenant_id, reading.month] = ports.comparison.book_unexplained(reading, now)
        missed = ()
    done.missing += sum(each.count for each in missed)
    return drifts_of(reading, ports.comparison.stored(reading), missed)


def _note(place: PagePlace, drifts: list[Drift], ports: ComparePorts, now: datetime, done: Compared) -> None:
    def was_compared(subject: Subject) -> bool:
        return (subject.tenant_id, subject.month) == place

    news = note_drifts(drifts, ports.drifts, kinds=OF_THE_SPANS, was_compared=was_compared, at=now)
    done.news = DriftNews(opened=[*done.news.opened, *news.opened], closed=[*done.news.closed, *news.closed])
