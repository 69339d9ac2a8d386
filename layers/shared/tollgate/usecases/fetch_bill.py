"""Fetches what the provider says that it billed, day by day, and has it compared with the spans; then tells, and corrects, what was found.

It runs outside the private network. A day that was not finished is fetched again by the next run; whatever is repeated changes nothing.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

from tollgate.domain.drift import KeptDrift
from tollgate.domain.drift_text import kept_record
from tollgate.domain.errors import BillSourceFailed
from tollgate.domain.money import NanoUsd
from tollgate.domain.page import HoldKind
from tollgate.domain.provider_bill import Width, day_start, days_to_fetch, is_settled
from tollgate.domain.unsettled_call import Finding, Question
from tollgate.domain.window import window_at
from tollgate.ports import Accounts, Alerts, Bill, BillBooks, Clock, Ledger

# Kept back from every request to the provider: enough to have its figures stored and compared.
STORE_TIME = timedelta(seconds=30)
# No day is begun with less.
DAY_TIME = STORE_TIME + timedelta(seconds=30)
# Lambda takes 6 MB in a synchronous call, and a row is some 150 bytes.
ROWS_AT_ONCE = 5_000
# A call that began in a day is followed so far into the next one, and from so far before.
MARGIN = timedelta(minutes=30)
# How far back a day is compared again while it has a drift.
REMEMBERS_DRIFTS = timedelta(days=62)
# For how long a page remembers a hold that somebody else closed, with some minutes to spare; and how much of the time before is looked
# at, for the calls around it.
REMEMBERED = timedelta(minutes=55)
LOOKS_AROUND = timedelta(hours=2)

TimeLeft = Callable[[], timedelta]
Correct = Callable[[str, Finding], bool]


@dataclass(slots=True, kw_only=True)
class BillRun:
    """`left`: days that this run did not get to; `findings`: by tenant, with those of them that were booked; `error`: why it stopped."""

    fetched: list[date] = field(default_factory=list)
    compared: list[date] = field(default_factory=list)
    left: list[date] = field(default_factory=list)
    opened: list[KeptDrift] = field(default_factory=list)
    closed: list[KeptDrift] = field(default_factory=list)
    findings: list[tuple[str, Finding]] = field(default_factory=list)
    corrected: int = 0
    error: str | None = None

    @property
    def drift(self) -> NanoUsd:
        """Of the drifts that are new, whichever way they go."""
        return NanoUsd(sum(abs(kept.drift.amount) for kept in self.opened))


@dataclass(frozen=True, slots=True, kw_only=True)
class BillPorts:
    """`tenants`: the ids of every account; `correct`: books what was found of a tenant's call, False where it was not booked."""

    bill: Bill
    books: BillBooks
    tenants: Callable[[], Sequence[str]]
    accounts: Accounts
    ledger: Ledger
    alerts: Alerts
    clock: Clock
    time_left: TimeLeft
    correct: Correct


def fetch_bill(ports: BillPorts, *, days: Sequence[date] | None = None) -> BillRun:
    """`days`: these, settled or not, instead of those that are due. Raises LedgerUnavailable, BillStoreFailed, SpansUnavailable."""
    run, projects = BillRun(), own_projects(ports)
    fetched = ports.books.begin(projects, ports.clock())
    wanted = list(days) if days is not None else days_to_fetch(fetched, ports.clock())
    for number, day in enumerate(wanted):
        if ports.time_left() < DAY_TIME:
            run.left = wanted[number:]
            break
        try:
            _fetch_day(ports, run, day, projects, is_ordered=days is not None)
        except BillSourceFailed as failure:
            run.error, run.left = str(failure), wanted[number:]
            break
    if days is None:
        _look_again(ports, run, list(projects))
    return run


def _look_again(ports: BillPorts, run: BillRun, tenants: Sequence[str]) -> None:
    """Days that were compared once and differed: a correction since, or a late settlement, may have put them right."""
    at = ports.clock()
    for day in ports.books.drifting(at.date() - REMEMBERS_DRIFTS, at):
        if day not in run.compared and is_settled(day, at) and ports.time_left() >= DAY_TIME:
            _compare(ports, run, day, tenants, at, is_ordered=False)


def _compare(
    ports: BillPorts, run: BillRun, day: date, tenants: Sequence[str], at: datetime, *, is_ordered: bool
) -> Mapping[str, str]:
    """Tenants with unsettled calls, and their projects."""
    compared = ports.books.compare(day, tenants, at, is_ordered=is_ordered)
    run.compared.append(day)
    run.opened += compared.opened
    run.closed += compared.closed
    # At once: what the next day comes to must not keep it from anybody.
    for event, several in (("DriftFound", compared.opened), ("DriftGone", compared.closed)):
        for kept in several:
            ports.alerts.tell(event, kept_record(kept))
    return compared.unsettled


def resolve_recent(ports: BillPorts) -> BillRun:
    """Calls that lapsed within the hour, for which the ledger still has a step to correct them: those that the provider has counted by
    now. Raises BillStoreFailed, SpansUnavailable, LedgerUnavailable."""
    run, now = BillRun(), ports.clock()
    # A minute that has not ended is not counted.
    end = now.replace(second=0, microsecond=0)
    for tenant_id, project in ports.books.recent(now - REMEMBERED, now).items():
        if ports.time_left() < DAY_TIME:
            break
        try:
            _resolve(ports, run, _asked(ports, tenant_id, project, end - LOOKS_AROUND, end, is_settled=False))
        except BillSourceFailed as failure:
            run.error = str(failure)
            break
    return run


def _asked(
    ports: BillPorts, tenant_id: str, project: str, start: datetime, end: datetime, *, is_settled: bool
) -> Question:
    """With what the ledger knows of the time before now, read before the provider is asked: what begins later is in no minute before
    that."""
    now = ports.clock()
    settings = ports.accounts.read(tenant_id)
    months = {window_at(at, settings.zones).month for at in (start, min(end, now))} if settings is not None else set()
    pages = [page for month in sorted(months) if (page := ports.ledger.read_page(tenant_id, month)) is not None]
    calls = [hold for page in pages for hold in page.holds.values() if hold.kind is HoldKind.CALL]
    return Question(
        tenant_id=tenant_id,
        project=project,
        start=start,
        end=min(end, now.replace(second=0, microsecond=0)),
        is_settled=is_settled,
        postings={page.month: page.seq for page in pages},
        in_flight=tuple((hold.model or "", datetime.fromtimestamp(hold.opened_at, UTC)) for hold in calls),
    )


def own_projects(ports: BillPorts) -> Mapping[str, str | None]:
    """Of every tenant, as its settings say."""
    settings = ((tenant, ports.accounts.read(tenant)) for tenant in ports.tenants())
    return {tenant: found.openai_project for tenant, found in settings if found is not None}


def _fetch_day(
    ports: BillPorts, run: BillRun, day: date, projects: Mapping[str, str | None], *, is_ordered: bool
) -> None:
    at, start = ports.clock(), day_start(day)
    costs = ports.bill.costs(day, time_left=_time(ports))
    usages = ports.bill.usage(start, start + timedelta(days=1), Width.DAY, time_left=_time(ports))
    for begin in range(0, len(costs), ROWS_AT_ONCE):
        ports.books.add(costs[begin : begin + ROWS_AT_ONCE], (), at)
    for begin in range(0, len(usages), ROWS_AT_ONCE):
        ports.books.add((), usages[begin : begin + ROWS_AT_ONCE], at)
    ports.books.close_day(day, at)
    run.fetched.append(day)
    if not is_ordered and not is_settled(day, at):
        return
    unsettled = _compare(ports, run, day, list(projects), at, is_ordered=is_ordered)
    for tenant_id, project in unsettled.items():
        end = start + timedelta(days=1) + MARGIN
        question = _asked(ports, tenant_id, project, start - MARGIN, end, is_settled=is_settled(day, at))
        _resolve(ports, run, question)


def _resolve(ports: BillPorts, run: BillRun, question: Question) -> None:
    at = ports.clock()
    minutes = ports.bill.usage(
        question.start, question.end, Width.MINUTE, projects=[question.project], time_left=_time(ports)
    )
    for begin in range(0, len(minutes), ROWS_AT_ONCE):
        ports.books.add((), minutes[begin : begin + ROWS_AT_ONCE], at)
    for finding in ports.books.resolve(question, at):
        run.findings.append((question.tenant_id, finding))
        if ports.correct(question.tenant_id, finding):
            run.corrected += 1


def _time(ports: BillPorts) -> timedelta:
    return ports.time_left() - STORE_TIME
