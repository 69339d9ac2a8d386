"""A posting: one write on a page, as a value (LEDGER.md, "A posting is a value").

`refusal_of` and `apply` are pure. The DynamoDB adapter renders a posting into one conditional `UpdateItem`; the tests' ledger
obeys these same two functions, so that both run side by side on random histories.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from tollgate.domain.money import ZERO, NanoUsd
from tollgate.domain.page import AgentUse, Closed, Hold, HoldKind, Page, Use
from tollgate.domain.span import Span, to_text
from tollgate.domain.tenant import TenantSettings

CLOSED_MAX = 500
CLOSED_SECONDS = 3600


class Deed(StrEnum):
    """What a posting does; a span names it."""

    HOLD = "hold"
    SETTLE = "settle"
    VOID = "void"
    EXPIRE = "expire"
    LAPSE = "lapse"
    CANCEL = "cancel"
    LATE = "late"
    RECORD = "record"
    TOMBSTONE = "tombstone"


class Fault(StrEnum):
    """Why a page refuses a posting, in the order in which it is asked."""

    NO_PAGE = "no_page"
    HOLD_THERE = "hold_there"
    KEY_CLOSED = "key_closed"
    VERSION = "version"
    SOFT_ZONE = "soft_zone"
    SUSPENDED = "suspended"
    MONTHLY_BUDGET = "monthly_budget"
    DAILY_BUDGET = "daily_budget"
    TOKEN_BUDGET = "token_budget"  # noqa: S105
    AGENT_BUDGET = "agent_budget"
    IN_FLIGHT = "in_flight"
    CLOSED_FULL = "closed_full"
    RATE = "rate"
    HOLD_GONE = "hold_gone"
    HOLD_DIFFERS = "hold_differs"
    CLOSED_DIFFERS = "closed_differs"


@dataclass(frozen=True, slots=True, kw_only=True)
class Posting:
    """By how much used, spent, held and tokens move, which hold opens or closes, and what must be true.

    `at`: when it was decided (UTC); `agent`: whose entry moves too; `closes`: the hold that must be there with that amount, day and
    kind; `was_booked`: what `closed` must say of the key; `buries`: what `closed` says of it afterwards; `minutes`, `keys`:
    forgotten counters and tombstones that the hold's answer showed to be past their time.
    """

    deed: Deed
    key: str
    day: str
    at: datetime
    used: int = 0
    spent: int = 0
    held: int = 0
    tokens: int = 0
    agent: str | None = None
    opens: Hold | None = None
    under_soft_cap: bool = False
    closes: Hold | None = None
    was_booked: NanoUsd | None = None
    buries: Closed | None = None
    span: Span | None = None
    minutes: tuple[int, ...] = ()
    keys: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        assert self.used == self.spent + self.held, "what is used is what is spent and what is held"
        assert (self.opens is None) or self.deed is Deed.HOLD
        closes_or_spends = self.deed not in (Deed.HOLD, Deed.TOMBSTONE)
        assert (self.span is not None) == closes_or_spends, (
            "a posting that spends or closes leaves a span, and no other does"
        )
        assert self.span is None or self.span.cost_nanousd == self.spent, "the spans of a page sum to its spent"

    @property
    def minute(self) -> int:
        """Minutes since 1970, so that a counter which nobody removed refuses nothing on another day."""
        return int(self.at.timestamp()) // 60

    @property
    def due(self) -> int | None:
        """When the sweep must look at what this opens or buries; None where it does neither."""
        return self.opens.expires_at if self.opens else self.buries.until if self.buries else None


# ---- the postings -----------------------------------------------------------------------------------------------------------


def open_hold(hold: Hold, *, at: datetime, under_soft_cap: bool) -> Posting:
    """`under_soft_cap`: the model asked for, which is let through only below the soft zone; its cheaper one passes False."""
    return Posting(
        deed=Deed.HOLD,
        key=hold.key,
        day=hold.day,
        at=at,
        used=hold.amount,
        held=hold.amount,
        tokens=hold.tokens,
        agent=hold.counted_agent,
        opens=hold,
        under_soft_cap=under_soft_cap,
    )


def settle_hold(
    hold: Hold, *, cost: NanoUsd, tokens: int, span: Span, at: datetime, seen: Page | None = None, bury: bool = False
) -> Posting:
    """Books the true cost. `seen` is the page of the hold's answer; `bury` where some try of the hold had no answer."""
    return _close(hold, Deed.SETTLE, booked=cost, tokens=tokens, span=span, at=at, bury=bury, seen=seen)


def void_hold(hold: Hold, *, span: Span, at: datetime, bury: bool = False) -> Posting:
    """Settles at zero what its holder, or an admin for a `check` hold, gives back."""
    return _close(hold, Deed.VOID, booked=ZERO, tokens=0, span=span, at=at, bury=bury)


def expire_hold(hold: Hold, *, span: Span, at: datetime) -> Posting:
    """Voids a `check` hold past its time."""
    assert hold.kind is HoldKind.CHECK, "only a check hold expires: a call hold lapses"
    return _close(hold, Deed.EXPIRE, booked=ZERO, tokens=0, span=span, at=at, bury=True)


def lapse_hold(hold: Hold, *, span: Span, at: datetime) -> Posting:
    """Books a `call` hold in full, because its money may be gone: past its time, or closed by an admin."""
    assert hold.kind is HoldKind.CALL, "only a call hold lapses: a check hold expires"
    return _close(hold, Deed.LAPSE, booked=hold.amount, tokens=hold.tokens, span=span, at=at, bury=True)


def cancel_hold(hold: Hold, *, span: Span, at: datetime) -> Posting:
    """Gives back a hold whose call is never made, and bars the key for a try that is still on its way."""
    return _close(hold, Deed.CANCEL, booked=ZERO, tokens=0, span=span, at=at, bury=True)


def bar_key(key: str, *, day: str, at: datetime) -> Posting:
    """The first form of a cancel: no try has landed yet, and from now on none can."""
    return Posting(
        deed=Deed.TOMBSTONE, key=key, day=day, at=at, buries=Closed(booked=ZERO, tokens=0, day=day, until=_until(at))
    )


def settle_late(key: str, was: Closed, *, cost: NanoUsd, tokens: int, span: Span, at: datetime) -> Posting:
    """Corrects what stands in `closed`: the settlement of a holder that came back, or a cancel that takes it back."""
    change = cost - was.booked
    return Posting(
        deed=Deed.LATE,
        key=key,
        day=was.day,
        at=at,
        used=change,
        spent=change,
        tokens=tokens - was.tokens,
        agent=was.agent,
        was_booked=was.booked,
        buries=replace(was, booked=cost, tokens=tokens),
        span=span,
    )


def record_cost(
    key: str, *, day: str, cost: NanoUsd, tokens: int, agent: str | None, span: Span, at: datetime
) -> Posting:
    """Money that was spent elsewhere: never refused for want of room. `agent` only where the page has its entry."""
    return Posting(
        deed=Deed.RECORD, key=key, day=day, at=at, used=cost, spent=cost, tokens=tokens, agent=agent, span=span
    )


def _close(
    hold: Hold,
    deed: Deed,
    *,
    booked: NanoUsd,
    tokens: int,
    span: Span,
    at: datetime,
    bury: bool,
    seen: Page | None = None,
) -> Posting:
    tomb = (
        Closed(booked=booked, tokens=tokens, day=hold.day, agent=hold.counted_agent, until=_until(at)) if bury else None
    )
    return Posting(
        deed=deed,
        key=hold.key,
        day=hold.day,
        at=at,
        used=booked - hold.amount,
        spent=booked,
        held=-hold.amount,
        tokens=tokens - hold.tokens,
        agent=hold.counted_agent,
        closes=hold,
        buries=tomb,
        span=span,
        minutes=_old_minutes(seen, at),
        keys=_old_keys(seen, at),
    )


def _until(at: datetime) -> int:
    return int(at.timestamp()) + CLOSED_SECONDS


def _old_minutes(seen: Page | None, at: datetime) -> tuple[int, ...]:
    now = int(at.timestamp()) // 60
    return tuple(sorted(minute for minute in seen.minutes if minute < now - 1))[:20] if seen else ()


def _old_keys(seen: Page | None, at: datetime) -> tuple[str, ...]:
    return (
        tuple(sorted(key for key, closed in seen.closed.items() if closed.until < at.timestamp()))[:20] if seen else ()
    )


# ---- what must be true ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What a hold's condition names, as numbers; None where it names nothing.

    A room is a limit less what is asked: `used` may be that much at the most before the hold.
    """

    version: int
    in_flight: int
    suspended: bool
    month_room: int | None = None
    day_room: int | None = None
    month_token_room: int | None = None
    day_token_room: int | None = None
    agent_month_room: int | None = None
    agent_day_room: int | None = None
    per_minute: int | None = None
    month_soft: int | None = None
    day_soft: int | None = None


def terms_of(settings: TenantSettings, posting: Posting, month: str) -> Terms:
    """The terms of a hold on the page of `month`. Observing keeps the caps on the page's size, and leaves out money, rate and soft zone."""
    hold = posting.opens
    assert hold is not None, "only a hold has terms"
    terms = Terms(
        version=settings.version,
        in_flight=0 if settings.suspended else settings.in_flight_max,
        suspended=settings.suspended,
    )
    if not settings.enforces:
        return terms
    monthly = settings.limit_of(month, posting.at)
    daily = settings.limit_of(f"{month}-{hold.day}", posting.at)
    agent = settings.agents.get(hold.agent) if hold.counted and hold.agent else None
    return replace(
        terms,
        month_room=monthly - hold.amount,
        day_room=daily - hold.amount,
        month_token_room=_room(settings.monthly_token_limit, hold.tokens),
        day_token_room=_room(settings.daily_token_limit, hold.tokens),
        agent_month_room=_room(agent.monthly if agent else None, hold.amount),
        agent_day_room=_room(agent.daily if agent else None, hold.amount),
        per_minute=settings.requests_per_minute,
        month_soft=settings.soft_amount(monthly) if posting.under_soft_cap else None,
        day_soft=settings.soft_amount(daily) if posting.under_soft_cap else None,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """What a hold may take at the most: nano-dollars and tokens; None where nothing limits them."""

    money: int | None
    tokens: int | None


def left_for(page: Page, settings: TenantSettings, posting: Posting) -> Left:
    """What the page has left for this hold, in the tightest of its windows; negative where a limit was lowered under what is used."""
    hold = posting.opens
    assert hold is not None, "only a hold takes what is left"
    terms, today = terms_of(settings, posting, page.month), page.day(posting.day)
    agent = page.agent(posting.agent) if posting.agent else AgentUse()
    money = (
        (terms.month_room, page.use.used),
        (terms.day_room, today.used),
        (terms.agent_month_room, agent.month.used),
        (terms.agent_day_room, agent.days.get(posting.day, Use()).used),
    )
    tokens = ((terms.month_token_room, page.use.tokens), (terms.day_token_room, today.tokens))
    return Left(money=_least(money, hold.amount), tokens=_least(tokens, hold.tokens))


def _least(rooms: Iterable[tuple[int | None, int]], asked: int) -> int | None:
    return min((room + asked - used for room, used in rooms if room is not None), default=None)


def _room(limit: int | None, asked: int) -> int | None:
    return None if limit is None else limit - asked


def refusal_of(page: Page | None, settings: TenantSettings, posting: Posting) -> Fault | None:
    """Why this page refuses this posting; None where it takes it."""
    if page is None:
        return Fault.NO_PAGE
    match posting.deed:
        case Deed.HOLD:
            return _hold_fault(page, settings, posting)
        case Deed.TOMBSTONE:
            return _there(page, posting.key)
        case Deed.LATE:
            closed = page.closed.get(posting.key)
            return None if closed is not None and closed.booked == posting.was_booked else Fault.CLOSED_DIFFERS
        case Deed.RECORD:
            return None if posting.agent is None or posting.agent in page.agents else Fault.VERSION
        case _:
            return _close_fault(page, posting)


def _there(page: Page, key: str) -> Fault | None:
    if key in page.holds:
        return Fault.HOLD_THERE
    return Fault.KEY_CLOSED if key in page.closed else None


def _close_fault(page: Page, posting: Posting) -> Fault | None:
    hold, there = posting.closes, page.holds.get(posting.key)
    assert hold is not None
    if there is None:
        return Fault.HOLD_GONE
    same = (there.amount, there.day, there.kind) == (hold.amount, hold.day, hold.kind)
    return None if same else Fault.HOLD_DIFFERS


def _hold_fault(page: Page, settings: TenantSettings, posting: Posting) -> Fault | None:
    terms = terms_of(settings, posting, page.month)
    fault = _there(page, posting.key)
    if fault is not None:
        return fault
    if page.version != terms.version:
        return Fault.VERSION
    today = page.day(posting.day)
    if _reaches(page.use.spent, terms.month_soft) or _reaches(today.spent, terms.day_soft):
        return Fault.SOFT_ZONE
    if terms.suspended:
        return Fault.SUSPENDED
    return _room_fault(page, today, posting, terms) or _cap_fault(page, posting, terms)


def _room_fault(page: Page, today: Use, posting: Posting, terms: Terms) -> Fault | None:
    agent = page.agent(posting.agent) if posting.agent else AgentUse()
    if _exceeds(page.use.used, terms.month_room):
        return Fault.MONTHLY_BUDGET
    if _exceeds(today.used, terms.day_room):
        return Fault.DAILY_BUDGET
    if _exceeds(page.use.tokens, terms.month_token_room) or _exceeds(today.tokens, terms.day_token_room):
        return Fault.TOKEN_BUDGET
    agent_today = agent.days.get(posting.day, Use())
    if _exceeds(agent.month.used, terms.agent_month_room) or _exceeds(agent_today.used, terms.agent_day_room):
        return Fault.AGENT_BUDGET
    return None


def _cap_fault(page: Page, posting: Posting, terms: Terms) -> Fault | None:
    if len(page.holds) >= terms.in_flight:
        return Fault.IN_FLIGHT
    if len(page.closed) >= CLOSED_MAX:
        return Fault.CLOSED_FULL
    if terms.per_minute is not None and page.minutes.get(posting.minute, 0) >= terms.per_minute:
        return Fault.RATE
    return None


def _exceeds(used: int, room: int | None) -> bool:
    return room is not None and used > room


def _reaches(spent: int, soft: int | None) -> bool:
    return soft is not None and spent >= soft


# ---- what it does -----------------------------------------------------------------------------------------------------------


def apply(page: Page, posting: Posting) -> Page:
    """The page after the posting. The caller has asked `refusal_of` first."""
    move = {"used": posting.used, "spent": posting.spent, "tokens": posting.tokens}
    days = dict(page.days)
    if posting.deed is not Deed.TOMBSTONE:
        days[posting.day] = page.day(posting.day).moved(**move)
    return replace(
        page,
        use=page.use.moved(**move),
        days=days,
        agents=_agents_after(page, posting),
        minutes=_minutes_after(page, posting),
        holds=_holds_after(page, posting),
        closed=_closed_after(page, posting),
        seq=page.seq + (posting.span is not None),
        span=to_text(posting.span) if posting.span else None,
        due=_due_after(page, posting),
    )


def _agents_after(page: Page, posting: Posting) -> Mapping[str, AgentUse]:
    label = posting.agent
    if label is None:
        return page.agents
    was = page.agent(label)
    # An agent's entry counts money alone.
    month = was.month.moved(used=posting.used, spent=posting.spent, tokens=0)
    today = was.days.get(posting.day, Use()).moved(used=posting.used, spent=posting.spent, tokens=0)
    return {**page.agents, label: AgentUse(month=month, days={**was.days, posting.day: today})}


def _minutes_after(page: Page, posting: Posting) -> Mapping[int, int]:
    minutes = {minute: calls for minute, calls in page.minutes.items() if minute not in posting.minutes}
    if posting.opens is not None:
        minutes[posting.minute] = minutes.get(posting.minute, 0) + 1
    return minutes


def _holds_after(page: Page, posting: Posting) -> Mapping[str, Hold]:
    if posting.opens is not None:
        return {**page.holds, posting.key: posting.opens}
    if posting.closes is not None:
        return {key: hold for key, hold in page.holds.items() if key != posting.key}
    return page.holds


def _closed_after(page: Page, posting: Posting) -> Mapping[str, Closed]:
    closed = {key: entry for key, entry in page.closed.items() if key not in posting.keys}
    return {**closed, posting.key: posting.buries} if posting.buries is not None else closed


def _due_after(page: Page, posting: Posting) -> int | None:
    return page.due if page.due is not None else posting.due
