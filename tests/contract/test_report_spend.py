from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from math import ceil
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from tests.fakes.memory_refusals import MemoryRefusals
from tests.fakes.spans import NOON, placed
from tollgate.adapters.postgres_rollups import PostgresRollups
from tollgate.adapters.postgres_spans import PostgresSpans
from tollgate.domain.errors import RequestInvalid, TenantNotFound
from tollgate.domain.latency import Latency
from tollgate.domain.money import NanoUsd
from tollgate.domain.place import PlacedSpan
from tollgate.domain.refused import RefusedHour
from tollgate.domain.rollup import CALLS
from tollgate.domain.span import Outcome
from tollgate.domain.summary import Spend, Summary, sum_of
from tollgate.domain.tenant import TenantSettings
from tollgate.domain.window import ZoneFrom
from tollgate.usecases.report_spend import SummaryRequest, report_spend

CHICAGO = ZoneInfo("America/Chicago")
USD = 1_000_000_000


class OneAccount:
    def __init__(self, zone: str = "America/Chicago") -> None:
        self.settings = TenantSettings(
            tenant_id="acme-hvac",
            version=1,
            zones=(ZoneFrom(month="2026-01", zone=zone),),
            daily_limit=NanoUsd(100 * USD),
            monthly_limit=NanoUsd(2000 * USD),
        )

    def read(self, tenant_id: str) -> TenantSettings | None:
        return self.settings if tenant_id == "acme-hvac" else None


Report = Callable[..., Summary]


@pytest.fixture
def refusals() -> MemoryRefusals:
    return MemoryRefusals()


@pytest.fixture
def report(rollups: PostgresRollups, refusals: MemoryRefusals) -> Report:
    def ask(
        *, zone: str = "America/Chicago", now: datetime = NOON, tenant_id: str = "acme-hvac", **asked: Any
    ) -> Summary:
        request = SummaryRequest(tenant_id=tenant_id, **asked)
        return report_spend(request, accounts=OneAccount(zone), rollups=rollups, refusals=refusals, now=now)  # type: ignore[arg-type]

    return ask


def plain_sum(spans: list[PlacedSpan]) -> Spend:
    counted = [each for each in spans if each.span.outcome in CALLS and each.span.posting != "late"]
    return Spend(
        cost=NanoUsd(sum(each.span.cost_nanousd for each in spans)),
        calls=len(counted),
        input_tokens=sum(each.span.uncached + each.span.cached + each.span.written for each in spans),
        cached_input_tokens=sum(each.span.cached for each in spans),
        output_tokens=sum(each.span.output for each in spans),
        reasoning_tokens=sum(each.span.reasoning for each in spans),
        downgraded_calls=sum(each.span.downgrade_reason is not None for each in counted),
        saved=NanoUsd(sum(each.span.saved_nanousd for each in spans)),
    )


def keyed(summary: Summary) -> dict[str | None, Spend]:
    return {group.key: group.spend for group in summary.groups}


a_posting = some.fixed_dictionaries(
    {
        "tenant_id": some.sampled_from(["acme-hvac", "blue-plumbing"]),
        "at": some.integers(-3 * 86400, 33 * 86400).map(
            lambda second: datetime(2026, 11, 1, tzinfo=UTC) + timedelta(seconds=second)
        ),
        "model": some.sampled_from(["gpt-4o", "gpt-4o-mini", None]),
        "agent": some.sampled_from(["booking-agent", "dispatch-agent", None]),
        "job_id": some.sampled_from(["job-1", "job-2", None]),
        "outcome": some.sampled_from(list(Outcome)),
        "posting": some.sampled_from(["settle", "late", "record"]),
        "downgrade_reason": some.sampled_from(["soft_cap", None]),
        "cost_nanousd": some.integers(-5, 10**12),
        "saved_nanousd": some.integers(0, 10**6),
        "uncached": some.integers(0, 1000),
        "cached": some.integers(0, 1000),
        "written": some.integers(0, 1000),
        "output": some.integers(0, 1000),
        "reasoning": some.integers(0, 1000),
        "latency_ms": some.one_of(some.none(), some.integers(1, 10_000)),
    }
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    postings=some.lists(a_posting, max_size=40),
    group_by=some.sampled_from(["model", "agent", "job", "outcome", "hour", "day"]),
)
def test_totals_groups_and_series_are_the_plain_sums(
    spans: PostgresSpans, report: Report, database: str, postings: list[dict[str, Any]], group_by: str
) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("TRUNCATE spans")
    stored = [
        placed(number, month=f"{posting['at'].astimezone(CHICAGO):%Y-%m}", **posting)
        for number, posting in enumerate(postings, 1)
    ]
    spans.add(stored)
    month = [each for each in stored if each.place.tenant_id == "acme-hvac" and each.place.month == "2026-11"]

    summary = report(group_by=group_by, now=datetime(2026, 12, 1, 5, tzinfo=UTC))

    grouped: dict[str | None, list[PlacedSpan]] = defaultdict(list)
    for each in month:
        local = each.span.at.astimezone(CHICAGO)
        hour = local.replace(minute=0, second=0).astimezone(UTC)
        of = {
            "model": each.span.model,
            "agent": each.span.agent,
            "job": each.span.job_id,
            "outcome": each.span.outcome.value,
        }
        grouped[(of | {"day": local.date().isoformat(), "hour": f"{hour:%Y-%m-%dT%H:%M:%SZ}"})[group_by]].append(each)
    expected = {key: plain_sum(those) for key, those in grouped.items()}
    assert summary.totals == plain_sum(month)
    assert keyed(summary) == {key: sums for key, sums in expected.items() if sums != Spend()}
    assert sum(point.spend.cost for point in summary.series) == summary.totals.cost
    assert len(summary.series) == (30 * 24 + 1 if group_by == "hour" else 30)
    assert summary.forecast.month_end >= summary.totals.cost or summary.totals.cost < 0


def refused(at: datetime, **counts: int) -> RefusedHour:
    """`booking=2`: two calls of this agent."""
    return RefusedHour(hour=at, counts={("daily_budget", agent): calls for agent, calls in counts.items()})


def test_refused_calls_stand_where_they_are_known(
    spans: PostgresSpans, report: Report, refusals: MemoryRefusals
) -> None:
    spans.add([placed(1, at=NOON, agent="booking")])
    refusals.add("acme-hvac", [refused(NOON, booking=2, dispatch=3), refused(NOON - timedelta(days=1), booking=4)])
    refusals.add("acme-hvac", [RefusedHour(hour=NOON, counts={("loop", None): 1})])
    refusals.add("acme-hvac", [refused(NOON - timedelta(days=40), booking=100)])
    refusals.add("blue-plumbing", [refused(NOON, booking=100)])

    by_agent, by_day, by_model = (report(group_by=name) for name in ("agent", "day", "model"))

    assert by_agent.refused == {"daily_budget": 9, "loop": 1}
    assert [(group.key, group.spend.calls, group.refused_calls) for group in by_agent.groups] == [
        ("booking", 1, 6), ("dispatch", 0, 3), (None, 0, 1),
    ]  # fmt: skip
    assert [(group.spend.calls, group.refused_calls) for group in by_day.groups] == [(0, 4), (1, 6)]
    assert [group.refused_calls for group in by_model.groups] == [None]
    assert sum(point.refused_calls for point in by_model.series) == 10


def test_who_is_not_listed_is_refused_among_the_rest(
    spans: PostgresSpans, report: Report, refusals: MemoryRefusals
) -> None:
    agents = [f"agent-{number:03}" for number in range(102)]
    spans.add([placed(seq, agent=agent, cost_nanousd=NanoUsd(1000 - seq)) for seq, agent in enumerate(agents, 1)])
    refusals.add("acme-hvac", [refused(NOON, **{agents[0]: 1, agents[101]: 2, "nobody": 4})])

    *listed, rest = report(group_by="agent").groups

    assert (listed[0].refused_calls, sum(group.refused_calls or 0 for group in listed)) == (1, 1)
    assert (rest.merged, rest.refused_calls) == (2, 6)


def test_a_call_that_lapsed_and_settled_late_is_one_call_at_its_true_cost(spans: PostgresSpans, report: Report) -> None:
    spans.add([
        placed(1, posting="lapse", outcome=Outcome.LAPSED, cost_nanousd=NanoUsd(100)),
        placed(2, posting="late", outcome=Outcome.OK, cost_nanousd=NanoUsd(-40)),
    ])  # fmt: skip

    totals = report().totals

    assert (totals.calls, totals.cost) == (1, 60)


def test_what_was_given_back_is_no_call(spans: PostgresSpans, report: Report) -> None:
    given_back = [Outcome.VOIDED, Outcome.EXPIRED, Outcome.CANCELLED]
    nothing = {"cost_nanousd": NanoUsd(0), "uncached": 0, "output": 0}
    spans.add([placed(seq, outcome=outcome, **nothing) for seq, outcome in enumerate(given_back, 1)])

    summary = report(group_by="outcome")

    assert summary.totals.calls == 0
    assert summary.groups == ()


def test_a_day_is_the_tenants_own_unless_another_zone_is_named(spans: PostgresSpans, report: Report) -> None:
    last_second = datetime(2026, 11, 24, 5, 59, 59, 999_000, tzinfo=UTC)
    spans.add([placed(1, at=last_second), placed(2, at=last_second + timedelta(milliseconds=1))])

    own = report(first="2026-11-23", last="2026-11-23", group_by="day")
    in_utc = report(first="2026-11-23", last="2026-11-24", group_by="day", timezone="UTC")

    assert [(group.key, group.spend.calls) for group in own.groups] == [("2026-11-23", 1)]
    assert [(group.key, group.spend.calls) for group in in_utc.groups] == [("2026-11-24", 2)]


def test_the_day_that_loses_an_hour_has_23_and_the_one_that_gains_it_25(spans: PostgresSpans, report: Report) -> None:
    spring = report(first="2026-03-08", last="2026-03-08", group_by="hour", now=NOON)
    autumn = report(first="2026-11-01", last="2026-11-01", group_by="hour", now=NOON)

    assert (len(spring.series), len(autumn.series)) == (23, 25)
    assert autumn.period.end - autumn.period.start == timedelta(hours=25)


def test_an_instant_is_included_at_the_start_and_excluded_at_the_end(spans: PostgresSpans, report: Report) -> None:
    spans.add([placed(seq, at=NOON + timedelta(seconds=seq)) for seq in (1, 2, 3)])

    totals = report(first="2026-11-23T18:00:01Z", last="2026-11-23T19:00:03+01:00").totals

    assert totals.calls == 2


def test_a_settlement_after_the_end_of_its_month_counts_when_it_was_posted(
    spans: PostgresSpans, report: Report
) -> None:
    spans.add([placed(1, month="2026-10", day="31", at=datetime(2026, 11, 2, tzinfo=UTC))])

    assert report().totals.calls == 1


def test_the_hundred_dearest_jobs_are_listed_and_the_others_as_one(spans: PostgresSpans, report: Report) -> None:
    spans.add([placed(seq, job_id=f"job-{seq}", cost_nanousd=NanoUsd(seq)) for seq in range(1, 151)])

    summary = report(group_by="job")

    *listed, others = summary.groups
    assert [group.key for group in listed] == [f"job-{seq}" for seq in range(150, 50, -1)]
    assert all(group.merged is None for group in listed)
    assert (others.key, others.merged, others.spend.calls, others.spend.cost) == (None, 50, 50, 50 * 51 // 2)
    assert sum_of(group.spend for group in summary.groups) == summary.totals


def test_percentiles_are_those_of_calls_that_say_how_long_they_took(spans: PostgresSpans, report: Report) -> None:
    latencies = [100, 300, 200, 5000]
    spans.add([placed(seq, latency_ms=latency) for seq, latency in enumerate(latencies, 1)])
    spans.add([placed(5), placed(6, latency_ms=9999, outcome=Outcome.VOIDED)])

    ordered = sorted(latencies)
    assert report().latency == Latency(p50=ordered[ceil(0.5 * 4) - 1], p95=ordered[ceil(0.95 * 4) - 1])


def test_without_a_span_everything_is_zero_and_nothing_is_unknown(report: Report) -> None:
    summary = report()

    assert summary.totals == Spend()
    assert summary.groups == ()
    assert [point.spend for point in summary.series] == [Spend()] * 23
    assert summary.latency == Latency()
    assert summary.forecast.month_end == 0


def test_the_forecast_looks_at_the_page_whatever_period_is_asked_for(spans: PostgresSpans, report: Report) -> None:
    spans.add([placed(1, cost_nanousd=NanoUsd(1000 * USD))])
    ten_days_in = datetime(2026, 11, 11, 6, tzinfo=UTC)

    forecast = report(first="2026-01-01", last="2026-01-31", now=ten_days_in).forecast

    # November has 30 days and, in Chicago, one hour more.
    assert forecast.month_end == 1000 * USD * (30 * 24 + 1) // (10 * 24 + 1) + 1
    assert forecast.exhausted_on == date(2026, 11, 21)


def test_an_unknown_tenant_is_told_apart_from_one_without_spend(report: Report) -> None:
    with pytest.raises(TenantNotFound):
        report(tenant_id="nobody")


@pytest.mark.parametrize(
    ("asked", "param"),
    [
        ({"group_by": "colour"}, "groupBy"),
        ({"timezone": "Mars/Olympus"}, "timezone"),
        ({"timezone": "America"}, "timezone"),
        ({"timezone": "../etc/passwd"}, "timezone"),
        ({"first": "yesterday"}, "from"),
        ({"first": "2026-11-31"}, "from"),
        ({"last": "2026-13-01"}, "to"),
        ({"last": "2026-11-23T10:00:00"}, "to"),
        ({"first": "2026-11-23", "last": "2026-11-22"}, "to"),
        ({"first": "2024-01-01"}, "from"),
        ({"first": "2026-01-01", "group_by": "hour"}, "groupBy"),
    ],
)
def test_a_wrong_parameter_is_named(report: Report, asked: dict[str, str], param: str) -> None:
    with pytest.raises(RequestInvalid) as error:
        report(**asked)

    assert error.value.param == param
