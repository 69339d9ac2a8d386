"""Corrects what is booked, with a posting that says why: never by editing what stands there (LEDGER.md, "A posting is a value").

There are two steps for it. What a hold was closed at by somebody else can be changed both ways, while its page remembers it: a late
settlement. Money that was spent and is in no book is added: a record. Money of a hold that its page has forgotten can't be given
back: the ledger has no step for that (infra/decisions/0010-giving-back.md).
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, datetime

from tollgate.domain.errors import CorrectionImpossible, LedgerUnavailable, RecordDiffers
from tollgate.domain.hold_id import HoldId
from tollgate.domain.money import ZERO, NanoUsd
from tollgate.domain.page import Closed, Page
from tollgate.domain.posting import Posting, record_cost, settle_late
from tollgate.domain.span import Outcome, Span, clipped
from tollgate.domain.tenant import TenantSettings
from tollgate.domain.usage import NO_USAGE, Usage
from tollgate.domain.window import Window, window_at
from tollgate.ports import Accounts, Ledger, Posted, Record
from tollgate.usecases.record_cost import KEPT_FOR

ROUNDS = 6
REASON_BYTES_MAX = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction:
    """`correction_id`: it counts once by this, `c:...`; `content_hash`: of all that was said; `day`: the tenant's, by default today's.

    Of a hold: `cost` is what it truly cost, `usage` what it truly used, and `booked` what stands in the books for it, where the caller
    knows it: asked for only where the page has forgotten the hold. Without one: `cost` is what is missing.
    """

    correction_id: str
    content_hash: str
    reason: str
    cost: NanoUsd
    hold_id: HoldId | None = None
    booked: NanoUsd | None = None
    usage: Usage = NO_USAGE
    day: date | None = None
    agent: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Corrected:
    """`amount`: by how much `spent` moved, now or when the same correction came first."""

    is_new: bool
    amount: NanoUsd
    page: Page | None


def correct_cost(
    correction: Correction,
    settings: TenantSettings,
    *,
    ledger: Ledger,
    accounts: Accounts,
    clock: Callable[[], datetime],
) -> Corrected:
    """Never refused for want of room. Raises CorrectionImpossible, RecordDiffers, LedgerUnavailable."""
    for _ in range(ROUNDS):
        now = clock()
        earlier = ledger.read_record(settings.tenant_id, correction.correction_id)
        if earlier is not None:
            return _again(earlier, correction)
        month, page = _place(correction, settings, now, ledger)
        if page is None:
            settings = settings if ledger.open_page(settings, month) else accounts.read(settings.tenant_id) or settings
            continue
        posting = _posting(correction, page, window_at(now, settings.zones), now)
        if posting is None:
            return Corrected(is_new=False, amount=ZERO, page=page)
        entry = _entry(correction, posting, now)
        result = ledger.post_record(posting, entry, tenant_id=settings.tenant_id, month=month)
        match result:
            case Record():
                return _again(result, correction)
            case Posted(page=page):
                return Corrected(is_new=True, amount=NanoUsd(posting.spent), page=page)
    raise LedgerUnavailable("The page moved under every try of this correction; nothing is booked. Send it again.")


def _again(earlier: Record, correction: Correction) -> Corrected:
    if earlier.content_hash and earlier.content_hash != correction.content_hash:
        raise RecordDiffers(f"A correction {correction.correction_id!r} with other content was booked before.")
    return Corrected(is_new=False, amount=NanoUsd(earlier.cost_nanousd), page=None)


def _entry(correction: Correction, posting: Posting, now: datetime) -> Record:
    return Record(
        record_id=correction.correction_id,
        content_hash=correction.content_hash,
        cost_nanousd=posting.spent,
        hold=str(correction.hold_id) if correction.hold_id else "",
        expires_at=int((now + KEPT_FOR).timestamp()),
    )


def _place(correction: Correction, settings: TenantSettings, now: datetime, ledger: Ledger) -> tuple[str, Page | None]:
    """The page of the hold or the day, where it is there and still knows it, as for a record; else that of now."""
    wanted = _wanted(correction)
    if wanted is not None:
        month, day = wanted
        page = ledger.read_page(settings.tenant_id, month)
        if page is not None and (day in page.days or _key(correction) in page.closed):
            return month, page
    month = window_at(now, settings.zones).month
    return month, ledger.read_page(settings.tenant_id, month)


def _wanted(correction: Correction) -> tuple[str, str] | None:
    if correction.hold_id is not None:
        return correction.hold_id.month, correction.hold_id.day
    return (f"{correction.day:%Y-%m}", f"{correction.day:%d}") if correction.day else None


def _key(correction: Correction) -> str:
    return correction.hold_id.key if correction.hold_id else ""


def _posting(correction: Correction, page: Page, arrival: Window, now: datetime) -> Posting | None:
    """None where the books say already what they should."""
    key = _key(correction)
    if key in page.holds:
        raise CorrectionImpossible(
            "This hold is open: it is settled by its holder, or closed in its full amount first."
        )
    if key in page.closed:
        return _late(correction, page.closed[key], now)
    missing = correction.cost - _booked(correction)
    if missing < 0:
        raise CorrectionImpossible(
            "Nothing can be given back for a hold that closed more than an hour ago, or without one: raise the window instead."
        )
    return _added(correction, NanoUsd(missing), page, arrival, now) if missing else None


def _booked(correction: Correction) -> NanoUsd:
    if correction.hold_id is None:
        return ZERO
    if correction.booked is None:
        raise CorrectionImpossible(
            "The ledger has forgotten this hold, which it does an hour after it closed: say by how much to correct, without holdId."
        )
    return correction.booked


def _late(correction: Correction, was: Closed, now: datetime) -> Posting | None:
    change = NanoUsd(correction.cost - was.booked)
    if not change:
        return None
    key = _key(correction)
    span = _span(correction, change, now, posting="late", hold=key, day=was.day)
    return settle_late(key, was, cost=correction.cost, tokens=correction.usage.total, span=span, at=now)


def _added(correction: Correction, amount: NanoUsd, page: Page, arrival: Window, now: datetime) -> Posting:
    wanted = _wanted(correction)
    day = wanted[1] if wanted is not None and wanted[0] == page.month and wanted[1] in page.days else arrival.day
    agent = correction.agent if correction.agent in page.agents else None
    name = correction.correction_id
    # Without tokens: those of a call that nobody knew the end of stand in the page in full already.
    without = replace(correction, usage=NO_USAGE)
    span = _span(without, amount, now, posting="record", hold=name, day=day)
    return record_cost(name, day=day, cost=amount, tokens=0, agent=agent, span=span, at=now)


def _span(correction: Correction, amount: NanoUsd, at: datetime, *, posting: str, hold: str, day: str) -> Span:
    usage = correction.usage
    return Span(
        posting=posting,
        hold=hold,
        at=at,
        day=day,
        outcome=Outcome.CORRECTED,
        cost_nanousd=amount,
        uncached=usage.uncached + usage.audio_input,
        cached=usage.cached,
        written=usage.written + usage.written_12h,
        output=usage.completion,
        reasoning=usage.reasoning,
        agent=correction.agent,
        request_id=correction.correction_id,
        reason=clipped(correction.reason, REASON_BYTES_MAX),
    )
