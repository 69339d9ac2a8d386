"""How a call ends: settled as a rule; or cancelled, recorded, recorded twice, or left as it is."""

import random
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from tests.fakes.ledger_world import a_settlement
from tests.soak.race.journal import Journal
from tests.soak.race.scenario import in_real_time
from tests.soak.race.watched_ledger import WatchedLedger
from tollgate.adapters.dynamodb_accounts import DynamoDbAccounts
from tollgate.domain.errors import LedgerUnavailable
from tollgate.domain.hold_id import HoldId
from tollgate.domain.money import NanoUsd
from tollgate.domain.page import HoldKind, Page
from tollgate.domain.span import Attribution, Outcome, Span
from tollgate.domain.usage import Usage
from tollgate.usecases.cancel_hold import cancel
from tollgate.usecases.know_settings import KnownSettings
from tollgate.usecases.record_cost import Spent, record
from tollgate.usecases.settle_hold import Place, settle
from tollgate.usecases.take_hold import Taken

PATIENCE = timedelta(seconds=20)


@dataclass(frozen=True, slots=True, kw_only=True)
class Endings:
    chance: random.Random
    ledger: WatchedLedger
    accounts: DynamoDbAccounts
    known: KnownSettings
    clock: Callable[[], datetime]
    journal: Journal

    def end(self, taken: Taken) -> Page | None:
        """The page after a settlement."""
        throw = self.chance.random()
        if taken.hold.kind is HoldKind.CHECK:
            if throw < 0.75:
                cost = self._cost(taken)
                self.record(taken.page.tenant_id, str(taken.hold_id), taken.hold_id, cost, taken.hold.agent)
        elif throw < 0.03:
            self._leave(taken)
        elif throw < 0.06:
            month, until = taken.hold_id.month, in_real_time(PATIENCE)
            cancel(taken.hold, month, taken.settings, self.ledger, clock=self.clock, until=until)
        else:
            return self._settle(taken)
        return None

    def _leave(self, taken: Taken) -> None:
        """Its holder died, and the upstream took all that it could."""
        self.journal.billed(taken.page.tenant_id, taken.hold.key, held=taken.hold.amount, cost=taken.hold.amount)
        self.journal.counts("left")

    def _settle(self, taken: Taken) -> Page:
        cost, hold = self._cost(taken), taken.hold
        self.journal.billed(taken.page.tenant_id, hold.key, held=hold.amount, cost=cost)
        place = Place(
            tenant_id=taken.page.tenant_id,
            month=taken.hold_id.month,
            hold=hold,
            seen=taken.page,
            unanswered=taken.unanswered,
        )
        span = Span(
            posting="settle",
            hold=hold.key,
            at=self.clock(),
            day=hold.day,
            outcome=Outcome.OK,
            cost_nanousd=cost,
            held_nanousd=hold.amount,
            model=hold.model,
            agent=hold.agent,
        )
        until = in_real_time(PATIENCE)
        page = settle(place, a_settlement(cost), span, self.ledger, clock=self.clock, until=until)
        assert page is not None, "the server was there all along"
        return page

    def _cost(self, taken: Taken) -> NanoUsd:
        """Far under the worst case as a rule, so that the budget lasts; now and then all of it, or nothing."""
        amount = taken.hold.amount
        little = self.chance.randint(0, amount // 40)
        return NanoUsd(self.chance.choices((little, amount, max(0, amount - 1), 0), weights=(90, 2, 2, 6))[0])

    def record(self, tenant_id: str, record_id: str, hold_id: HoldId | None, cost: NanoUsd, agent: str | None) -> None:
        self.journal.billed(tenant_id, hold_id.key if hold_id else record_id, held=0, cost=cost)
        spent = Spent(
            record_id=record_id,
            content_hash=str(cost),
            hold_id=hold_id,
            cost=cost,
            usage=Usage(uncached=cost),
            model="dear",
            outcome=Outcome.OK,
            attribution=Attribution(agent=agent),
            request_id=record_id,
        )
        settings = self.known.of(tenant_id)
        # A record is sent until it is answered, and often once more.
        sent = 0
        while sent < 1 + (self.chance.random() < 0.2):
            with suppress(LedgerUnavailable):
                record(spent, settings, ledger=self.ledger, accounts=self.accounts, clock=self.clock)
                sent += 1
        self.journal.counts("records")
