"""The bill fetched, stored and compared with the spans: the whole way, with Postgres and through the messages of the function inside."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from tests.fakes.spans import a_span
from tollgate.adapters.invoked_bill import InvokedBillBooks
from tollgate.adapters.postgres import Postgres
from tollgate.adapters.postgres_bill import PostgresBill
from tollgate.adapters.postgres_drifts import PostgresDrifts
from tollgate.adapters.postgres_spans import PostgresSpans
from tollgate.adapters.price_book import FilePriceBook
from tollgate.domain.drift import DriftKind
from tollgate.domain.errors import BillSourceFailed, BillStoreFailed, RequestInvalid
from tollgate.domain.money import NanoUsd
from tollgate.domain.page import Hold, HoldKind, Page
from tollgate.domain.place import Place, PlacedSpan
from tollgate.domain.price import cost_of
from tollgate.domain.provider_bill import ProviderCost, ProviderUsage, Width, day_start
from tollgate.domain.span import Outcome
from tollgate.domain.tenant import TenantSettings
from tollgate.domain.unsettled_call import Finding
from tollgate.domain.usage import NO_USAGE, Usage
from tollgate.domain.window import ZoneFrom
from tollgate.usecases.compare_bill import OwnBillBooks
from tollgate.usecases.fetch_bill import BillPorts, BillRun, fetch_bill, resolve_recent
from tollgate.usecases.store_bill import store_bill

DAY = date(2026, 11, 20)
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
# When the day has settled, and when it has not.
SETTLED, FRESH = datetime(2026, 11, 23, 6, tzinfo=UTC), datetime(2026, 11, 21, 6, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
SHARED = "proj_shared"
ACME, BOLT, CARL = "acme-hvac", "bolt-electric", "carl-plumbing"
OWN = {ACME: "proj_acme", BOLT: "proj_bolt"}
CENTS = NanoUsd(10**7)
USED = Usage(uncached=2_000, output=500)
PRICES = FilePriceBook()


@dataclass
class Provider:
    """A Bill, and what it says: costs and usage by day, usage by minute; `down`: questions after which it is silent."""

    costs_by_day: dict[date, list[ProviderCost]] = field(default_factory=dict)
    days: list[ProviderUsage] = field(default_factory=list)
    minutes: list[ProviderUsage] = field(default_factory=list)
    asked: list[date] = field(default_factory=list)
    down: int | None = None

    def costs(self, day: date, *, time_left: timedelta) -> Sequence[ProviderCost]:
        assert time_left > timedelta(0)
        if self.down is not None and len(self.asked) >= self.down:
            raise BillSourceFailed("OpenAI does not say what it billed.")
        self.asked.append(day)
        return self.costs_by_day.get(day, [])

    def usage(
        self, start: datetime, end: datetime, width: Width, *, projects: Sequence[str] = (), time_left: timedelta
    ) -> Sequence[ProviderUsage]:
        told = self.days if width is Width.DAY else self.minutes
        return [each for each in told if start <= each.start < end and (not projects or each.project in projects)]

    def bills(self, project: str, cost: int, usage: Usage, at: datetime = NOON, *, requests: int = 1) -> None:
        line = ProviderCost(day=at.date(), project=project, line_item="gpt-4o", cost=NanoUsd(cost))
        self.costs_by_day.setdefault(at.date(), []).append(line)
        bucket = ProviderUsage(
            start=at, width=Width.MINUTE, endpoint="completions", project=project, model="gpt-4o-2024-08-06",
            tier="default", requests=requests, usage=usage,
        )  # fmt: skip
        self.minutes.append(bucket)
        self.days.append(replace(bucket, start=day_start(at.date()), width=Width.DAY))


class Accounts:
    def __init__(self, projects: dict[str, str | None]) -> None:
        self.projects = projects

    def read(self, tenant_id: str) -> TenantSettings:
        return TenantSettings(
            tenant_id=tenant_id, version=1, zones=(ZoneFrom(month="1970-01", zone="UTC"),), daily_limit=NanoUsd(1),
            monthly_limit=NanoUsd(1), openai_project=self.projects[tenant_id],
        )  # fmt: skip


@dataclass
class Alerts:
    told: list[tuple[str, Any, Any]] = field(default_factory=list)

    def tell(self, event: str, facts: Any) -> None:
        json.dumps(facts)
        self.told.append((event, facts["kind"], facts["tenantId"]))


@dataclass
class World:
    postgres: Postgres
    provider: Provider = field(default_factory=Provider)
    projects: dict[str, str | None] = field(default_factory=lambda: {**OWN, CARL: None})
    alerts: Alerts = field(default_factory=Alerts)
    corrected: list[tuple[str, Finding]] = field(default_factory=list)
    shared: str = SHARED
    time_left: timedelta = timedelta(minutes=10)
    seq: int = 0
    pages: dict[str, Page] = field(default_factory=dict)

    def read_page(self, tenant_id: str, month: str) -> Page | None:
        """The Ledger's."""
        page = self.pages.get(tenant_id)
        return page if page is not None and page.month == month else None

    def call(self, tenant_id: str, cost: int, at: datetime = NOON, **fields: Any) -> None:
        self.seq += 1
        usual: dict[str, Any] = {"hold": f"A{self.seq:011}", "at": at, "day": f"{at:%d}", "latency_ms": 1_000}
        usual |= {"cost_nanousd": NanoUsd(cost), "uncached": USED.uncached, "output": USED.output} | fields
        place = Place(tenant_id=tenant_id, month=f"{at:%Y-%m}", epoch=0, seq=self.seq)
        PostgresSpans(self.postgres).add([PlacedSpan(place=place, span=a_span(**usual))])

    def lost(self, tenant_id: str, held: int, at: datetime = NOON, **fields: Any) -> None:
        lapse = {"posting": "lapse", "outcome": Outcome.LAPSED, "uncached": 0, "output": 0, "opened_at": at}
        self.call(tenant_id, held, at + 3 * MINUTE, held_nanousd=NanoUsd(held), **lapse | fields)

    def run(self, now: datetime = SETTLED, *, days: Sequence[date] | None = None) -> BillRun:
        return fetch_bill(self.ports(now), days=days)

    def recent(self, now: datetime) -> BillRun:
        return resolve_recent(self.ports(now))

    def ports(self, now: datetime) -> BillPorts:
        books = OwnBillBooks(
            store=PostgresBill(self.postgres),
            drifts=PostgresDrifts(self.postgres),
            shared_project=self.shared,
            cost_of=lambda model, usage, tier, at: cost_of(usage, PRICES.price_of_spent(model, at), tier=tier),
            named=PRICES.entry_of,
        )

        def correct(tenant_id: str, finding: Finding) -> bool:
            self.corrected.append((tenant_id, finding))
            return True

        return BillPorts(
            bill=self.provider,
            books=InvokedBillBooks(lambda message: json.dumps(store_bill(json.loads(message), books)).encode()),
            tenants=lambda: list(self.projects),
            accounts=Accounts(self.projects),  # type: ignore[arg-type]
            ledger=self,  # type: ignore[arg-type]
            alerts=self.alerts,
            clock=lambda: now,
            time_left=lambda: self.time_left,
            correct=correct,
        )

    def settle(self) -> BillRun:
        """A run before the day, which sees whose projects are whose, and one when it has settled."""
        PostgresBill(self.postgres).note_projects(OWN, day_start(DAY))
        return self.run()

    def drifts(self) -> dict[tuple[DriftKind, str | None], int]:
        kept = PostgresDrifts(self.postgres).newest(0)
        return {(each.drift.subject.kind, each.drift.subject.tenant_id): each.drift.amount for each in kept}


@pytest.fixture
def world(postgres: Postgres) -> World:
    return World(postgres=postgres)


# ---- days -------------------------------------------------------------------------------------------------------------------


def test_a_day_is_fetched_until_it_has_settled_and_compared_from_then_on(world: World) -> None:
    world.call(ACME, 5 * CENTS)

    fresh = world.run(FRESH)
    early = list(world.alerts.told)
    world.run(SETTLED)
    again = world.run(SETTLED + timedelta(hours=6))

    assert fresh.fetched[-1] == date(2026, 11, 21)
    assert DAY in fresh.fetched
    assert DAY not in fresh.compared
    assert (DriftKind.OPENAI_COST, ACME) not in [told[1:] for told in early]
    assert DAY not in again.fetched
    assert again.fetched[0] == date(2026, 11, 21)


def test_figures_that_grow_replace_those_before_and_what_is_not_told_again_is_gone(world: World) -> None:
    world.call(ACME, 5 * CENTS)
    world.provider.bills("proj_acme", CENTS, USED)
    world.provider.bills("proj_gone", 9 * CENTS, USED)
    PostgresBill(world.postgres).note_projects(OWN, day_start(DAY))
    world.run(FRESH)

    world.provider.costs_by_day, world.provider.days = {}, []
    world.provider.bills("proj_acme", 5 * CENTS, USED)
    world.run(SETTLED)

    assert world.drifts() == {}
    assert PostgresBill(world.postgres).billed(DAY).keys() == {"proj_acme"}


def test_a_run_that_has_no_time_leaves_days_to_the_next(world: World) -> None:
    world.time_left = timedelta(seconds=59)

    run = world.run()

    assert (run.fetched, len(run.left)) == ([], 8)
    world.time_left = timedelta(minutes=10)
    assert world.run().fetched == run.left


def test_a_provider_that_falls_silent_costs_only_the_days_that_are_left(world: World) -> None:
    world.provider.down = 3

    run = world.run()

    assert run.fetched == world.provider.asked
    assert len(run.left) == 5
    assert run.error == "OpenAI does not say what it billed."
    world.provider.down = None
    assert run.left == world.run().fetched[-5:]


# ---- what is compared -------------------------------------------------------------------------------------------------------


def test_tenants_whose_projects_agree_have_no_drift_and_the_one_that_does_not_has_one(world: World) -> None:
    for tenant, project in OWN.items():
        world.call(tenant, 5 * CENTS)
        world.provider.bills(project, 5 * CENTS, USED)
    world.call(BOLT, 3 * CENTS, outcome=Outcome.UNKNOWN, uncached=0, output=0)

    run = world.settle()

    assert world.drifts() == {(DriftKind.OPENAI_COST, BOLT): 3 * CENTS}
    assert world.alerts.told == [("DriftFound", "openai_cost", BOLT)]
    assert DAY in run.compared


def test_a_drift_is_told_once_and_told_gone_when_the_books_agree(world: World) -> None:
    world.call(ACME, 5 * CENTS)
    world.provider.bills("proj_acme", 2 * CENTS, USED)
    world.settle()
    world.run(days=[DAY])

    world.provider.bills("proj_acme", 3 * CENTS, NO_USAGE)
    world.run(days=[DAY])

    assert [told[0] for told in world.alerts.told] == ["DriftFound", "DriftGone"]
    assert world.drifts() == {}


def test_a_day_that_was_put_right_is_found_so_by_the_next_run(world: World) -> None:
    world.lost(ACME, 9 * CENTS, hold="Afixed000000")
    world.settle()
    assert world.drifts() == {(DriftKind.OPENAI_COST, ACME): 9 * CENTS}

    fixed = {"posting": "late", "outcome": Outcome.CORRECTED, "hold": "Afixed000000"}
    world.call(ACME, -9 * CENTS, SETTLED, uncached=0, output=0, **fixed)
    world.run(SETTLED + timedelta(days=9))

    assert world.drifts() == {}
    assert world.alerts.told[-1] == ("DriftGone", "openai_cost", ACME)


def test_tokens_that_no_span_has_are_told(world: World) -> None:
    world.provider.bills("proj_acme", 0, USED)

    world.settle()

    assert world.drifts() == {(DriftKind.OPENAI_USAGE, ACME): 0}


def test_money_that_agents_recorded_of_their_own_calls_is_on_no_bill_of_ours(world: World) -> None:
    world.call(ACME, 50 * CENTS, posting="record", outcome=Outcome.RECORDED, hold="Record-1")
    # Settled from outside, by the id that a check gave.
    world.call(ACME, 50 * CENTS, outcome=Outcome.RECORDED, hold="zcheckhold00")

    world.settle()

    assert world.drifts() == {}


def test_what_was_settled_late_belongs_to_the_day_on_which_the_call_closed(world: World) -> None:
    world.lost(ACME, 9 * CENTS, hold="Alate0000000")
    world.call(ACME, -4 * CENTS, NOON + timedelta(days=1), posting="late", hold="Alate0000000")
    world.provider.bills("proj_acme", 5 * CENTS, USED)

    world.settle()

    assert world.drifts() == {}
    assert world.corrected == []


def test_a_call_around_midnight_is_excused_on_either_day(world: World) -> None:
    midnight = day_start(DAY) + timedelta(days=1)
    world.call(ACME, 5 * CENTS, midnight + timedelta(seconds=20), latency_ms=30_000)
    world.provider.bills("proj_acme", 5 * CENTS, USED, midnight - timedelta(seconds=10))
    PostgresBill(world.postgres).note_projects(OWN, day_start(DAY))

    world.run(SETTLED + timedelta(days=1))

    assert world.drifts() == {}


def test_those_without_a_project_are_compared_with_the_shared_one(world: World) -> None:
    world.call(CARL, 5 * CENTS)
    world.provider.bills(SHARED, 5 * CENTS, USED)
    world.provider.bills("proj_playground", 70 * CENTS, USED)
    world.settle()
    assert world.drifts() == {}

    world.call(CARL, 5 * CENTS)
    world.run(days=[DAY])

    assert world.drifts()[DriftKind.OPENAI_COST, None] == 5 * CENTS


def test_where_no_shared_project_is_named_all_spans_are_compared_with_the_whole_bill(world: World) -> None:
    world.shared = ""
    world.call(CARL, 5 * CENTS)
    world.call(ACME, 5 * CENTS)
    world.provider.bills("proj_acme", 5 * CENTS, USED)
    world.provider.bills("proj_any", CENTS, USED)

    world.settle()

    assert world.drifts() == {(DriftKind.OPENAI_COST, None): 4 * CENTS}


def test_a_day_on_which_a_tenant_got_its_project_is_not_compared_unless_it_is_asked_for(world: World) -> None:
    world.call(ACME, 5 * CENTS)
    PostgresBill(world.postgres).note_projects(OWN, NOON)

    world.run()
    assert world.drifts() == {}

    world.run(days=[DAY])
    assert world.drifts()[DriftKind.OPENAI_COST, ACME] == 5 * CENTS


# ---- calls that nobody saw the end of ---------------------------------------------------------------------------------------


def test_a_lost_call_that_the_provider_never_counted_is_found_to_have_cost_nothing(world: World) -> None:
    world.lost(ACME, 9 * CENTS)
    world.call(ACME, 5 * CENTS, NOON + MINUTE)
    world.provider.bills("proj_acme", 5 * CENTS, USED, NOON + MINUTE)

    run = world.settle()

    [(tenant, finding)] = run.findings
    assert (tenant, finding.call.hold, finding.call.booked) == (ACME, "2026-11.20.A00000000001", 9 * CENTS)
    assert (finding.cost, finding.usage) == (0, NO_USAGE)
    assert world.corrected == run.findings


def test_a_lost_call_is_found_by_the_one_request_that_no_other_call_made(world: World) -> None:
    world.lost(ACME, 9 * CENTS)
    world.provider.bills("proj_acme", CENTS, Usage(uncached=1_000, output=100), NOON + MINUTE)

    [(_, finding)] = world.settle().findings

    # By the price list: 1,000 tokens at $2.50 and 100 at $10 a million.
    assert finding.cost == 2_500_000 + 1_000_000
    assert finding.usage == Usage(uncached=1_000, output=100)


def test_a_lost_span_of_the_tenant_s_page_forbids_every_finding(world: World) -> None:
    world.lost(ACME, 9 * CENTS)
    world.postgres.run(
        lambda connection: connection.execute(
            "INSERT INTO missing_spans (tenant_id, month, seq, missed_at) VALUES (%s, '2026-11-01', 7, now())", [ACME]
        )
    )

    assert world.settle().findings == []


def test_a_corrected_call_is_not_looked_for_again(world: World) -> None:
    world.lost(ACME, 9 * CENTS, hold="Afixed000000")
    world.call(
        ACME,
        -9 * CENTS,
        SETTLED,
        posting="late",
        outcome=Outcome.CORRECTED,
        hold="Afixed000000",
        uncached=0,
        output=0,
    )

    assert world.settle().findings == []
    assert world.drifts() == {}


def test_what_was_found_is_kept_as_a_row(world: World) -> None:
    world.lost(ACME, 9 * CENTS)
    world.settle()

    rows = world.postgres.run(
        lambda connection: connection.execute(
            "SELECT tenant_id, hold, model, booked_nanousd, cost_nanousd FROM provider_findings"
        ).fetchall()
    )

    assert rows == [(ACME, "2026-11.20.A00000000001", "gpt-4o", 9 * CENTS, 0)]


def test_within_the_hour_a_request_that_was_counted_is_told_and_silence_is_not(world: World) -> None:
    world.lost(ACME, 9 * CENTS)
    world.lost(BOLT, 9 * CENTS)
    world.provider.bills("proj_acme", CENTS, Usage(uncached=1_000, output=100), NOON + MINUTE)
    PostgresBill(world.postgres).note_projects(OWN, NOON)

    run = world.recent(NOON + timedelta(minutes=40))

    assert [(tenant, finding.cost) for tenant, finding in run.findings] == [(ACME, 3_500_000)]
    assert run.corrected == 1
    assert world.recent(NOON + timedelta(hours=2)).findings == []


def test_a_call_that_still_runs_may_have_made_the_request(world: World) -> None:
    world.lost(ACME, 9 * CENTS)
    world.provider.bills("proj_acme", CENTS, Usage(uncached=1_000, output=100), NOON + MINUTE)
    PostgresBill(world.postgres).note_projects(OWN, NOON)
    running = Hold(
        key="Arunning0000", amount=CENTS, tokens=1, day="20", expires_at=0, kind=HoldKind.CALL, model="gpt-4o", agent=None,
        counted=False, opened_at=int((NOON + MINUTE).timestamp()),
    )  # fmt: skip
    page = Page(tenant_id=ACME, month="2026-11", version=1, seq=1)
    world.pages[ACME] = replace(page, holds={running.key: running})
    assert world.recent(NOON + timedelta(minutes=40)).findings == []

    world.pages[ACME] = page
    assert len(world.recent(NOON + timedelta(minutes=40)).findings) == 1


def test_while_a_span_is_on_its_way_nothing_is_told(world: World) -> None:
    world.lost(ACME, 9 * CENTS)
    world.provider.bills("proj_acme", CENTS, Usage(uncached=1_000, output=100), NOON + MINUTE)
    PostgresBill(world.postgres).note_projects(OWN, NOON)

    world.pages[ACME] = Page(tenant_id=ACME, month="2026-11", version=1, seq=2)

    assert world.recent(NOON + timedelta(minutes=40)).findings == []


def test_a_call_that_was_corrected_within_the_hour_is_not_looked_for_again(world: World) -> None:
    world.lost(ACME, 9 * CENTS, hold="Afixed000000")
    world.call(ACME, -5 * CENTS, NOON + 9 * MINUTE, posting="late", outcome=Outcome.CORRECTED, hold="Afixed000000")
    PostgresBill(world.postgres).note_projects(OWN, NOON)

    assert PostgresBill(world.postgres).recent(NOON, NOON + 40 * MINUTE) == {}


def test_money_that_a_person_added_to_the_day_closes_its_drift(world: World) -> None:
    world.provider.bills("proj_acme", 5 * CENTS, NO_USAGE)
    world.settle()
    assert world.drifts() == {(DriftKind.OPENAI_COST, ACME): -5 * CENTS}

    world.call(
        ACME,
        5 * CENTS,
        SETTLED,
        posting="record",
        outcome=Outcome.CORRECTED,
        hold="c:1",
        day="20",
        uncached=0,
        output=0,
    )
    world.run(days=[DAY])

    assert world.drifts() == {}


def test_of_a_tenant_without_a_project_of_its_own_nothing_is_told(world: World) -> None:
    world.lost(CARL, 9 * CENTS)

    assert world.settle().findings == []


# ---- messages ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "message", [{}, {"op": "begin"}, {"op": "drop", "at": NOON.isoformat()}, {"op": "add", "at": 5}]
)
def test_a_message_that_makes_no_sense_is_refused(world: World, message: dict[str, Any]) -> None:
    with pytest.raises(RequestInvalid):
        store_bill(message, object())  # type: ignore[arg-type]


def test_a_store_that_fails_ends_the_run(world: World) -> None:
    def fail(_: bytes) -> bytes:
        raise BillStoreFailed("no answer")

    with pytest.raises(BillStoreFailed):
        InvokedBillBooks(fail).begin({}, NOON)
