"""Spans on their way to Postgres, which is killed meanwhile. `make soak SOAK_ARGS=spans` sends ten thousand."""

from tests.soak.spans import storm
from tests.system.tollgate_client import Stack, Tollgate


def test_with_postgres_killed_twice_and_a_poison_record_every_span_is_there_once_and_the_poison_replays(
    admin: Tollgate, stack: Stack
) -> None:
    done = storm(stack, admin, spans=600, kills=2)

    assert done.broken == []
    assert done.figures["kills"] == 2
