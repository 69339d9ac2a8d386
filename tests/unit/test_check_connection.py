"""The check of a connection: which step says what to fix, and what it then leaves out."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

import pytest

from tests.fakes.jobs import a_page
from tests.fakes.memory_connections import MemoryLeases
from tollgate.domain.connection import Connection, Environment
from tollgate.domain.connection_check import SCOPES, ConnectionCheck, StepStatus
from tollgate.domain.errors import ConnectionBusy, JobSourceFailed, TenantDiffers
from tollgate.domain.job import Feed, FeedPage, SourceFault
from tollgate.usecases.check_connection import CHECK_TIME, STEP_TIME, check_connection

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
CONNECTION = Connection(
    tenant_id="bluebird", environment=Environment.PRODUCTION, servicetitan_tenant_id="1001", timezone="UTC"
)
FEEDS = [f"feed:{feed.value}" for feed in Feed]
OK, FIX, SKIPPED = StepStatus.OK, StepStatus.FIX, StepStatus.SKIPPED


def failure(fault: SourceFault, said: str = "ServiceTitan answered") -> JobSourceFailed:
    return JobSourceFailed(said, fault=fault)


@dataclass
class Probe:
    """`takes`: how long each read of a feed lasts."""

    looks: JobSourceFailed | None = None
    signs_in: JobSourceFailed | str | None = "1001"
    feeds: Mapping[Feed, JobSourceFailed] = field(default_factory=dict)
    takes: timedelta = timedelta(0)
    now: datetime = NOON
    asked: list[tuple[Feed, str | date, timedelta]] = field(default_factory=list)

    def look(self) -> None:
        if self.looks:
            raise self.looks

    def sign_in(self, *, time_left: timedelta) -> str | None:
        assert timedelta(0) < time_left <= STEP_TIME
        if isinstance(self.signs_in, JobSourceFailed):
            raise self.signs_in
        return self.signs_in

    def read_page(self, feed: Feed, start: str | date, *, time_left: timedelta) -> FeedPage:
        self.asked.append((feed, start, time_left))
        self.now += self.takes
        if feed in self.feeds:
            raise self.feeds[feed]
        return a_page(feed=feed, ends="end")

    def close(self) -> None:
        """Nothing is open."""

    def check(self, leases: MemoryLeases | None = None) -> ConnectionCheck:
        leases = leases or MemoryLeases()
        return check_connection(CONNECTION, self, leases, clock=lambda: self.now, started_at=NOON)


def statuses(check: ConnectionCheck) -> dict[str, StepStatus]:
    return {step.name: step.status for step in check.steps}


def said(check: ConnectionCheck, name: str) -> str:
    return next(step.message for step in check.steps if step.name == name)


EVERYTHING = ["format", "token", "tenant", "app", *FEEDS]


def test_where_all_is_well_every_step_says_so_in_order() -> None:
    probe = Probe()

    check = probe.check()

    assert statuses(check) == dict.fromkeys(EVERYTHING, OK)
    assert [step.name for step in check.steps] == EVERYTHING
    assert (check.is_ok, check.connection_id, check.checked_at) == (True, "production-1001", NOON)
    assert [(feed, start) for feed, start, _ in probe.asked] == [(feed, date(2026, 11, 23)) for feed in Feed]


def test_a_secret_without_the_form_of_one_is_the_first_thing_to_fix() -> None:
    check = Probe(looks=failure(SourceFault.CREDENTIALS, "This connection's secret has no clientId.")).check()

    assert statuses(check) == dict.fromkeys(EVERYTHING, SKIPPED) | {"format": FIX}
    assert said(check, "format") == "This connection's secret has no clientId."
    assert not check.is_ok


def test_a_refused_client_names_the_environment_that_it_must_be_of() -> None:
    check = Probe(signs_in=failure(SourceFault.CREDENTIALS, "ServiceTitan answered 400: invalid_client")).check()

    assert statuses(check) == dict.fromkeys(EVERYTHING, SKIPPED) | {"format": OK, "token": FIX}
    assert "invalid_client" in said(check, "token")
    assert "must be those of the production environment: those of integration are not known" in said(check, "token")


def test_a_token_of_another_tenant_names_both() -> None:
    differs = TenantDiffers("not yours", fault=SourceFault.CREDENTIALS, named="1002")

    check = Probe(signs_in=differs).check()

    assert statuses(check) == dict.fromkeys(EVERYTHING, SKIPPED) | {"format": OK, "token": OK, "tenant": FIX}
    assert "those of ServiceTitan tenant 1002, and this connection is of 1001" in said(check, "tenant")


@pytest.mark.parametrize("fault", [SourceFault.UNAVAILABLE, SourceFault.OUT_OF_TIME])
def test_a_servicetitan_that_is_away_is_nothing_to_change_here(fault: SourceFault) -> None:
    check = Probe(signs_in=failure(fault, "ServiceTitan cannot be reached (ConnectError)")).check()

    assert statuses(check) == dict.fromkeys(EVERYTHING, SKIPPED) | {"format": OK, "token": FIX}
    assert "Nothing here is known to be wrong" in said(check, "token")
    assert "client id" not in said(check, "token")


def test_one_feed_that_is_refused_names_its_scope_and_where_it_is_accepted() -> None:
    check = Probe(feeds={Feed.JOBS: failure(SourceFault.FORBIDDEN)}).check()

    assert statuses(check) == dict.fromkeys(EVERYTHING, OK) | {"feed:jobs": FIX}
    assert "tn.jpm.jobs:r" in said(check, "feed:jobs")
    assert "Settings > Integrations > API Application Access" in said(check, "feed:jobs")


def test_where_every_feed_is_refused_it_is_the_application_that_is_not_connected() -> None:
    check = Probe(feeds=dict.fromkeys(Feed, failure(SourceFault.FORBIDDEN))).check()

    assert statuses(check) == dict.fromkeys(EVERYTHING, OK) | {"app": FIX} | dict.fromkeys(FEEDS, SKIPPED)
    assert "not connected to tenant 1001, or was disabled" in said(check, "app")
    assert "another tenant" not in said(check, "app")


def test_a_token_that_names_nobody_may_be_another_tenant_s_where_all_is_refused() -> None:
    check = Probe(signs_in=None, feeds=dict.fromkeys(Feed, failure(SourceFault.FORBIDDEN))).check()

    assert statuses(check)["tenant"] is SKIPPED
    assert "another tenant" in said(check, "app")


def test_a_token_that_names_nobody_is_the_tenant_s_where_it_reads() -> None:
    check = Probe(signs_in=None).check()

    assert check.is_ok
    assert "reads" in said(check, "tenant")


def test_a_key_that_is_refused_stops_the_feeds() -> None:
    probe = Probe(feeds=dict.fromkeys(Feed, failure(SourceFault.CREDENTIALS, "401: Application key is not valid")))

    check = probe.check()

    expected = dict.fromkeys(EVERYTHING, SKIPPED) | {"format": OK, "token": OK, "tenant": OK, "app": FIX}
    assert statuses(check) == expected
    assert "Application key is not valid" in said(check, "app")
    assert "ServiceTitanSecretArn" in said(check, "app")
    assert len(probe.asked) == 1


def test_a_feed_without_a_good_answer_keeps_no_other_from_being_read() -> None:
    check = Probe(feeds={Feed.CALLS: failure(SourceFault.UNAVAILABLE, "ServiceTitan answered 500")}).check()

    assert statuses(check) == dict.fromkeys(EVERYTHING, OK) | {"feed:calls": FIX}
    assert "500" in said(check, "feed:calls")


def test_where_no_feed_has_a_good_answer_nothing_is_said_of_the_application() -> None:
    check = Probe(feeds=dict.fromkeys(Feed, failure(SourceFault.UNAVAILABLE))).check()

    assert statuses(check)["app"] is SKIPPED
    assert {statuses(check)[name] for name in FEEDS} == {FIX}


def test_what_is_not_reached_in_time_is_left_out_and_what_was_found_is_told() -> None:
    first, *rest = Feed
    probe = Probe(takes=CHECK_TIME, feeds={first: failure(SourceFault.FORBIDDEN)})

    check = probe.check()

    assert [feed for feed, _, _ in probe.asked] == [first]
    assert statuses(check)[f"feed:{first.value}"] is FIX
    assert {statuses(check)[f"feed:{feed.value}"] for feed in rest} == {SKIPPED}
    assert "no time was left" in said(check, f"feed:{rest[0].value}")
    assert statuses(check)["app"] is SKIPPED


def test_no_step_may_take_longer_than_its_share_or_than_what_is_left() -> None:
    probe = Probe(takes=timedelta(seconds=9))

    probe.check()

    left = [time_left for _, _, time_left in probe.asked]
    assert left[:3] == [STEP_TIME, STEP_TIME, timedelta(seconds=2)]


def test_one_check_of_a_connection_runs_at_a_time() -> None:
    leases = MemoryLeases()
    fence = leases.take("check/production-1001", now=NOON, until=NOON + timedelta(seconds=1))
    assert fence is not None

    with pytest.raises(ConnectionBusy):
        Probe().check(leases)
    leases.release("check/production-1001", fence)

    assert Probe().check(leases).is_ok
    assert leases.held == {}


def test_every_feed_s_scope_is_known() -> None:
    assert {feed.value for feed in Feed} <= SCOPES.keys()
