"""Goes through a connection step by step, each as the sync would, and says in plain words what to fix.

A step that fails stops what depends on it. Feeds do not depend on each other; but where all are refused it is none of them.
"""

from datetime import datetime, timedelta

from tollgate.domain.connection import Connection
from tollgate.domain.connection_check import (
    APP,
    FORMAT,
    TENANT,
    TOKEN,
    ConnectionCheck,
    Step,
    StepStatus,
    feed_step,
    not_connected,
    not_granted,
    not_now,
    wrong_app_key,
    wrong_client,
    wrong_tenant,
)
from tollgate.domain.errors import JobSourceFailed, TenantDiffers
from tollgate.domain.job import Feed, SourceFault
from tollgate.ports import Clock, ConnectionProbe, Leases
from tollgate.usecases.lease_connection import leased

CHECK = "check"
# API Gateway waits 29 s: an answer that drips can take its step's time twice, and the ledger has its part in it too.
CHECK_TIME = timedelta(seconds=20)
STEP_TIME = timedelta(seconds=5)
NAMES = (FORMAT, TOKEN, TENANT, APP, *(feed_step(feed) for feed in Feed))
NOT_REACHED = "Not asked: no time was left. Check again."
NOT_BEFORE = "Not asked, because of what was found above."
LIKE_ALL = "Refused, like all the others: see app."


def check_connection(
    connection: Connection, probe: ConnectionProbe, leases: Leases, *, clock: Clock, started_at: datetime
) -> ConnectionCheck:
    """Begins nothing later than 20 s after `started_at`. Raises ConnectionBusy, LedgerUnavailable."""
    with leased(CHECK, connection.id, leases, clock=clock):
        checking = _Checking(connection, probe, clock, started_at=started_at)
        return ConnectionCheck(connection_id=connection.id, checked_at=started_at, steps=checking.steps())


class _Stopped(Exception):
    """Nothing that follows can be told."""


class _Checking:
    def __init__(self, connection: Connection, probe: ConnectionProbe, clock: Clock, *, started_at: datetime) -> None:
        self._connection = connection
        self._probe = probe
        self._clock = clock
        self._day = started_at.date()
        self._until = started_at + CHECK_TIME
        self._found: dict[str, Step] = {}
        self._why_not = NOT_BEFORE

    def steps(self) -> tuple[Step, ...]:
        try:
            self._look()
            self._sign_in()
            self._read_feeds()
        except _Stopped:
            pass
        return tuple(
            self._found.get(name) or Step(name=name, status=StepStatus.SKIPPED, message=self._why_not) for name in NAMES
        )

    def _look(self) -> None:
        try:
            self._probe.look()
        except JobSourceFailed as failure:
            self._note(FORMAT, StepStatus.FIX, str(failure))
            raise _Stopped from failure
        self._note(FORMAT, StepStatus.OK, "Client id, client secret and application key have the form of some.")

    def _sign_in(self) -> None:
        try:
            named = self._probe.sign_in(time_left=self._time_left())
        except TenantDiffers as differs:
            self._note(TOKEN, StepStatus.OK, "ServiceTitan gives a token.")
            self._note(TENANT, StepStatus.FIX, wrong_tenant(self._connection, differs.named))
            raise _Stopped from differs
        except JobSourceFailed as failure:
            is_wrong = failure.fault is SourceFault.CREDENTIALS
            said = wrong_client(self._connection, str(failure)) if is_wrong else not_now(str(failure))
            self._note(TOKEN, StepStatus.FIX, said)
            raise _Stopped from failure
        self._note(TOKEN, StepStatus.OK, "ServiceTitan gives a token.")
        if named is not None:
            self._note(TENANT, StepStatus.OK, f"The token is one of ServiceTitan tenant {named}.")

    def _read_feeds(self) -> None:
        refused: list[Feed] = []
        try:
            refused.extend(feed for feed in Feed if not self._may_read(feed))
        finally:
            self._judge(refused)

    def _judge(self, refused: list[Feed]) -> None:
        """What the feeds say together, as far as they were asked."""
        if refused == list(Feed):
            is_known = TENANT in self._found
            self._note(APP, StepStatus.FIX, not_connected(self._connection, is_tenant_known=is_known))
        for feed in refused:
            if APP in self._found:
                self._note(feed_step(feed), StepStatus.SKIPPED, LIKE_ALL)
            else:
                self._note(feed_step(feed), StepStatus.FIX, not_granted(feed))
        if APP not in self._found and self._reads_any():
            self._note(APP, StepStatus.OK, "The application key is accepted, and the application is connected.")
            # A token that names nobody is this tenant's, since it reads what is its own.
            if TENANT not in self._found:
                self._note(TENANT, StepStatus.OK, "The token reads what is this tenant's.")

    def _may_read(self, feed: Feed) -> bool:
        """False where that is refused; what else goes wrong is noted. Raises _Stopped where nothing else can be read either."""
        try:
            self._probe.read_page(feed, self._day, time_left=self._time_left())
        except JobSourceFailed as failure:
            return self._is_other_fault(feed, failure)
        self._note(feed_step(feed), StepStatus.OK, "It can be read.")
        return True

    def _is_other_fault(self, feed: Feed, failure: JobSourceFailed) -> bool:
        match failure.fault:
            case SourceFault.FORBIDDEN:
                return False
            case SourceFault.CREDENTIALS:
                # The token is new: what else is refused with it is the key.
                self._note(APP, StepStatus.FIX, wrong_app_key(str(failure)))
                raise _Stopped from failure
            case _:
                self._note(feed_step(feed), StepStatus.FIX, not_now(str(failure)))
                return True

    def _time_left(self) -> timedelta:
        """Of the next step. Raises _Stopped where there is none."""
        left = self._until - self._clock()
        if left <= timedelta(0):
            self._why_not = NOT_REACHED
            raise _Stopped
        return min(left, STEP_TIME)

    def _note(self, name: str, status: StepStatus, message: str) -> None:
        self._found[name] = Step(name=name, status=status, message=message)

    def _reads_any(self) -> bool:
        steps = (self._found.get(feed_step(feed)) for feed in Feed)
        return any(step is not None and step.status is StepStatus.OK for step in steps)
