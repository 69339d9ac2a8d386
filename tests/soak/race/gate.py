"""One process that makes calls: it holds, asks an upstream of its own making, settles, or does worse."""

import os
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from tests.fakes.ledger_world import a_menu
from tests.soak.race.endings import PATIENCE, Endings
from tests.soak.race.journal import Journal
from tests.soak.race.planted import PLANTED, Forgetful
from tests.soak.race.scenario import OPEN_MAX, WORST, RunningClock, Scenario, World, in_real_time
from tests.soak.race.watched_ledger import WatchedLedger
from tollgate.adapters.dynamodb_accounts import DynamoDbAccounts
from tollgate.adapters.dynamodb_wire import new_dynamodb
from tollgate.domain.errors import BudgetRefused, LedgerUnavailable
from tollgate.domain.money import NanoUsd
from tollgate.domain.page import HoldKind, Page
from tollgate.domain.refusal import Refusal
from tollgate.domain.span import Attribution
from tollgate.domain.window import window_at
from tollgate.usecases.check_cost import Check, CheckPorts, check_cost
from tollgate.usecases.know_settings import KnownSettings
from tollgate.usecases.take_hold import Taken, Wanted, take_hold
from tollgate.wiring import new_call_key, new_check_key

# So short that the sweep closes some calls while their holders are still at work.
LIVES = (timedelta(0), timedelta(seconds=1), timedelta(seconds=2))
LONG = timedelta(minutes=5)
AGENTS = (None, None, "booking-agent", "dispatch-agent")
ELSEWHERE = 60


def run_gate(world: World, number: int, ready: Callable[[], object]) -> None:
    """`ready` waits for all the others."""
    os.environ.update(world.environment)
    client: Any = new_dynamodb()
    kind, attributes = PLANTED[world.scenario.planted] if world.scenario.planted else (WatchedLedger, ())
    with Journal(world.journals, f"gate-{number}") as journal:
        ledger = kind(Forgetful(client, attributes) if attributes else client, world.table, journal)
        accounts = DynamoDbAccounts(client, world.table)
        ready()
        shared: dict[str, Any] = {
            "chance": random.Random(f"{world.scenario.seed} gate {number}"),
            "ledger": ledger,
            "accounts": accounts,
            "known": KnownSettings(accounts),
            "clock": RunningClock(world.scenario.starts_at),
            "journal": journal,
        }
        Gate(**shared, scenario=world.scenario, endings=Endings(**shared)).run()


@dataclass(slots=True, kw_only=True)
class Gate:
    """`taken`: the calls that are not over; `left`: what some window of a tenant had left, as it was last heard of."""

    scenario: Scenario
    endings: Endings
    chance: random.Random
    ledger: WatchedLedger
    accounts: DynamoDbAccounts
    known: KnownSettings
    clock: Callable[[], datetime]
    journal: Journal
    taken: list[Taken] = field(default_factory=list)
    left: dict[str, int] = field(default_factory=dict)

    def run(self) -> None:
        for _ in range(self.scenario.calls):
            self._begin(self.chance.choice(self.scenario.tenants))
            while len(self.taken) > self.chance.randint(0, OPEN_MAX):
                self._end(self.taken.pop(self.chance.randrange(len(self.taken))))
        while self.taken:
            self._end(self.taken.pop())

    def _begin(self, tenant_id: str) -> None:
        self.journal.counts("calls")
        try:
            match self.chance.random():
                case throw if throw < 0.05 and self.scenario.changing:
                    self._book_elsewhere(tenant_id)
                case throw if throw < 0.25:
                    self._check(tenant_id)
                case _:
                    self._hold(tenant_id)
        except BudgetRefused as error:
            self._refused(error.refusal)
        except LedgerUnavailable:
            self.journal.counts("unavailable")

    def _hold(self, tenant_id: str) -> None:
        now, settings = self.clock(), self.known.of(tenant_id)
        wanted = Wanted(
            tenant_id=tenant_id,
            key=new_call_key(),
            kind=HoldKind.CALL,
            window=window_at(now, settings.zones),
            expires_at=now + self.chance.choice(LIVES),
            attribution=Attribution(agent=self.chance.choice(AGENTS)),
        )
        menu = a_menu(self._amount(tenant_id), cheaper=self.chance.random() < 0.7)
        self._accepted(
            take_hold(
                wanted,
                menu,
                settings,
                ledger=self.ledger,
                accounts=self.accounts,
                clock=self.clock,
                until=in_real_time(PATIENCE),
            )
        )

    def _check(self, tenant_id: str) -> None:
        # A record that comes after its hold expired is never refused: where the bill must stay in the limit, none expires.
        check = Check(
            menu=a_menu(self._amount(tenant_id), cheaper=self.chance.random() < 0.7),
            attribution=Attribution(agent=self.chance.choice(AGENTS)),
            hold_for=self.chance.choice(LIVES) if self.scenario.changing else LONG,
        )
        ports = CheckPorts(ledger=self.ledger, accounts=self.accounts, clock=self.clock, new_key=new_check_key)
        verdict = check_cost(check, self.known.of(tenant_id), ports, deadline=in_real_time(PATIENCE))
        if verdict.refusal is not None:
            self._refused(verdict.refusal)
        elif verdict.taken is not None:
            self._accepted(verdict.taken)

    def _book_elsewhere(self, tenant_id: str) -> None:
        """Several processes send the same record, and it counts once."""
        number = self.chance.randrange(ELSEWHERE)
        self.endings.record(tenant_id, f"elsewhere-{number}", None, NanoUsd(1 + number * 7919 % (WORST // 20)), None)

    def _amount(self, tenant_id: str) -> int:
        """Often exactly what was left a moment ago, one less or one more; else anything up to the worst."""
        left = self.left.get(tenant_id, 0)
        if left > 0 and self.chance.random() < 0.6:
            return left + self.chance.choice((0, 0, -1, 1))
        return self.chance.randint(1, WORST)

    def _accepted(self, taken: Taken) -> None:
        self.known.saw(taken.settings)
        self.taken.append(taken)
        self._hear(taken.page, taken)
        self.journal.counts("accepted")
        if taken.offer.downgrade_reason is not None:
            self.journal.counts("downgraded")

    def _refused(self, refusal: Refusal) -> None:
        self.journal.counts(f"refused: {refusal.reason}")
        if refusal.window is not None:
            self.left[refusal.tenant_id] = refusal.window.remaining

    def _hear(self, page: Page, taken: Taken) -> None:
        limit_of, now, day = taken.settings.limit_of, self.clock(), taken.hold.day
        month_left = limit_of(page.month, now) - page.use.used
        day_left = limit_of(f"{page.month}-{day}", now) - page.day(day).used
        self.left[page.tenant_id] = min(month_left, day_left)

    def _end(self, taken: Taken) -> None:
        page = self.endings.end(taken)
        if page is not None:
            self._hear(page, taken)
