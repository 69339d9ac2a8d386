"""Brings a ledger that was put back to an old state up to what Postgres knows (LEDGER.md, "Restoring the table").

Gates are off and the stream is drained when this runs: infra/restore.py sees to both. It can die anywhere and be run again: the
progress of each page is its own `seq`, a record is put if it is absent, and a tenant's epoch begins in one transaction. A run over
a tenant that was finished begins one more epoch and goes on with its versions: both have only to be new.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from tollgate.domain.errors import LedgerUnavailable
from tollgate.domain.page import Page
from tollgate.domain.past_page import MONTHS_KEPT, PageBooks, first_kept_month
from tollgate.domain.place import PlacedSpan
from tollgate.domain.replay import Missing, counts_once, explain, put_in_order, replay
from tollgate.domain.tenant import TenantSettings
from tollgate.domain.window import next_month
from tollgate.ports import Accounts, Ledger, Record, Shelf, SpanBooks
from tollgate.usecases.record_cost import KEPT_FOR

SPANS_AT_ONCE = 1000
TRIES = 5
VERSIONS_SKIPPED = 1_000_000
# One tenant takes seconds; a run stops between two of them.
TENANT_TAKES = timedelta(seconds=120)


@dataclass(frozen=True, slots=True, kw_only=True)
class RestorePorts:
    ledger: Ledger
    accounts: Accounts
    shelf: Shelf
    books: SpanBooks
    defaults: Callable[[str], TenantSettings]
    clock: Callable[[], datetime]
    time_left: Callable[[], timedelta]


@dataclass(slots=True)
class Restored:
    """What one run did. `faults`: tenant and month -> why its tenant still has its old epoch, and calls must not go on;
    `made`: tenants that only Postgres knew, suspended until somebody gives them limits; `unexplained`: tenant and month -> nano-dollars on
    the page that no span explains: what these closed is not known; `following`: the tenant after which the next
    run goes on, None when all is done."""

    pages: int = 0
    spans: int = 0
    records: int = 0
    tenants: int = 0
    made: list[str] = field(default_factory=list)
    unexplained: dict[str, int] = field(default_factory=dict)
    faults: dict[str, str] = field(default_factory=dict)
    following: str | None = None


def restore_ledger(ports: RestorePorts, *, after: str = "", accepts_gaps: bool = False) -> Restored:
    """`accepts_gaps`: spans that are lost for good are passed over, their money with them. Raises LedgerUnavailable, SpansUnavailable."""
    done = Restored()
    there = frozenset(ports.shelf.places())
    stored = _stored(there, ports)
    places = {tenant_id: set[str]() for tenant_id in ports.shelf.tenants()}
    for tenant_id, month in there | stored.keys():
        places.setdefault(tenant_id, set()).add(month)
    for tenant_id in sorted(tenant for tenant in places if tenant > after):
        if done.tenants and ports.time_left() < TENANT_TAKES:
            return done
        _restore_tenant(tenant_id, sorted(places[tenant_id]), stored, ports, done, accepts_gaps)
        done.tenants += 1
        done.following = tenant_id
    done.following = None
    return done


def count_spans(ports: RestorePorts) -> int:
    """What Postgres has of the pages that would be restored: a number that stands still once the stream is drained. Raises
    LedgerUnavailable, SpansUnavailable."""
    return sum(each.count for each in _stored(frozenset(ports.shelf.places()), ports).values())


def _stored(there: frozenset[tuple[str, str]], ports: RestorePorts) -> dict[tuple[str, str], PageBooks]:
    """Of the pages in the table, and of those that only Postgres knows, unless their time is over: such a page has expired, and stays
    away."""
    kept = [first_kept_month(ports.clock())]
    while len(kept) < MONTHS_KEPT + 3:
        kept.append(next_month(kept[-1]))
    months = {*kept, *(month for _, month in there)}
    books = [each for month in sorted(months) for each in ports.books.books_of(month)]
    places = {(each.tenant_id, each.month): each for each in books}
    return {place: each for place, each in places.items() if place in there or place[1] in kept}


def _restore_tenant(
    tenant_id: str,
    months: Sequence[str],
    stored: Mapping[tuple[str, str], PageBooks],
    ports: RestorePorts,
    done: Restored,
    accepts_gaps: bool,  # noqa: FBT001
) -> None:
    settings = _settings(tenant_id, ports, done)
    epochs: dict[str, tuple[Page, int]] = {}
    faulty = False
    for month in months:
        books = stored.get((tenant_id, month)) or PageBooks(tenant_id=tenant_id, month=month)
        page, missing = _restore_page(settings, month, ports, done)
        fault = _fault(page, books, missing)
        if fault:
            done.faults[f"{tenant_id} {month}"] = fault
            faulty = True
        done.records += _put_records(tenant_id, month, ports)
        done.pages += 1
        epochs[month] = (page, max(page.epoch, books.epoch) + 1)
    if not faulty or accepts_gaps:
        _begin_epoch(settings, epochs, ports)


def _settings(tenant_id: str, ports: RestorePorts, done: Restored) -> TenantSettings:
    """A tenant that is younger than the old state has lost its limits with its account; its money is known. Nobody but an admin can say
    what it may spend, so it is suspended."""
    settings = ports.accounts.read(tenant_id)
    if settings is not None:
        return settings
    ports.accounts.create(replace(ports.defaults(tenant_id), suspended=True), ())
    made = ports.accounts.read(tenant_id)
    if made is None:
        raise LedgerUnavailable(f"the account of {tenant_id} went away under the restore")
    done.made.append(tenant_id)
    return made


def _restore_page(
    settings: TenantSettings, month: str, ports: RestorePorts, done: Restored
) -> tuple[Page, list[Missing]]:
    """In portions, so that a run that dies has got somewhere."""
    given_up = ports.books.given_up(settings.tenant_id, month)
    page = _page(settings, month, ports)
    start, missing, last = page.seq, list[Missing](), None
    refused = 0
    while True:
        spans = _following(page, start, last, ports)
        replayed = replay(page, spans, last=last, given_up=given_up)
        is_last = len(spans) < SPANS_AT_ONCE
        whole = explain(replayed.page, given_up, ports.clock()) if is_last else replayed.page
        wanted = put_in_order(whole, ports.clock())
        if wanted != page and not ports.shelf.put_back(wanted, over=page):
            # An answer that was lost, or a gate that is not off. The page says how far it is.
            refused += 1
            if refused == TRIES:
                raise LedgerUnavailable(f"the page {month} of {settings.tenant_id} moves: gates must be off")
            page = _page(settings, month, ports)
            start, last = page.seq, None
            continue
        page, last = wanted, replayed.last
        missing += replayed.missing
        done.spans += len(spans)
        if is_last:
            if whole.use.spent != replayed.page.use.spent:
                done.unexplained[f"{settings.tenant_id} {month}"] = whole.use.spent - replayed.page.use.spent
            return page, missing


def _following(page: Page, start: int, last: PlacedSpan | None, ports: RestorePorts) -> Sequence[PlacedSpan]:
    place = last.place if last else None
    return ports.books.spans_after(page.tenant_id, page.month, seq=start, last=place, count=SPANS_AT_ONCE)


def _page(settings: TenantSettings, month: str, ports: RestorePorts) -> Page:
    page = ports.ledger.read_page(settings.tenant_id, month)
    if page is None and ports.ledger.open_page(settings, month):
        page = ports.ledger.read_page(settings.tenant_id, month)
    if page is None:
        raise LedgerUnavailable(f"the settings of {settings.tenant_id} changed under the restore")
    return page


def _fault(page: Page, books: PageBooks, missing: Sequence[Missing]) -> str | None:
    if missing:
        return f"Postgres lacks spans {', '.join(f'{gap.first} to {gap.last}' for gap in missing)}"
    if page.seq > books.seq:
        return f"the page has {page.seq} postings, and Postgres the spans of {books.seq}"
    if page.use.spent != books.spent:
        return f"the page has spent {page.use.spent} nano-dollars, and its spans in Postgres {books.spent}"
    return None


def _put_records(tenant_id: str, month: str, ports: RestorePorts) -> int:
    """Each record's, also of spans that the page had: the old state of one item need not be as old as that of another."""
    put = 0
    for placed in ports.books.record_spans(tenant_id, month, since=ports.clock() - KEPT_FOR):
        record_id = counts_once(placed)
        if record_id is not None:
            put += ports.shelf.put_record(tenant_id, _record(record_id, placed))
    return put


def _record(record_id: str, placed: PlacedSpan) -> Record:
    span = placed.span
    return Record(
        record_id=record_id,
        # Not known any more, and so nobody is refused by it.
        content_hash="",
        cost_nanousd=span.cost_nanousd,
        hold="" if record_id.startswith(("r:", "c:")) else record_id,
        expires_at=int((span.at + KEPT_FOR).timestamp()),
    )


def _begin_epoch(settings: TenantSettings, epochs: Mapping[str, tuple[Page, int]], ports: RestorePorts) -> None:
    """A version that no gate has seen: one that is still warm finds its own refused, and reads the account."""
    newest = max([settings.version, *(page.version for page, _ in epochs.values())])
    wanted = replace(settings, version=newest + VERSIONS_SKIPPED)
    if ports.shelf.begin_epoch(wanted, epochs, over=settings.version):
        return
    # An answer that was lost looks like a refusal.
    if ports.accounts.read(settings.tenant_id) != wanted:
        raise LedgerUnavailable(f"the account or a page of {settings.tenant_id} moves: gates must be off")
