"""A breaker: closed, open, half open, and what each outcome of a call does to it. LEDGER.md, the table of outcomes, says what counts."""

import hashlib
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from tollgate.domain.outcome import Answered, Declined, NotSent, Unclear, UpstreamResult

# Waiting cures none of these: the account that pays has no money, or its own limit ends its spending.
STOP_CODES = frozenset(
    {
        "insufficient_quota",
        "credit_balance_exhausted",
        "billing_hard_limit_reached",
        "organization_spend_limit_exceeded",
        "project_spend_limit_exceeded",
        "organization_usage_limit_exceeded",
    }
)

# Enough to see that answers outnumber failures; more would keep an upstream that died just now closed until it has failed as often as
# it had answered.
SUCCESSES_TOLD = 3


class State(StrEnum):
    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class Kind(StrEnum):
    """An upstream's breaker closes by a probe; a loop's by itself, when its time ends."""

    UPSTREAM = "upstream"
    LOOP = "loop"


class Sign(StrEnum):
    """What one call says of the upstream."""

    HEALTHY = "healthy"
    FAILING = "failing"
    LIMITED = "limited"
    STOPPED = "stopped"
    NOTHING = "nothing"


class Verdict(StrEnum):
    PASS = "pass"  # noqa: S105
    PROBE = "probe"
    WAIT = "wait"


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerRules:
    """`failures` or `limits` (rate limits) within `window` open it, where they are at least half of what is known of the calls in it.

    It stays open for `shortest`, twice as long each time that its probe fails, `longest` at the most.
    """

    failures: int = 10
    limits: int = 20
    window: timedelta = timedelta(seconds=30)
    shortest: timedelta = timedelta(seconds=5)
    longest: timedelta = timedelta(seconds=60)

    @property
    def are_off(self) -> bool:
        return self.failures == 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What a breaker stands before: a model at an upstream (its host), or an agent of a tenant; `fingerprint`: one request of his."""

    kind: Kind
    upstream: str | None = None
    model: str | None = None
    tenant_id: str | None = None
    agent: str | None = None
    fingerprint: str | None = None

    @property
    def id(self) -> str:
        """Fit for an address, whatever letters models and agents have."""
        words = (self.upstream, self.model, self.tenant_id, self.agent, self.fingerprint)
        named = "\0".join("" if word is None else f"={word}" for word in words)
        return f"{self.kind}-{hashlib.sha256(named.encode(errors='replace')).hexdigest()[:20]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """One second's calls, by what they said. `at`: seconds since 1970."""

    at: int
    failures: int = 0
    limits: int = 0
    successes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Breaker:
    """`version` 0: none was ever written. `openings`: how often in a row it opened. `retry_at`: when an open one may be probed, or when
    the time of the `prober` of a half-open one ends. `reason`: the code of what opened it."""

    subject: Subject
    version: int = 0
    state: State = State.CLOSED
    tallies: tuple[Tally, ...] = ()
    openings: int = 0
    opened_at: datetime | None = None
    retry_at: datetime | None = None
    prober: str | None = None
    reason: str | None = None

    def __post_init__(self) -> None:
        if (self.state is State.CLOSED) != (self.retry_at is None):
            raise ValueError("a breaker that is not closed says when it may be tried again, a closed one does not")
        if (self.state is State.HALF_OPEN) != (self.prober is not None):
            raise ValueError("a half-open breaker has a prober, and no other has")

    @property
    def id(self) -> str:
        return self.subject.id

    @property
    def failures(self) -> int:
        """What counted against it, rate limits included."""
        return sum(tally.failures + tally.limits for tally in self.tallies)


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """One call's sign. `successes`: those that its environment saw since it last wrote, told now because a failure is written anyway;
    `prober`: who the call was, if it was a probe; `jitter`: 0 to 1."""

    sign: Sign
    code: str | None
    now: datetime
    successes: int = 0
    prober: str | None = None
    jitter: float = 0.0


def sign_of(result: UpstreamResult) -> Sign:
    """Our own mistakes say nothing: a request that breaks the client would open the breaker for every tenant. Nor does what a proxy of ours
    says of itself: it is gone around from the next call on."""
    match result:
        case Answered():
            return Sign.HEALTHY
        case Declined(status=429, code=code):
            return Sign.STOPPED if code in STOP_CODES else Sign.LIMITED
        case Declined(status=status):
            return Sign.FAILING if status >= 500 else Sign.HEALTHY
        case NotSent(ours=ours):
            return Sign.NOTHING if ours else Sign.FAILING
        case Unclear(code=code, of_proxy=of_proxy):
            return Sign.NOTHING if of_proxy or code == "client_error" else Sign.FAILING


def verdict_of(breaker: Breaker, now: datetime) -> Verdict:
    """Whether a call may pass. Of those that may probe, the one passes whose `half_open` is written."""
    if breaker.retry_at is None:
        return Verdict.PASS
    if now < breaker.retry_at:
        return Verdict.WAIT
    return Verdict.PASS if breaker.subject.kind is Kind.LOOP else Verdict.PROBE


def half_open(breaker: Breaker, *, prober: str, until: datetime) -> Breaker:
    """`until`: when the prober is dead for sure, so that one that dies does not bar the way for ever."""
    return replace(breaker, version=breaker.version + 1, state=State.HALF_OPEN, prober=prober, retry_at=until)


def released(breaker: Breaker, prober: str, now: datetime) -> Breaker:
    """A probe that was not made is given back; the same breaker where it is somebody else's by now."""
    if breaker.prober != prober:
        return breaker
    return replace(breaker, version=breaker.version + 1, state=State.OPEN, prober=None, retry_at=now)


def closed(breaker: Breaker) -> Breaker:
    return Breaker(subject=breaker.subject, version=breaker.version + 1)


def after(breaker: Breaker, report: Report, rules: BreakerRules) -> Breaker:
    """The breaker with this report in it; the same one where nothing needs to be written."""
    match breaker.state:
        case State.CLOSED:
            return breaker if report.sign in (Sign.HEALTHY, Sign.NOTHING) else _counted(breaker, report, rules)
        case State.HALF_OPEN if report.prober is not None and report.prober == breaker.prober:
            return _probed(breaker, report, rules)
        case _:
            # Calls that were on their way when it opened, or a prober whose time had ended.
            return breaker


def open_time(rules: BreakerRules, openings: int, jitter: float) -> timedelta:
    """Up to a quarter shorter by `jitter`, so that what opened together is not probed together."""
    doubled: timedelta = rules.shortest * 2 ** min(openings - 1, 16)
    return min(rules.longest, doubled) * (1 - jitter / 4)


def is_over(breaker: Breaker, now: datetime, rules: BreakerRules) -> bool:
    """True where nobody would miss it: closed without a recent failure, or a loop's whose next one would not last longer for it."""
    if breaker.retry_at is not None:
        return breaker.subject.kind is Kind.LOOP and now - breaker.retry_at > rules.longest
    return not _recent(breaker.tallies, now, rules)


def _probed(breaker: Breaker, report: Report, rules: BreakerRules) -> Breaker:
    match report.sign:
        case Sign.HEALTHY:
            return closed(breaker)
        case Sign.NOTHING:
            return released(breaker, breaker.prober or "", report.now)
        case _:
            return _opened(breaker, report, rules)


def _counted(breaker: Breaker, report: Report, rules: BreakerRules) -> Breaker:
    told = Tally(
        at=int(report.now.timestamp()),
        failures=int(report.sign is Sign.FAILING),
        limits=int(report.sign is Sign.LIMITED),
        successes=min(report.successes, SUCCESSES_TOLD),
    )
    tallies = _added(_recent(breaker.tallies, report.now, rules), told)
    counted = replace(breaker, tallies=tallies, reason=report.code)
    if report.sign is Sign.STOPPED or _is_too_much(tallies, rules):
        return _opened(counted, report, rules)
    return replace(counted, version=breaker.version + 1)


def _is_too_much(tallies: tuple[Tally, ...], rules: BreakerRules) -> bool:
    failures, limits = sum(tally.failures for tally in tallies), sum(tally.limits for tally in tallies)
    is_many = failures >= rules.failures or 0 < rules.limits <= limits
    return is_many and failures + limits >= sum(tally.successes for tally in tallies)


def _opened(breaker: Breaker, report: Report, rules: BreakerRules) -> Breaker:
    openings = breaker.openings + 1
    # Where the account has no money, the next try is the last step of the ladder at once.
    lasts = (
        rules.longest * (1 - report.jitter / 4)
        if report.sign is Sign.STOPPED
        else open_time(rules, openings, report.jitter)
    )
    return replace(
        breaker,
        version=breaker.version + 1,
        state=State.OPEN,
        openings=openings,
        opened_at=breaker.opened_at or report.now,
        retry_at=report.now + lasts,
        prober=None,
        reason=report.code,
    )


def _recent(tallies: tuple[Tally, ...], now: datetime, rules: BreakerRules) -> tuple[Tally, ...]:
    since = (now - rules.window).timestamp()
    return tuple(tally for tally in tallies if tally.at > since)


def _added(tallies: tuple[Tally, ...], told: Tally) -> tuple[Tally, ...]:
    """Clocks of environments differ, so the second need not be the last one."""
    same = [tally for tally in tallies if tally.at == told.at]
    both = Tally(
        at=told.at,
        failures=told.failures + sum(tally.failures for tally in same),
        limits=told.limits + sum(tally.limits for tally in same),
        successes=told.successes + sum(tally.successes for tally in same),
    )
    return tuple(sorted((*(tally for tally in tallies if tally.at != told.at), both), key=lambda tally: tally.at))
