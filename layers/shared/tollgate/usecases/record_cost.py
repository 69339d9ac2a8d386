"""Books money that an agent spent itself: once by its id, with its `check` hold or without one (LEDGER.md, "Records")."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from tollgate.domain.errors import HoldNotYours, LedgerUnavailable, RecordDiffers
from tollgate.domain.hold_id import HoldId
from tollgate.domain.money import NanoUsd
from tollgate.domain.page import HoldKind, Page
from tollgate.domain.posting import Posting, record_cost, settle_hold
from tollgate.domain.span import Attribution, Outcome, Span, clipped
from tollgate.domain.tenant import TenantSettings
from tollgate.domain.usage import Usage
from tollgate.domain.window import Window, window_at
from tollgate.ports import Accounts, Ledger, Posted, Record

KEPT_FOR = timedelta(days=62)
ROUNDS = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """What is recorded. `record_id`: the hold's id where it has one; `content_hash`: of all that the caller said."""

    record_id: str
    content_hash: str
    hold_id: HoldId | None
    cost: NanoUsd
    usage: Usage
    model: str | None
    outcome: Outcome
    attribution: Attribution
    request_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """`is_new` is False where the same record was booked before; then `cost` is what was booked then."""

    is_new: bool
    cost: NanoUsd
    page: Page | None


def record(
    spent: Spent, settings: TenantSettings, *, ledger: Ledger, accounts: Accounts, clock: Callable[[], datetime]
) -> Recorded:
    """Never refused for want of room. Raises RecordDiffers, HoldNotYours, LedgerUnavailable."""
    now = clock()
    arrival = window_at(now, settings.zones)
    entry = _entry(spent, now)
    for _ in range(ROUNDS):
        earlier = ledger.read_record(settings.tenant_id, spent.record_id)
        if earlier is not None:
            return _again(earlier, spent, ledger.read_page(settings.tenant_id, arrival.month))
        month, page = _place(spent, settings, arrival, ledger)
        if page is None:
            settings = _open(settings, month, ledger, accounts)
            continue
        result = ledger.post_record(
            _posting(spent, page, month, arrival, now), entry, tenant_id=settings.tenant_id, month=month
        )
        match result:
            case Record():
                return _again(result, spent, page)
            case Posted(page=page):
                return Recorded(is_new=True, cost=spent.cost, page=page)
    raise LedgerUnavailable("The page moved under every try of this record; nothing is booked. Send it again.")


def _entry(spent: Spent, now: datetime) -> Record:
    return Record(
        record_id=spent.record_id,
        content_hash=spent.content_hash,
        cost_nanousd=spent.cost,
        hold=str(spent.hold_id) if spent.hold_id else "",
        expires_at=int((now + KEPT_FOR).timestamp()),
    )


def _again(earlier: Record, spent: Spent, page: Page | None) -> Recorded:
    # One that a restore made of its span has no hash, and stands for whatever its caller sent: it must not count twice.
    if earlier.content_hash and earlier.content_hash != spent.content_hash:
        raise RecordDiffers(f"A record {spent.record_id!r} with other content was booked before.")
    return Recorded(is_new=False, cost=NanoUsd(earlier.cost_nanousd), page=page)


def _place(spent: Spent, settings: TenantSettings, arrival: Window, ledger: Ledger) -> tuple[str, Page | None]:
    """The hold's own page where it is there and still has the day, else that of the record's arrival."""
    hold_id = spent.hold_id
    if hold_id is not None:
        page = ledger.read_page(settings.tenant_id, hold_id.month)
        if page is not None and (hold_id.key in page.holds or hold_id.day in page.days):
            return hold_id.month, page
    return arrival.month, ledger.read_page(settings.tenant_id, arrival.month)


def _open(settings: TenantSettings, month: str, ledger: Ledger, accounts: Accounts) -> TenantSettings:
    if ledger.open_page(settings, month):
        return settings
    return accounts.read(settings.tenant_id) or settings


def _posting(spent: Spent, page: Page, month: str, arrival: Window, now: datetime) -> Posting:
    hold_id = spent.hold_id
    hold = page.holds.get(hold_id.key) if hold_id is not None else None
    if hold is not None:
        if hold.kind is not HoldKind.CHECK:
            raise HoldNotYours("This hold belongs to a call that the gate makes; the gate settles it itself.")
        span = _span(spent, now, day=hold.day, key=hold.key, posting="settle", held=hold.amount)
        return settle_hold(hold, cost=spent.cost, tokens=spent.usage.total, span=span, at=now)
    day = hold_id.day if hold_id is not None and hold_id.month == month else arrival.day
    agent = spent.attribution.agent if spent.attribution.agent in page.agents else None
    # Whole: a restore finds the record's id here.
    span = _span(spent, now, day=day, key=spent.record_id, posting="record", held=NanoUsd(0))
    return record_cost(
        spent.record_id, day=day, cost=spent.cost, tokens=spent.usage.total, agent=agent, span=span, at=now
    )


def _span(spent: Spent, at: datetime, *, day: str, key: str, posting: str, held: NanoUsd) -> Span:
    usage, labels = spent.usage, spent.attribution
    return Span(
        posting=posting,
        hold=key,
        at=at,
        day=day,
        outcome=spent.outcome,
        cost_nanousd=spent.cost,
        held_nanousd=held,
        model=spent.model,
        requested_model=spent.model,
        uncached=usage.uncached + usage.audio_input,
        cached=usage.cached,
        written=usage.written + usage.written_12h,
        output=usage.completion,
        reasoning=usage.reasoning,
        agent=labels.agent,
        run_id=labels.run_id,
        job_id=labels.job_id,
        booking_id=labels.booking_id,
        call_id=labels.call_id,
        request_id=clipped(spent.request_id),
    )
