"""What every store of breakers promises: a swap wins once, and what was written is read as it was."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from tests.fakes.ledger_world import TABLE
from tests.fakes.memory_breakers import MemoryBreakers
from tests.fakes.moto_dynamodb import dynamodb_client
from tollgate.adapters.dynamodb_breakers import DynamoDbBreakers
from tollgate.domain.breaker import Breaker, Kind, State, Subject, Tally, closed, half_open
from tollgate.ports import Breakers

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
MODEL = Subject(kind=Kind.UPSTREAM, upstream="api.openai.com", model="ft:gpt-4o:acme")
AGENT = Subject(kind=Kind.LOOP, tenant_id="acme", agent="Böoking / agent", fingerprint="abc")
OPEN = Breaker(
    subject=MODEL,
    version=1,
    state=State.OPEN,
    tallies=(Tally(at=100, failures=3, limits=2, successes=1),),
    openings=2,
    opened_at=NOON,
    retry_at=NOON + timedelta(seconds=7.5),
    reason="status_502",
)


@pytest.fixture(params=["memory", "dynamodb"])
def breakers(request: pytest.FixtureRequest) -> Iterator[Breakers]:
    if request.param == "memory":
        yield MemoryBreakers()
        return
    with dynamodb_client() as client:
        yield DynamoDbBreakers(client, TABLE)


def test_what_was_written_is_read_as_it_was(breakers: Breakers) -> None:
    probed = half_open(OPEN, prober="a-call", until=NOON + timedelta(minutes=2))

    assert breakers.swap(OPEN)
    assert breakers.read(OPEN.id) == OPEN
    assert breakers.swap(probed)

    assert breakers.read(OPEN.id) == probed
    assert list(breakers.recent()) == [probed]


def test_one_that_was_never_written_is_not_there(breakers: Breakers) -> None:
    assert breakers.read(OPEN.id) is None
    assert list(breakers.recent()) == []


def test_of_two_environments_that_saw_the_same_one_wins(breakers: Breakers) -> None:
    breakers.swap(OPEN)
    first, second = (half_open(OPEN, prober=prober, until=NOON) for prober in ("first", "second"))

    assert [breakers.swap(first), breakers.swap(second)] == [True, False]

    found = breakers.read(OPEN.id)
    assert found is not None
    assert found.prober == "first"


def test_the_first_write_wins_only_where_nothing_stands(breakers: Breakers) -> None:
    assert breakers.swap(OPEN)

    assert not breakers.swap(replace(OPEN, reason="another environment's"))


def test_a_swap_of_what_is_gone_does_not_bring_it_back(breakers: Breakers) -> None:
    breakers.swap(OPEN)
    breakers.remove(OPEN)

    assert not breakers.swap(closed(OPEN))
    assert breakers.read(OPEN.id) is None


def test_only_the_version_that_was_seen_is_removed(breakers: Breakers) -> None:
    breakers.swap(OPEN)
    breakers.swap(closed(OPEN))

    breakers.remove(OPEN)

    assert breakers.read(OPEN.id) == closed(OPEN)


def test_breakers_of_models_and_agents_stand_side_by_side(breakers: Breakers) -> None:
    of_agent = replace(OPEN, subject=AGENT)

    breakers.swap(OPEN)
    breakers.swap(of_agent)

    assert {breaker.subject for breaker in breakers.recent()} == {MODEL, AGENT}
    assert breakers.read(of_agent.id) == of_agent
