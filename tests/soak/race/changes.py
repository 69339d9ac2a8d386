"""One process that changes the settings all the time, often to what leaves exactly nothing."""

import os
import random
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from tests.soak.race.journal import Journal
from tests.soak.race.scenario import ANY_RATE, WORST, RunningClock, Scenario, World, first_settings
from tollgate.adapters.dynamodb_accounts import DynamoDbAccounts
from tollgate.adapters.dynamodb_ledger import DynamoDbLedger
from tollgate.adapters.dynamodb_wire import new_dynamodb
from tollgate.domain.errors import LedgerUnavailable, RaiseNotFound, RequestInvalid
from tollgate.domain.money import NanoUsd
from tollgate.domain.page import Page
from tollgate.domain.tenant import IN_FLIGHT_MAX, AgentLimits, Mode
from tollgate.domain.window import window_at
from tollgate.usecases.change_limits import Change, change_limits
from tollgate.usecases.raise_limits import RaiseWanted, end_raise, raise_limits

MONTHS_WORTH = NanoUsd(10**9)


def run_changes(
    world: World, ready: Callable[[], object], is_over: Callable[[], bool], wait: Callable[[float], object]
) -> None:
    os.environ.update(world.environment)
    client: Any = new_dynamodb()
    with Journal(world.journals, "changes") as journal:
        ready()
        desk = AdminDesk(
            scenario=world.scenario,
            chance=random.Random(f"{world.scenario.seed} changes"),
            ledger=DynamoDbLedger(client, world.table),
            accounts=DynamoDbAccounts(client, world.table),
            clock=RunningClock(world.scenario.starts_at),
        )
        while not is_over():
            with suppress(LedgerUnavailable, RequestInvalid, RaiseNotFound):
                journal.counts(f"changed: {desk.change()}")
                journal.counts("changes")
            wait(desk.chance.uniform(0.0, 0.1))


@dataclass(slots=True, kw_only=True)
class AdminDesk:
    scenario: Scenario
    chance: random.Random
    ledger: DynamoDbLedger
    accounts: DynamoDbAccounts
    clock: Callable[[], datetime]

    def change(self) -> str:
        """Says what was changed. Raises what the use cases raise."""
        tenant_id = self.chance.choice(self.scenario.tenants)
        now = self.clock()
        settings = self.accounts.read(tenant_id)
        assert settings is not None
        window = window_at(now, settings.zones)
        page = self.ledger.read_page(tenant_id, window.month)
        page = page or Page(tenant_id=tenant_id, month=window.month, version=settings.version)
        throw = self.chance.random()
        if throw < 0.1:
            until = now + timedelta(seconds=self.chance.uniform(0.05, 2))
            wanted = RaiseWanted(daily=self._near(1), monthly=self._near(1), until=until, reason="a storm")
            raise_limits(tenant_id, wanted, self.accounts, new_id=lambda: f"raise-{throw}", clock=self.clock)
            return "a raise"
        if throw < 0.15 and settings.raises:
            end_raise(tenant_id, settings.raises[-1].raise_id, self.accounts, clock=self.clock)
            return "the end of a raise"
        # What bars or opens everything lasts for one change.
        undone = settings.suspended or not settings.enforces
        what = "back to normal" if undone else self.chance.choice(tuple(self._choices(page, window.day)))
        values = {"suspended": False, "mode": Mode.ENFORCE} if undone else self._choices(page, window.day)[what]
        change = Change(tenant_id=tenant_id, values=values, zone=None, if_version=None)
        change_limits(change, self.accounts, defaults=first_settings, clock=self.clock)
        return what

    def _choices(self, page: Page, day: str) -> dict[str, dict[str, Any]]:
        """Limits about what is used, under it as often as over it."""
        today, agent = page.day(day), page.agent("booking-agent")
        calls = max(page.minutes.values(), default=0)
        return {
            "the day's limit": {"daily_limit": self._near(today.used)},
            "the day's limit, a little": {"daily_limit": NanoUsd(max(0, today.used + self.chance.randint(-2, 2)))},
            "the month's limit": {"monthly_limit": self._near(page.use.used)},
            "room": {"monthly_limit": MONTHS_WORTH, "daily_limit": NanoUsd(today.used + 2 * WORST)},
            "room in the month": {"monthly_limit": MONTHS_WORTH},
            "room in the day": {"daily_limit": NanoUsd(today.spent + 3 * WORST)},
            "tokens": {"daily_token_limit": self._near(today.tokens), "monthly_token_limit": None},
            "no limit of tokens": {"daily_token_limit": None, "monthly_token_limit": None},
            "agents": {"agents": {"booking-agent": AgentLimits(daily=self._near(agent.month.used))}},
            "other agents": {"agents": {"dispatch-agent": AgentLimits(monthly=self._near(0))}},
            "no agents": {"agents": {}},
            "the soft cap": {"soft_cap": Decimal(self.chance.choice(("0", "0.5", "0.8", "1")))},
            "calls in flight": {"in_flight_max": self.chance.choice((1, 4, 12, IN_FLIGHT_MAX))},
            "the rate": {"requests_per_minute": self.chance.choice((calls + 3, ANY_RATE, ANY_RATE))},
            "observe": {"mode": Mode.OBSERVE},
            "suspension": {"suspended": True},
        }

    def _near(self, used: int) -> NanoUsd:
        return NanoUsd(max(1, used + self.chance.randint(-WORST // 2, 2 * WORST)))
