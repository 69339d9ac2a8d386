"""Which connections a run is asked for."""

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.fakes.jobs import NOON, SHOP
from tests.fakes.memory_syncs import MemoryQueue
from tollgate.domain.connection import Connection, Environment, with_given
from tollgate.domain.errors import SyncQueueFailed
from tollgate.domain.sync_plan import SyncState, SyncStatus
from tollgate.domain.sync_text import status_from_text, status_to_text
from tollgate.usecases.plan_syncs import SyncPlan, plan_syncs

OTHER = replace(SHOP, servicetitan_tenant_id="1002")
DONE = SyncStatus(
    state=SyncState.CURRENT,
    ended_at=NOON,
    next_due_at=NOON + timedelta(minutes=15),
    connection_version=1,
    caught_up_at=NOON,
    problems={},
)


def plan(
    *connections: Connection, queue: MemoryQueue | None = None, after: timedelta = timedelta(), **statuses: SyncStatus
) -> SyncPlan:
    known = {connection.id: statuses[name] for connection, name in zip(connections, statuses, strict=False)}
    return plan_syncs(connections, known, queue or MemoryQueue(), now=NOON + after)


def test_one_that_was_never_read_is_due() -> None:
    queue = MemoryQueue()

    assert plan(SHOP, queue=queue).due == [SHOP.id]
    assert queue.sent == [SHOP.id]


def test_one_is_due_when_its_next_feed_is() -> None:
    assert plan(SHOP, after=timedelta(minutes=14), shop=DONE).due == []
    assert plan(SHOP, after=timedelta(minutes=15), shop=DONE).due == [SHOP.id]


def test_one_that_was_changed_is_due_at_once_because_it_may_have_waited_for_that() -> None:
    refused = replace(DONE, state=SyncState.REFUSED, next_due_at=NOON + timedelta(hours=1))

    assert plan(SHOP, shop=refused).due == []
    assert plan(replace(SHOP, version=2), shop=refused).due == [SHOP.id]


def test_one_that_is_paused_is_never_due_and_lags_behind_nothing() -> None:
    found = plan(replace(SHOP, is_paused=True), after=timedelta(days=3), shop=DONE)

    assert (found.due, found.paused, found.lag) == ([], 1, timedelta())


def test_the_lag_is_that_of_the_one_furthest_behind_that_can_be_read() -> None:
    refused = replace(DONE, state=SyncState.REFUSED, caught_up_at=NOON - timedelta(days=9))
    slow = replace(DONE, state=SyncState.FAILING, caught_up_at=NOON - timedelta(hours=2))
    third = replace(SHOP, servicetitan_tenant_id="1003")

    found = plan(SHOP, OTHER, third, shop=refused, other=slow, third=DONE)

    assert (found.lag, found.refused, found.failing) == (timedelta(hours=2), 1, 1)


def test_nothing_is_sent_where_nothing_is_due() -> None:
    assert plan(SHOP, queue=MemoryQueue(away=True), shop=DONE).due == []


def test_a_queue_that_takes_nothing_fails_the_plan() -> None:
    with pytest.raises(SyncQueueFailed):
        plan(SHOP, queue=MemoryQueue(away=True))


def test_the_environment_s_connection_stands_beside_those_that_were_added() -> None:
    given = replace(OTHER, is_given=True)

    assert with_given([SHOP], given) == [SHOP, given]
    assert with_given([OTHER], given) == [OTHER]
    assert with_given([], None) == []


@pytest.mark.parametrize("status", [DONE, replace(DONE, caught_up_at=None, problems={"jobs": "Wörd"})])
def test_a_status_comes_out_of_its_text_as_it_went_in(status: SyncStatus) -> None:
    assert status_from_text(status_to_text(status)) == status


def test_a_text_that_is_no_status_is_refused() -> None:
    for text in ("{}", "[]", '{"state": "happy"}', "no json"):
        with pytest.raises(ValueError, match=r"status|Expecting|SyncState"):
            status_from_text(text)


@pytest.mark.parametrize("tenant", ["", "12a", "-1", "1" * 20, "١٢", "12\n"])
def test_a_servicetitan_tenant_is_digits_only(tenant: str) -> None:
    with pytest.raises(ValueError, match="digits only"):
        replace(SHOP, servicetitan_tenant_id=tenant)


@pytest.mark.parametrize("zone", ["", "Chicago", "../etc/passwd", "America/Chicago\0", "UTC+5"])
def test_a_time_zone_is_one_of_iana_s(zone: str) -> None:
    with pytest.raises(ValueError, match="IANA"):
        Connection(tenant_id="acme", environment=Environment.PRODUCTION, servicetitan_tenant_id="1", timezone=zone)
