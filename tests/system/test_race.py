"""A small race, straight to a DynamoDB whose conditions are atomic; `make soak` runs the long ones (tests/soak/race)."""

from collections.abc import Iterator

import pytest

from tests.fakes.ledger_world import NOON
from tests.soak.race.books import Outcome
from tests.soak.race.own_dynamodb import OwnDynamoDb, own_dynamodb
from tests.soak.race.run import run_race
from tests.soak.race.scenario import Scenario

GATES, CALLS = 4, 60


@pytest.fixture(scope="module")
def dynamodb() -> Iterator[OwnDynamoDb]:
    with own_dynamodb() as dynamodb:
        yield dynamodb


def a_race(
    dynamodb: OwnDynamoDb, name: str, *, changing: bool, calls: int = CALLS, planted: str | None = None
) -> Outcome:
    scenario = Scenario(
        name=name,
        seed=1,
        gates=GATES,
        calls=calls,
        tenants=("shop",),
        starts_at=NOON,
        changing=changing,
        planted=planted,
    )
    return run_race(scenario, dynamodb)


def test_processes_that_race_for_what_is_left_never_take_a_nano_dollar_more(dynamodb: OwnDynamoDb) -> None:
    outcome = a_race(dynamodb, "small", changing=True)

    assert outcome.broken == []
    assert outcome.figures["calls"] == GATES * CALLS
    assert min(outcome.figures[name] for name in ("accepted", "changes", "stale", "sweeps")) > 0
    assert any(name.startswith("refused") for name in outcome.figures)


@pytest.mark.parametrize(
    ("planted", "changing", "found"),
    [
        ("no money", False, "let in over a limit"),
        ("no version", True, "VERSION"),
        ("reads first", False, "let in over a limit"),
    ],
)
def test_a_gate_whose_condition_lacks_a_term_is_caught_by_the_race(
    dynamodb: OwnDynamoDb, planted: str, changing: bool, found: str
) -> None:
    outcome = a_race(dynamodb, f"planted {planted}", calls=CALLS // 2, changing=changing, planted=planted)

    assert any(found in words for words in outcome.broken), outcome.broken
