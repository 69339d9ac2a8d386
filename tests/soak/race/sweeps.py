"""A process that sweeps over and over; two of them run at once."""

import os
from collections.abc import Callable
from typing import Any

from tests.soak.race.journal import Journal
from tests.soak.race.scenario import RunningClock, World
from tollgate.adapters.dynamodb_accounts import DynamoDbAccounts
from tollgate.adapters.dynamodb_ledger import DynamoDbLedger
from tollgate.adapters.dynamodb_wire import new_dynamodb
from tollgate.domain.errors import LedgerUnavailable
from tollgate.usecases.sweep_holds import GRACE, sweep_holds

EVERY_S = 0.1


def run_sweeps(
    world: World, number: int, ready: Callable[[], object], is_over: Callable[[], bool], wait: Callable[[float], object]
) -> None:
    os.environ.update(world.environment)
    client: Any = new_dynamodb()
    ledger, accounts = DynamoDbLedger(client, world.table), DynamoDbAccounts(client, world.table)
    with Journal(world.journals, f"sweeps-{number}") as journal:
        ready()
        running = RunningClock(world.scenario.starts_at)
        while not is_over():
            # Ahead by its own grace, so that it meets holders who are still at work.
            try:
                swept = sweep_holds(ledger, accounts, clock=lambda: running() + GRACE)
            except LedgerUnavailable:
                continue
            journal.counts("sweeps")
            journal.counts("lapsed", swept.lapsed)
            journal.counts("expired", swept.expired)
            journal.counts("unbalanced", len(swept.unbalanced))
            wait(EVERY_S)
