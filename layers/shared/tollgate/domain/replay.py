"""Spans as the postings that they were, on a page that was put back to an old state (LEDGER.md, "Restoring the table").

Exact: `seq`, `used` and `spent` of the month and of each day, what is held, and the tokens of every call whose span counts them.
A span does not say all that its posting knew. Where the old state has no hold for it any more,
- it counts in its agent's entry if the page has one, which is the rule of a record. Wrong only where the agent's budget was given or
  taken away in between;
- tokens of a call that settled in full, because nobody knows its bill, are not known either, and count as none;
- an hour's memory in `closed` is kept for what was lapsed, expired or cancelled, not for settlements whose hold had lost an answer.
Calls in a minute are not replayed: those minutes are over.

Where spans are lost for good, their money is booked in Postgres by day, as unexplained, and is put on the page so. What those spans
closed is not known: a hold of the old state that one of them closed lapses once more.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from tollgate.domain.money import ZERO, NanoUsd
from tollgate.domain.page import Closed, Hold, Page
from tollgate.domain.place import PlacedSpan
from tollgate.domain.posting import CLOSED_SECONDS, Deed, Posting, apply
from tollgate.domain.span import Outcome, Span

# Money that the page has and its spans do not explain (LEDGER.md, "Spans").
UNEXPLAINED = "unexplained"
CLOSES = frozenset({Deed.SETTLE, Deed.VOID, Deed.EXPIRE, Deed.LAPSE, Deed.CANCEL})
BURIES = frozenset({Deed.VOID, Deed.EXPIRE, Deed.LAPSE, Deed.CANCEL})


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """Numbers of a page that no span has, both ends included; where `last` is less than `first`, a number was given out twice."""

    first: int
    last: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DaySpend:
    """What Postgres has of a day: all of it, and how much of that is unexplained."""

    spent: NanoUsd
    unexplained: NanoUsd = ZERO


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenUp:
    """What of a page is lost for good: the numbers, in order and never two ranges in a row, and the days with unexplained money in them.
    `spent`: what Postgres has of the whole page."""

    numbers: Sequence[Missing] = ()
    days: Mapping[str, DaySpend] = field(default_factory=dict)
    spent: NanoUsd = ZERO

    def covers(self, first: int, last: int) -> bool:
        return first <= last and any(lost.first <= first and last <= lost.last for lost in self.numbers)


NOTHING_GIVEN_UP = GivenUp()


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """`last`: the last span of all, for what follows to be joined to."""

    page: Page
    missing: tuple[Missing, ...] = ()
    last: PlacedSpan | None = None


def replay(
    page: Page,
    spans: Iterable[PlacedSpan],
    *,
    last: PlacedSpan | None = None,
    given_up: GivenUp = NOTHING_GIVEN_UP,
) -> Replayed:
    """The page after the postings of these spans, which are in order and come after its `seq`. A missing number is passed over, and told
    where it is not given up: its money is not in the page."""
    missing: list[Missing] = []
    for placed in spans:
        seq = placed.place.seq
        if seq != page.seq + 1 and not given_up.covers(page.seq + 1, seq - 1):
            missing.append(Missing(first=page.seq + 1, last=seq - 1))
        page, last = replace(apply(page, posting_of(page, placed.span)), seq=max(seq, page.seq)), placed
    return Replayed(page=page, missing=tuple(missing), last=last)


def explain(page: Page, given_up: GivenUp, at: datetime) -> Page:
    """A page that all its spans were replayed on, with the unexplained money that it lacks: a part of it where some of the lost postings
    are in the old state already. Where the two can't be told apart the page stays as it is, and does not agree with Postgres."""
    lost = [numbers.last for numbers in given_up.numbers]
    explained = replace(page, seq=max(page.seq, *lost, 0))
    lacks = given_up.spent - page.use.spent
    by_day = {day: NanoUsd(each.spent - page.day(day).spent) for day, each in given_up.days.items()}
    whole = {day: each.unexplained for day, each in given_up.days.items()}
    # By day first: exact wherever the old state still has the days.
    amounts = by_day if sum(by_day.values()) == lacks else whole
    if (not lacks and amounts is whole) or sum(amounts.values()) != lacks:
        return explained
    for day, amount in amounts.items():
        if amount:
            explained = replace(apply(explained, _unexplained(day, amount, at)), seq=explained.seq)
    return explained


def _unexplained(day: str, amount: NanoUsd, at: datetime) -> Posting:
    span = Span(posting=UNEXPLAINED, hold="", at=at, day=day, outcome=Outcome.UNEXPLAINED, cost_nanousd=amount)
    return Posting(deed=Deed.RECORD, key="", day=day, at=at, used=amount, spent=amount, span=span)


def posting_of(page: Page, span: Span) -> Posting:
    """What the span's posting does to this page: never refused, because it happened."""
    hold, closed = page.holds.get(span.hold), page.closed.get(span.hold)
    if span.posting in CLOSES and hold is not None:
        return _closing(hold, span)
    if span.posting == Deed.LATE and closed is not None:
        return _late(closed, span)
    agent = span.agent if span.agent in page.agents else None
    return Posting(
        # The deed of money without a hold, whatever it was once: it carries the same span.
        deed=Deed.RECORD,
        key=span.hold,
        day=span.day,
        at=span.at,
        used=span.cost_nanousd,
        spent=span.cost_nanousd,
        tokens=_tokens(span),
        agent=agent,
        buries=_tomb(span, tokens=0, agent=agent),
        span=span,
    )


def _closing(hold: Hold, span: Span) -> Posting:
    """By the hold as the page has it: its amount, its day, its `n`."""
    lump = span.posting == Deed.LAPSE or (span.outcome is Outcome.UNKNOWN and not _tokens(span))
    tokens = hold.tokens if lump else _tokens(span)
    return Posting(
        deed=Deed(span.posting),
        key=hold.key,
        day=hold.day,
        at=span.at,
        used=span.cost_nanousd - hold.amount,
        spent=span.cost_nanousd,
        held=-hold.amount,
        tokens=tokens - hold.tokens,
        agent=hold.counted_agent,
        closes=hold,
        buries=_tomb(span, tokens=tokens, agent=hold.counted_agent),
        span=span,
    )


def _late(was: Closed, span: Span) -> Posting:
    return Posting(
        deed=Deed.LATE,
        key=span.hold,
        day=was.day,
        at=span.at,
        used=span.cost_nanousd,
        spent=span.cost_nanousd,
        tokens=_tokens(span) - was.tokens,
        agent=was.agent,
        was_booked=was.booked,
        buries=replace(was, booked=NanoUsd(was.booked + span.cost_nanousd), tokens=_tokens(span)),
        span=span,
    )


def _tomb(span: Span, *, tokens: int, agent: str | None) -> Closed | None:
    """A settlement may come late to what somebody else closed, and goes by what stands here."""
    if span.posting not in BURIES:
        return None
    until = int(span.at.timestamp()) + CLOSED_SECONDS
    return Closed(booked=span.cost_nanousd, tokens=tokens, day=span.day, until=until, agent=agent)


def _tokens(span: Span) -> int:
    return span.uncached + span.cached + span.written + span.output


def put_in_order(page: Page, now: datetime) -> Page:
    """Without what is past its time, due for the sweep where anything is held or remembered, and without a span: one that stays on the
    page would be stored a second time under its next epoch."""
    closed = {key: entry for key, entry in page.closed.items() if entry.until > now.timestamp()}
    times = [hold.expires_at for hold in page.holds.values()] + [entry.until for entry in closed.values()]
    return replace(page, closed=closed, due=min(times, default=None), span=None)


def counts_once(placed: PlacedSpan) -> str | None:
    """The id of the record that left this span; None where no record did. A settlement that took no time is a record's: the gate
    measures its calls. In doubt it is taken for one, which can only keep money from counting twice."""
    span = placed.span
    if span.posting == Deed.RECORD:
        return span.hold
    if span.posting == Deed.LATE and span.outcome is Outcome.CORRECTED:
        # Its hold is the one that it corrects.
        return span.request_id
    if span.posting == Deed.SETTLE and span.latency_ms is None and span.cost_nanousd >= ZERO:
        return f"{placed.place.month}.{span.day}.{span.hold}"
    return None
