"""Runs one race: starts its processes at one moment, waits for the gates, sweeps what is left, and compares all books."""

import multiprocessing
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from multiprocessing.context import SpawnContext
from multiprocessing.process import BaseProcess
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

from tests.soak.race.books import Outcome, figures_of, judge, last_pages
from tests.soak.race.changes import run_changes
from tests.soak.race.gate import run_gate
from tests.soak.race.journal import read_journals
from tests.soak.race.own_dynamodb import OwnDynamoDb
from tests.soak.race.replay import Replay
from tests.soak.race.scenario import DAILY, Scenario, World, first_settings
from tests.soak.race.sweeps import run_sweeps
from tollgate.adapters.dynamodb_accounts import DynamoDbAccounts
from tollgate.adapters.dynamodb_ledger import DynamoDbLedger
from tollgate.usecases.change_limits import months_around
from tollgate.usecases.sweep_holds import sweep_holds

SWEEPERS = 2
READY_S = 120.0
LONGEST_S = 600.0
# Past every hold's expiry; and once more, past the time that `closed` keeps its keys.
LATER = (timedelta(hours=3), timedelta(hours=6))


def run_race(scenario: Scenario, dynamodb: OwnDynamoDb) -> Outcome:
    table = f"race-{scenario.name}-{scenario.seed}".replace(" ", "-")
    dynamodb.make_table(table)
    ledger, accounts = DynamoDbLedger(dynamodb.client, table), DynamoDbAccounts(dynamodb.client, table)
    for tenant_id in scenario.tenants:
        settings = first_settings(tenant_id)
        assert accounts.create(settings, months_around(settings, scenario.starts_at))
    with tempfile.TemporaryDirectory() as folder:
        journals = Path(folder)
        world = World(scenario=scenario, endpoint_url=dynamodb.endpoint_url, table=table, journals=journals)
        seconds, broken = _run_processes(world)
        _sweep_the_rest(scenario, ledger, accounts)
        replay = Replay(read_journals(journals)).run(dynamodb.images(table))
    pages = [ledger.read_page(audited.tenant_id, audited.month) for audited in last_pages(replay)]
    broken += judge(scenario, replay, [page for page in pages if page is not None])
    figures = figures_of(replay) | Counter(
        {
            "processes": scenario.gates,
            "tenants": len(scenario.tenants),
            "limit": 0 if scenario.changing else DAILY,
        }
    )
    return Outcome(name=scenario.name, seed=scenario.seed, broken=broken, figures=figures, seconds=seconds)


# ---- the processes -----------------------------------------------------------------------------------------------------------


def _run_processes(world: World) -> tuple[float, list[str]]:
    """Seconds that the gates took, and what is wrong with how processes ended."""
    context = multiprocessing.get_context("spawn")
    over = context.Event()
    start = context.Barrier(world.scenario.gates + SWEEPERS + world.scenario.changing + 1)
    gates, helpers = _gates(world, context, start.wait), _helpers(world, context, start.wait, over)
    try:
        for process in gates + helpers:
            process.start()
        start.wait(READY_S)
        began = time.monotonic()
        for process in gates:
            process.join(max(0.0, began + LONGEST_S - time.monotonic()))
        seconds = time.monotonic() - began
        over.set()
        for process in helpers:
            process.join(READY_S)
    finally:
        for process in gates + helpers:
            process.kill()
    wrong = [process for process in gates + helpers if process.exitcode != 0]
    return seconds, [f"{process.name} ended with {process.exitcode}" for process in wrong]


def _gates(world: World, context: SpawnContext, ready: Callable[[], Any]) -> list[BaseProcess]:
    return [
        context.Process(target=run_gate, args=(world, number, ready), name=f"gate {number}", daemon=True)
        for number in range(world.scenario.gates)
    ]


def _helpers(world: World, context: SpawnContext, ready: Callable[[], Any], over: Event) -> list[BaseProcess]:
    """They work until `over` is set."""
    given = (ready, over.is_set, over.wait)
    found: list[BaseProcess] = [
        context.Process(target=run_sweeps, args=(world, number, *given), name=f"sweep {number}", daemon=True)
        for number in range(SWEEPERS)
    ]
    if world.scenario.changing:
        found.append(context.Process(target=run_changes, args=(world, *given), name="changes", daemon=True))
    return found


def _sweep_the_rest(scenario: Scenario, ledger: DynamoDbLedger, accounts: DynamoDbAccounts) -> None:
    for later in LATER:
        sweep_holds(ledger, accounts, clock=lambda later=later: scenario.starts_at + later)  # type: ignore[misc]
