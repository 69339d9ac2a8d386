"""A call with an Idempotency-Key: made once, then answered from what was kept of it."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest

from tests.fakes.memory_breakers import ToldAlerts
from tests.fakes.memory_kept_calls import MemoryKeptCalls
from tollgate.domain.errors import (
    IdempotencyConflict,
    IdempotencyInProgress,
    LedgerUnavailable,
    RequestInvalid,
    UpstreamRejected,
)
from tollgate.domain.idempotency import Attempt, KeptAnswer, fingerprint_of_request
from tollgate.settings import read_settings
from tollgate.usecases.answer_once import OncePorts, Told, answer_once

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
LIFE = timedelta(seconds=60)
SAID = KeptAnswer(status=200, content_type="application/json", headers={"x-tollgate-cost-usd": "0.01"}, body="{}")
UNKNOWN = replace(SAID, status=504, body='{"error": {}}')
REJECTED = UpstreamRejected("no", status=400, body={}, headers={})


@dataclass(slots=True)
class World:
    """`made` counts the calls that were made, and paid for."""

    calls: MemoryKeptCalls = field(default_factory=MemoryKeptCalls)
    alerts: ToldAlerts = field(default_factory=ToldAlerts)
    now: datetime = NOON
    keeps_text: bool = True
    made: int = 0

    def send(
        self, says: KeptAnswer | Exception = SAID, *, fingerprint: str = "same", meanwhile: Callable[[], object] = bool
    ) -> Told:
        def make() -> KeptAnswer:
            self.made += 1
            meanwhile()
            if isinstance(says, Exception):
                raise says
            return says

        ports = OncePorts(calls=self.calls, alerts=self.alerts, clock=lambda: self.now, keeps_text=self.keeps_text)
        attempt = Attempt(
            tenant_id="acme",
            key="booking-7",
            fingerprint=fingerprint,
            token=f"call-{self.made}",
            until=self.now + LIFE + timedelta(seconds=15),
            expires_at=self.now + timedelta(hours=24),
        )
        return answer_once(attempt, make, ports, deadline=self.now + LIFE)

    def wait(self, time: timedelta) -> None:
        self.now += time


def test_a_repetition_gets_the_first_answer_and_makes_no_call() -> None:
    world = World()

    first, again = world.send(), world.send(replace(SAID, body="another sample"))

    assert (first.is_replay, again.is_replay) == (False, True)
    assert first.answer == again.answer == SAID
    assert world.made == 1


def test_a_key_with_another_request_is_refused_even_while_the_first_runs() -> None:
    world = World()

    def other() -> None:
        with pytest.raises(IdempotencyConflict):
            world.send(fingerprint="other")

    world.send(meanwhile=other)
    other()

    assert world.made == 1


def test_a_repetition_while_the_first_runs_is_told_when_to_come_back() -> None:
    world = World()
    told: list[IdempotencyInProgress] = []

    def again() -> None:
        with pytest.raises(IdempotencyInProgress) as refused:
            world.send()
        told.append(refused.value)

    world.send(meanwhile=again)

    assert [error.retry_at > world.now for error in told] == [True]
    assert world.made == 1


def test_what_spent_nothing_is_a_new_call_the_next_time() -> None:
    world = World()
    with pytest.raises(UpstreamRejected):
        world.send(REJECTED)

    again = world.send()

    assert (again.is_replay, world.made) == (False, 2)


def test_what_may_have_been_billed_is_not_asked_for_again() -> None:
    world = World()
    world.send(UNKNOWN)

    again = world.send()

    assert (again.answer, again.is_replay, world.made) == (UNKNOWN, True, 1)


def test_where_texts_are_not_kept_a_repetition_spends_nothing_and_learns_the_cost() -> None:
    world = World(keeps_text=False)
    first = world.send()

    again = world.send()

    assert first.answer == SAID
    assert (again.answer, world.made) == (replace(SAID, body=None), 1)


def test_where_texts_are_not_kept_an_error_is_told_in_full() -> None:
    world = World(keeps_text=False)
    world.send(UNKNOWN)

    assert world.send().answer == UNKNOWN


def test_without_the_table_no_call_with_a_key_is_made() -> None:
    world = World(calls=MemoryKeptCalls(away=True))

    with pytest.raises(LedgerUnavailable):
        world.send()

    assert world.made == 0


def test_a_paid_answer_is_given_even_where_it_cannot_be_kept() -> None:
    world = World()

    first = world.send(meanwhile=lambda: setattr(world.calls, "away", True))

    assert first.answer == SAID
    assert world.alerts.told == ["IdempotencyLost"]


def test_a_rejection_is_told_as_it_is_even_where_its_key_cannot_be_given_back() -> None:
    world = World()

    with pytest.raises(UpstreamRejected):
        world.send(REJECTED, meanwhile=lambda: setattr(world.calls, "away", True))

    assert world.alerts.told == ["IdempotencyLost"]


def test_an_answer_at_the_very_end_of_its_function_is_given_and_not_kept() -> None:
    world = World()

    first = world.send(meanwhile=lambda: world.wait(LIFE - timedelta(seconds=2)))

    assert first.answer == SAID
    assert world.alerts.told == ["IdempotencyLost"]


def test_after_a_function_died_its_key_is_free_when_its_time_is_over() -> None:
    world = World()
    with pytest.raises(SystemExit):
        world.send(meanwhile=_die)
    with pytest.raises(IdempotencyInProgress):
        world.send()

    world.wait(LIFE + timedelta(seconds=16))

    assert not world.send().is_replay


def _die() -> None:
    """SIGKILL, as far as this process can show it: nothing of ours catches it."""
    raise SystemExit


def test_a_key_is_forgotten_after_its_day() -> None:
    world = World()
    world.send()

    world.wait(timedelta(hours=24))

    assert not world.send().is_replay


@pytest.mark.parametrize("key", ["", "a" * 65, "tab\there", "grüße"])
def test_a_key_that_is_none_is_refused(key: str) -> None:
    with pytest.raises(RequestInvalid, match="Idempotency-Key"):
        Attempt(tenant_id="acme", key=key, fingerprint="", token="t", until=NOON, expires_at=NOON)


def test_the_same_request_is_the_same_whatever_the_order_of_its_fields() -> None:
    asked = fingerprint_of_request("/v1/chat/completions", {"model": "gpt-4o", "n": 1})

    assert asked == fingerprint_of_request("/v1/chat/completions", {"n": 1, "model": "gpt-4o"})
    assert asked != fingerprint_of_request("/v1/chat/completions", {"n": 2, "model": "gpt-4o"})
    assert asked != fingerprint_of_request("/api/chat", {"model": "gpt-4o", "n": 1})


def test_texts_are_kept_unless_it_says_off_and_a_typing_error_is_no_choice() -> None:
    assert read_settings({}).idempotency_answers == "encrypted"
    assert read_settings({"IDEMPOTENCY_ANSWERS": "off"}).idempotency_answers == "off"
    with pytest.raises(ValueError, match="IDEMPOTENCY_ANSWERS must be one of encrypted, off"):
        read_settings({"IDEMPOTENCY_ANSWERS": "no"})
