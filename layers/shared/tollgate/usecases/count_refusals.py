"""Counts refused calls in an environment's memory, and hands the counts over now and then: never a write for a refusal.

What it does can neither fail nor change a call. A write runs beside the calls; only the one after a refused call is waited for, and
not for long, because a function that has answered is frozen, and may never thaw.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from threading import Thread

from tollgate.domain.errors import TollgateError
from tollgate.domain.refused import RefusedHour, Tally, calls_in, reason_of
from tollgate.ports import Refusals

# At most one write for a tenant within this time; the first refusal is written at once.
PAUSE = timedelta(seconds=10)
TENANTS_MAX = 1_000
WAIT_S = 0.05
Taken = Sequence[tuple[str, Sequence[RefusedHour]]]


class RefusalTally:
    """One for each environment. `tell` is told each refusal's reason, for a metric; `lose`, how many calls are counted nowhere, and why."""

    def __init__(
        self,
        store: Refusals,
        *,
        clock: Callable[[], datetime],
        tell: Callable[[str], None],
        lose: Callable[[int, Exception | None], None],
    ) -> None:
        self._store = store
        self._clock = clock
        self._tell = tell
        self._lose = lose
        self._tallies: dict[str, Tally] = {}
        self._written_at: dict[str, datetime] = {}
        self._given_back: Taken = ()
        self._lost = 0
        self._fault: Exception | None = None
        self._writing: Thread | None = None

    def count(self, reason: str, tenant_id: str, agent: str | None) -> None:
        self._tell(reason)
        if tenant_id not in self._tallies and len(self._tallies) >= TENANTS_MAX:
            self._lost += 1
            return
        self._tallies.setdefault(tenant_id, Tally()).count(reason, agent, self._clock())

    @contextmanager
    def counting(self, tenant_id: str, agent: str | None) -> Iterator[None]:
        """Counts the call inside where it is refused."""
        try:
            yield
        except TollgateError as error:
            reason = reason_of(error)
            if reason is not None:
                self.count(reason, tenant_id, agent)
            raise

    def write(self) -> None:
        """Begins to hand over what is due, beside the call, unless a write runs still."""
        if self._writing is not None and self._writing.is_alive():
            return
        self._collect()
        due = self._take_due(self._clock())
        if due:
            self._writing = Thread(target=self._hand_over, args=(due,), name="refusals", daemon=True)
            self._writing.start()

    def wait(self, at_most_s: float = WAIT_S) -> None:
        """For a write that runs."""
        if self._writing is not None:
            self._writing.join(at_most_s)

    def _take_due(self, now: datetime) -> Taken:
        due = [
            tenant_id
            for tenant_id in self._tallies
            if tenant_id not in self._written_at or now - self._written_at[tenant_id] >= PAUSE
        ]
        if len(self._written_at) + len(due) > TENANTS_MAX:
            self._written_at = {tenant_id: at for tenant_id, at in self._written_at.items() if now - at < PAUSE}
        self._written_at |= dict.fromkeys(due, now)
        return [(tenant_id, self._tallies.pop(tenant_id).take()) for tenant_id in due]

    def _hand_over(self, taken: Taken) -> None:
        """In its own thread. What a write may have added already is not added again: counts are never too high."""
        back = []
        for tenant_id, hours in taken:
            try:
                if not self._store.add(tenant_id, hours):
                    back.append((tenant_id, hours))
            except Exception as error:  # noqa: BLE001 - its thread's outermost edge: the calls have nothing to do with it
                self._lost += calls_in(hours)
                self._fault = error
        self._given_back = back

    def _collect(self) -> None:
        """What the last write left, in the thread of the calls."""
        for tenant_id, hours in self._given_back:
            tally = self._tallies.setdefault(tenant_id, Tally())
            for each in hours:
                for (reason, agent), calls in each.counts.items():
                    tally.count(reason, agent, each.hour, calls)
        self._given_back = ()
        lost, self._lost = self._lost, 0
        fault, self._fault = self._fault, None
        if lost:
            self._lose(lost, fault)
