"""Eight processes and two thousand calls on the same pages, settings changing meanwhile: straight to DynamoDB, and through the API.

python -m tests.soak race [--seeds 1 2 3] [--only ledger|api] [--gates 8] [--calls 250] [--api-calls 304]
"""

import argparse
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from tests.soak.race.api import race_through_the_api
from tests.soak.race.books import Outcome
from tests.soak.race.own_dynamodb import own_dynamodb
from tests.soak.race.run import run_race
from tests.soak.race.scenario import Scenario
from tests.soak.race.table import DIRECT, THROUGH_THE_API, table
from tests.system.own_stack import own_stack

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
# The race with several tenants goes over the end of a month.
SHORTLY_BEFORE_THE_TURN = datetime(2026, 11, 30, 23, 59, 50, tzinfo=UTC)


def main(words: list[str]) -> int:
    chosen = _parse(words)
    outcomes: list[Outcome] = []
    if chosen.only != "api":
        found = _race_on_the_ledger(chosen)
        print(f"\nStraight to DynamoDB\n\n{table(DIRECT, found)}\n", flush=True)
        outcomes += found
    if chosen.only != "ledger":
        found = _race_through_the_api(chosen)
        print(f"\nThrough the API of a deployed stack\n\n{table(THROUGH_THE_API, found)}\n", flush=True)
        outcomes += found
    broken = [f"{outcome.name}, seed {outcome.seed}: {words}" for outcome in outcomes for words in outcome.broken]
    for promise in broken:
        print(f"BROKEN: {promise}", file=sys.stderr)
    return 1 if broken else 0


def scenarios(seed: int, *, gates: int, calls: int) -> Iterator[Scenario]:
    one, few = ("shop",), ("shop-a", "shop-b", "shop-c")
    for name, tenants, starts_at, changing in (
        ("one limit", one, NOON, False),
        ("changing", one, NOON, True),
        ("over a month", few, SHORTLY_BEFORE_THE_TURN, True),
    ):
        yield Scenario(
            name=name, seed=seed, gates=gates, calls=calls, tenants=tenants, starts_at=starts_at, changing=changing
        )


def _race_on_the_ledger(chosen: argparse.Namespace) -> list[Outcome]:
    outcomes: list[Outcome] = []
    with own_dynamodb() as dynamodb:
        for seed in chosen.seeds:
            for scenario in scenarios(seed, gates=chosen.gates, calls=chosen.calls):
                outcomes.append(run_race(scenario, dynamodb))
                _tell(outcomes[-1])
    return outcomes


def _race_through_the_api(chosen: argparse.Namespace) -> list[Outcome]:
    outcomes: list[Outcome] = []
    with tempfile.TemporaryDirectory(prefix="tollgate-race-") as folder, own_stack(Path(folder) / "stack") as stack:
        for seed in chosen.seeds:
            outcomes.append(race_through_the_api(stack, seed=seed, calls=chosen.api_calls))
            _tell(outcomes[-1])
    return outcomes


def _tell(outcome: Outcome) -> None:
    print(f"{outcome.name}, seed {outcome.seed}: {outcome.seconds:.0f} s, {len(outcome.broken)} broken", flush=True)


def _parse(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.soak race", description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--gates", type=int, default=8, help="processes")
    parser.add_argument("--calls", type=int, default=250, help="of each process")
    parser.add_argument("--api-calls", type=int, default=304, help="through the API, of all clients together")
    parser.add_argument("--only", choices=["ledger", "api"])
    return parser.parse_args(words)
