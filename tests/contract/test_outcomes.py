"""What runs led to, as Postgres says it, against the same worked out run by run; and each link and definition by itself."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import fields
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from tests.fakes.field_service import FieldService, booking, call, invoice, job, lead
from tests.fakes.plain_outcomes import plain_job_groups, plain_outcomes
from tests.fakes.spans import NOON, placed
from tollgate.adapters.postgres import Postgres
from tollgate.adapters.postgres_rollups import PostgresRollups
from tollgate.adapters.postgres_spans import PostgresSpans
from tollgate.domain.job import Feed
from tollgate.domain.place import PlacedSpan
from tollgate.domain.rollup import Stretch
from tollgate.domain.run_outcomes import CLOCK_SKEW, PAUSE, Link, LinkedJob, RunOutcomes
from tollgate.domain.summary import Group, GroupBy, SpendFound, SpendQuery, sum_of
from tollgate.usecases.roll_up_spend import roll_up_again, roll_up_new

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
MONTH_START, MONTH_END = datetime(2026, 11, 1, 6, tzinfo=UTC), datetime(2026, 12, 1, 6, tzinfo=UTC)
USD = 1_000_000_000
FEEDS = (Feed.JOBS, Feed.BOOKINGS, Feed.CALLS, Feed.INVOICES)
# Past what a float keeps apart.
BIG = 2**53 + 1


def asked_of(start: datetime = MONTH_START, end: datetime = MONTH_END) -> SpendQuery:
    return SpendQuery(
        tenant_id="acme-hvac",
        start=start,
        end=end,
        edges=(start,),
        group_by=GroupBy.JOB,
        first_day=date(2026, 11, 1),
        last_day=date(2026, 11, 30),
    )


class Shop:
    """A tenant's spans and its businesses, and what is said of them. Without another word a span costs a dollar, at noon."""

    def __init__(self, postgres: Postgres) -> None:
        self.business = FieldService(postgres)
        self.spans, self.rollups = PostgresSpans(postgres), PostgresRollups(postgres)
        self.stored: list[PlacedSpan] = []
        self._numbers = count(1)

    def spend(self, **fields: Any) -> None:
        self.spend_all([fields])

    def spend_all(self, spans: Iterable[Mapping[str, Any]]) -> None:
        fresh = [placed(next(self._numbers), **{"cost_nanousd": USD, **fields}) for fields in spans]
        self.spans.add(fresh)
        self.stored += fresh

    def roll_up(self) -> None:
        roll_up_new(self.spans, self.rollups, now=NOON)

    def outcomes(self, start: datetime = MONTH_START, end: datetime = MONTH_END) -> RunOutcomes:
        found = self.rollups.outcomes(asked_of(start, end))
        assert found is not None
        return found

    def groups(self, start: datetime = MONTH_START, end: datetime = MONTH_END) -> tuple[Group, ...]:
        return self.found(start, end).labels

    def found(self, start: datetime = MONTH_START, end: datetime = MONTH_END) -> SpendFound:
        return self.rollups.spend(asked_of(start, end))


@pytest.fixture
def shop(postgres: Postgres) -> Shop:
    shop = Shop(postgres)
    shop.business.connect("shop")
    return shop


def links(outcomes: RunOutcomes) -> list[tuple[str, str, int, int, int]]:
    return [(each.link, each.link.strength, each.runs, each.jobs, each.cost) for each in outcomes.links]


# ---- each link ------------------------------------------------------------------------------------------------------

LINKED: dict[str, tuple[dict[str, str], list[Any], str]] = {
    "job label, a job's id": ({"job_id": str(BIG)}, [], "job"),
    "booking label, a booking's id, and the booking names the job": (
        {"booking_id": "5"}, [booking(5, job_id=BIG)], "booking",
    ),
    "booking label, a booking's id, and the job names the booking": (
        {"booking_id": "6"}, [booking(6)], "booking",
    ),
    "booking label, and the job names the booking that was not read yet": ({"booking_id": "6"}, [], "booking"),
    "run, and the booking names the job": ({"run_id": "run-7"}, [booking(5, external_id="run-7", job_id=BIG)], "run_booking"),
    "run, and the job names the booking": ({"run_id": "run-7"}, [booking(6, external_id="run-7")], "run_booking"),
    "call label, and the call names the job": ({"call_id": "8"}, [call(8, job_id=BIG)], "call"),
    "call label, and the job was led to by it": ({"call_id": "9"}, [call(9)], "call"),
    "call label, and an agent named it to the job": ({"call_id": "10"}, [], "call"),
    "booking label, a booking's external id": (
        {"booking_id": "web-1"}, [booking(5, external_id="web-1", job_id=BIG)], "booking_external_id",
    ),
    "job label, a job's number": ({"job_id": "J-0042"}, [], "job_number"),
    "call label, a lead's call": (
        {"call_id": "11"}, [lead(1, call_id=11, booking_id=5), booking(5, job_id=BIG)], "call_lead",
    ),
    "call label, a lead's call that was noted by hand": (
        {"call_id": "11"}, [lead(1, manual_call_id=11, booking_id=6), booking(6)], "call_lead",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", LINKED)
def test_a_run_is_linked_by(shop: Shop, name: str) -> None:
    labels, rows, link = LINKED[name]
    shop.business.put(
        job(BIG, number="J-0042", booking_id=6, lead_call_id=9, partner_lead_call_id=10),
        # Its id is what a float would take the other's for.
        job(BIG - 1, number="J-0043"),
        *rows,
    )
    shop.spend(**labels)

    outcomes = shop.outcomes()

    strength = "exact" if link in ("job", "booking", "run_booking", "call") else "strong"
    assert links(outcomes) == [(link, strength, 1, 1, USD)]
    assert (outcomes.runs, outcomes.runs_linked, outcomes.booked_jobs) == (1, 1, 1)
    assert (outcomes.attributed, outcomes.led_nowhere, outcomes.attributed_share) == (USD, 0, 1.0)
    assert outcomes.cost_per_booked_job == USD
    [group] = shop.groups()
    expected = LinkedJob(number="J-0042", status="Scheduled", booked_on=NOON, invoiced=0, link=Link(link))  # type: ignore[arg-type]
    assert (group.key, group.job, group.spend.cost) == (str(BIG), expected, USD)


@pytest.mark.parametrize(
    "label",
    ["9" * 19, "9" * 64, "9223372036854775808", "0042", "-42", "42.0", " 42", "4e1", "４２", "job 42", "'; DROP TABLE x", "0", "%s"],
)  # fmt: skip
def test_a_label_that_is_no_id_is_text_and_leads_nowhere(shop: Shop, label: str) -> None:
    shop.business.put(job(42), booking(42, job_id=42), call(42, job_id=42))
    shop.spend(job_id=label, booking_id=label, call_id=label)

    outcomes = shop.outcomes()

    assert (outcomes.runs, outcomes.runs_linked, outcomes.led_nowhere) == (1, 0, USD)
    assert [(group.key, group.job) for group in shop.groups()] == [(label, None)]


def test_the_largest_id_is_one(shop: Shop) -> None:
    shop.business.put(job(2**63 - 1))
    shop.spend(job_id="9223372036854775807")

    assert shop.outcomes().booked_jobs == 1


def test_a_strong_link_is_not_followed_where_an_exact_one_leads_to_a_job(shop: Shop) -> None:
    shop.business.put(job(1), job(2, number="77"), booking(3, external_id="b-3", job_id=2))
    shop.spend(run_id="r", job_id="1", booking_id="b-3")
    shop.spend(run_id="r", job_id="77")

    outcomes = shop.outcomes()

    assert links(outcomes) == [("job", "exact", 1, 1, 2 * USD)]
    assert outcomes.booked_jobs == 1


def test_a_strong_link_is_followed_where_the_exact_ones_lead_to_no_job(shop: Shop) -> None:
    shop.business.put(job(2, number="77"), booking(3), call(4))
    shop.spend(run_id="r", job_id="77", booking_id="3", call_id="4")

    assert links(shop.outcomes()) == [("job_number", "strong", 1, 1, USD)]


def test_what_another_tenant_s_business_has_is_never_linked(shop: Shop) -> None:
    shop.business.connect("theirs", "blue-plumbing")
    theirs = (
        job(1, number="n", booking_id=2, lead_call_id=3), booking(2, external_id="r", job_id=1), call(3, job_id=1),
        lead(4, call_id=3, booking_id=2), invoice(5, job_id=1, subtotal=Decimal(9)),
    )  # fmt: skip
    shop.business.put(*theirs, connection_id="theirs")
    shop.business.put(*theirs, connection_id="nobody's")
    for labels in ({"job_id": "1"}, {"job_id": "n"}, {"run_id": "r"}, {"booking_id": "2"}, {"call_id": "3"}):
        shop.spend(**labels)
    shop.spend(tenant_id="blue-plumbing", job_id="1")

    outcomes = shop.outcomes()

    assert (outcomes.runs, outcomes.runs_linked, outcomes.booked_jobs) == (5, 0, 0)
    assert outcomes.business.jobs_created == outcomes.business.invoiced == 0
    assert all(group.job is None for group in shop.groups())


def test_two_connections_of_a_tenant_are_one_business_and_their_ids_are_told_apart(shop: Shop) -> None:
    shop.business.connect("plumbing")
    shop.business.put(job(1), job(2))
    shop.business.put(job(2, status="Completed"), connection_id="plumbing")
    shop.spend(job_id="1")
    shop.spend(job_id="2", cost_nanousd=5)

    outcomes = shop.outcomes()

    assert (outcomes.connections, outcomes.booked_jobs, outcomes.business.jobs_created) == (2, 3, 3)
    found = [(group.key, group.job and group.job.status, group.spend.cost) for group in shop.groups()]
    assert found == [("1", "Scheduled", USD), ("2", "Completed", 3), ("2", "Scheduled", 2)]


# ---- runs -----------------------------------------------------------------------------------------------------------


def test_a_job_that_two_runs_led_to_is_booked_once_and_paid_by_both(shop: Shop) -> None:
    shop.business.put(job(1), booking(2, external_id="r-2", job_id=1))
    shop.spend(run_id="r-1", job_id="1")
    shop.spend(run_id="r-2", at=NOON - MINUTE)

    outcomes = shop.outcomes()

    assert (outcomes.booked_jobs, outcomes.cost_per_booked_job) == (1, 2 * USD)
    assert links(outcomes) == [("job", "exact", 1, 1, USD), ("run_booking", "exact", 1, 1, USD)]
    [group] = shop.groups()
    assert (group.spend.cost, group.spend.calls, group.job and group.job.link) == (2 * USD, 2, "job")


def test_the_cost_of_a_run_with_several_jobs_is_divided_evenly_and_the_first_has_the_rest(shop: Shop) -> None:
    shop.business.put(*(job(id_, created_on=NOON) for id_ in (1, 2, 3)))
    for id_ in (1, 2, 3):
        shop.spend(run_id="r", job_id=str(id_), cost_nanousd=id_ * 10 + 1, uncached=7)

    found = shop.found()

    assert [(group.key, group.spend.cost, group.spend.calls) for group in found.labels] == [
        ("1", 21, 3), ("2", 21, 0), ("3", 21, 0),
    ]  # fmt: skip
    shop.spend(run_id="r", cost_nanousd=2)
    found = shop.found()
    assert [(group.key, group.spend.cost) for group in found.labels] == [("1", 23), ("2", 21), ("3", 21)]
    assert sum_of(group.spend for group in found.labels) == sum_of(found.stretches.values())
    assert shop.outcomes().booked_jobs == 3


def test_money_that_is_taken_back_is_divided_to_the_last_nano_dollar_too(shop: Shop) -> None:
    shop.business.put(job(1), job(2))
    shop.spend(run_id="r", job_id="1", cost_nanousd=-7)
    shop.spend(run_id="r", job_id="2", cost_nanousd=0)

    assert sorted((group.key, group.spend.cost) for group in shop.groups()) == [("1", -4), ("2", -3)]


def test_a_run_that_crosses_midnight_or_the_period_s_end_is_one_run_of_the_day_it_began_in(shop: Shop) -> None:
    midnight = datetime(2026, 11, 24, 6, tzinfo=UTC)
    shop.business.put(job(1, created_on=midnight))
    shop.spend(run_id="r", at=midnight - MINUTE)
    shop.spend(run_id="r", at=midnight + MINUTE, day="24", job_id="1")

    for _ in range(2):
        before, after = shop.outcomes(midnight - DAY, midnight), shop.outcomes(midnight, midnight + DAY)
        assert (before.runs, before.booked_jobs, before.cost, before.earlier) == (1, 1, 2 * USD, 0)
        assert (after.runs, after.booked_jobs, after.cost, after.earlier) == (0, 0, 0, USD)
        # What a group cost is what was spent in the period, whoever began it.
        assert [(group.key, group.spend.cost) for group in shop.groups(midnight, midnight + DAY)] == [("1", USD)]
        shop.roll_up()


@pytest.mark.parametrize("labels", [{"run_id": "r"}, {"job_id": "9"}, {"booking_id": "b", "call_id": "c"}])
def test_after_a_pause_of_three_days_the_same_labels_are_another_run(shop: Shop, labels: dict[str, str]) -> None:
    begun = datetime(2026, 11, 3, 12, tzinfo=UTC)
    for at in (begun, begun + PAUSE, begun + PAUSE + PAUSE + timedelta(microseconds=1)):
        shop.spend(at=at, day=f"{at:%d}", **labels)

    assert shop.outcomes().runs == 2
    shop.roll_up()
    assert shop.outcomes().runs == 2
    assert shop.outcomes(begun + DAY, MONTH_END).runs == 1


def test_without_a_run_s_id_its_other_labels_are_its_name(shop: Shop) -> None:
    shop.spend(job_id="1", booking_id="2")
    shop.spend(job_id="1", booking_id="2")
    shop.spend(job_id="1")
    shop.spend(job_id="1", booking_id="2", run_id="r")
    shop.spend(agent="booking-agent")

    outcomes = shop.outcomes()

    assert (outcomes.runs, outcomes.cost, outcomes.unlabelled) == (3, 4 * USD, USD)


def test_a_run_may_learn_its_job_in_the_end_and_have_several_agents(shop: Shop) -> None:
    shop.business.put(job(1))
    shop.spend(run_id="r", agent="booking-agent")
    shop.spend(run_id="r", agent="dispatch-agent", at=NOON + HOUR, job_id="1")

    outcomes = shop.outcomes()

    assert (outcomes.runs, outcomes.booked_jobs, outcomes.cost_per_booked_job) == (1, 1, 2 * USD)
    assert [(group.key, group.spend.cost) for group in shop.groups()] == [("1", 2 * USD)]


# ---- definitions ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("early", "booked"), [(CLOCK_SKEW, 1), (CLOCK_SKEW + timedelta(microseconds=1), 0)])
def test_a_job_that_was_there_before_the_run_was_served_and_not_booked(
    shop: Shop, early: timedelta, booked: int
) -> None:
    shop.business.put(job(1, created_on=NOON - early))
    shop.spend(job_id="1")
    shop.spend(run_id="looks for a job", cost_nanousd=7)

    outcomes = shop.outcomes()

    assert (outcomes.booked_jobs, outcomes.served_jobs, outcomes.served) == (booked, 1 - booked, (1 - booked) * USD)
    assert outcomes.cost_per_booked_job == (USD + 7 if booked else None)


def test_a_job_that_does_not_say_when_it_was_made_was_served(shop: Shop) -> None:
    shop.business.put(job(1, created_on=None))
    shop.spend(job_id="1")

    assert (shop.outcomes().booked_jobs, shop.outcomes().served_jobs) == (0, 1)


def test_runs_that_failed_are_paid_by_the_jobs_that_were_booked_and_those_that_served_are_not(shop: Shop) -> None:
    shop.business.put(job(1), job(2, created_on=NOON - DAY))
    shop.spend(run_id="booked", job_id="1", cost_nanousd=10)
    shop.spend(run_id="failed", cost_nanousd=5)
    shop.spend(run_id="dispatched", job_id="2", cost_nanousd=100)
    shop.spend(cost_nanousd=1000)

    outcomes = shop.outcomes()

    assert (outcomes.cost_per_booked_job, outcomes.led_nowhere, outcomes.served, outcomes.unlabelled) == (
        15,
        5,
        100,
        1000,
    )
    assert outcomes.attributed_share == round(110 / 1115, 6)


def test_a_booking_that_is_not_converted_is_attributed_and_no_job_yet(shop: Shop) -> None:
    shop.business.put(booking(5, external_id="run-7"))
    shop.spend(run_id="run-7")

    outcomes = shop.outcomes()

    assert links(outcomes) == [("run_booking", "exact", 1, 0, USD)]
    assert (outcomes.attributed_share, outcomes.led_nowhere, outcomes.cost_per_booked_job) == (1.0, 0, None)

    shop.business.put(booking(5, external_id="run-7", job_id=6, status="Converted"), job(6, created_on=NOON + DAY))

    assert (shop.outcomes().booked_jobs, shop.outcomes().cost_per_booked_job) == (1, USD)


def test_a_booking_whose_job_was_not_read_yet_is_no_job_yet(shop: Shop) -> None:
    shop.business.put(booking(5, external_id="run-7", job_id=6))
    shop.spend(run_id="run-7")

    assert (shop.outcomes().attributed, shop.outcomes().booked_jobs) == (USD, 0)


@pytest.mark.parametrize("ended", [{"status": "Canceled"}, {"is_active": False}])
def test_a_job_that_was_cancelled_or_deleted_later_is_not_booked_and_its_run_still_costs(
    shop: Shop, ended: dict[str, Any]
) -> None:
    shop.business.put(job(1), job(2), invoice(8, job_id=2, subtotal=Decimal(100)))
    shop.spend(job_id="1")
    shop.spend(job_id="2")
    assert (shop.outcomes().booked_jobs, shop.outcomes().cancelled_jobs) == (2, 0)

    shop.business.put(job(2, **ended))
    outcomes = shop.outcomes()

    assert (outcomes.booked_jobs, outcomes.cancelled_jobs, outcomes.cost_per_booked_job) == (1, 1, 2 * USD)
    assert outcomes.invoiced == outcomes.business.invoiced == 0
    assert (outcomes.business.jobs_created, outcomes.business.jobs_cancelled, outcomes.business.ai_booked) == (2, 1, 1)


def test_a_call_counts_as_what_it_is_classified_as_now(shop: Shop) -> None:
    shop.business.put(
        *(call(id_, type=type_) for id_, type_ in enumerate(["Unbooked", "Excused", "NotLead", "Abandoned", None], 1))
    )
    for id_ in range(1, 6):
        shop.spend(call_id=str(id_))
    shop.spend(run_id="without a call", cost_nanousd=99)
    before = shop.outcomes()

    shop.business.put(call(2, type="Booked"), call(5, type="Unbooked", is_active=False))
    after = shop.outcomes()

    assert (before.booked_calls, before.unbooked_calls, before.booking_rate, before.cost_per_booked_call) == (
        0,
        1,
        0.0,
        None,
    )
    assert (after.booked_calls, after.unbooked_calls, after.booking_rate, after.cost_per_booked_call) == (
        1,
        1,
        0.5,
        5 * USD,
    )
    assert links(after) == [("call", "exact", 5, 0, 5 * USD)]
    assert (after.led_nowhere, after.attributed) == (5 * USD + 99, 5 * USD)
    assert (after.business.calls_booked, after.business.calls_unbooked, after.business.booking_rate) == (1, 1, 0.5)


def test_an_adjustment_counts_against_the_job_of_the_invoice_that_it_corrects(shop: Shop) -> None:
    shop.business.put(
        job(1, status="Completed"), job(2), job(3, created_on=NOON - 9 * DAY),
        invoice(10, job_id=1, subtotal=Decimal("500.10")),
        invoice(11, adjustment_to_id=10, subtotal=Decimal("-100.05")),
        invoice(12, adjustment_to_id=11, subtotal=Decimal("0.01")),
        invoice(13, job_id=1, adjustment_to_id=10, subtotal=Decimal(-1)),
        invoice(14, adjustment_to_id=10, subtotal=Decimal(-300), is_active=False),
        invoice(15, job_id=3, subtotal=Decimal(1000)),
        invoice(16, adjustment_to_id=99, subtotal=Decimal(7)),
        invoice(17, adjustment_to_id=17, subtotal=Decimal(7)),
    )  # fmt: skip
    shop.spend(job_id="1")
    shop.spend(job_id="2")

    outcomes = shop.outcomes()

    assert (outcomes.invoiced, outcomes.revenue_complete) == (399_060_000_000, 0.5)
    assert outcomes.business.invoiced == 1_399_060_000_000
    assert [(group.key, group.job and group.job.invoiced) for group in shop.groups()] == [
        ("1", 399_060_000_000), ("2", 0),
    ]  # fmt: skip


def test_the_period_is_the_days_of_the_tenant_and_whoever_was_created_in_them(shop: Shop) -> None:
    start, end = datetime(2026, 11, 23, 6, tzinfo=UTC), datetime(2026, 11, 24, 6, tzinfo=UTC)
    instants = (start - MINUTE, start, end - MINUTE, end)
    for number, at in enumerate(instants, 1):
        shop.business.put(job(number, created_on=at), call(number, created_on=at))
        shop.spend(run_id=f"run-{number}", job_id=str(number), at=at)
    shop.spend(at=start - MINUTE, cost_nanousd=5)
    shop.spend(at=end - MINUTE, cost_nanousd=3)

    for _ in range(2):
        outcomes = shop.outcomes(start, end)
        assert (outcomes.runs, outcomes.booked_jobs, outcomes.unlabelled) == (2, 2, 3)
        assert (outcomes.business.jobs_created, outcomes.business.calls_booked) == (2, 2)
        assert outcomes.business.ai_booked_share == 1.0
        shop.roll_up()


def test_a_quarter_hour_that_the_period_cuts_is_told_apart_span_by_span(shop: Shop) -> None:
    start, end = NOON + 7 * MINUTE, NOON + 5 * HOUR + 7 * MINUTE
    shop.business.put(job(1, created_on=NOON))
    for number, at in enumerate((start - MINUTE, start, end - MINUTE, end)):
        shop.spend(run_id=f"run-{number}", job_id="1", at=at, cost_nanousd=10**number)
        shop.spend(at=at, cost_nanousd=5 * 10**number)
    shop.spend(run_id="run-0", at=start + MINUTE, cost_nanousd=20_000)

    for _ in range(3):
        outcomes = shop.outcomes(start, end)
        assert (outcomes.runs, outcomes.cost, outcomes.unlabelled, outcomes.earlier) == (2, 110, 550, 20_000)
        assert [(group.key, group.spend.cost) for group in shop.groups(start, end)] == [("1", 20_110), (None, 550)]
        shop.roll_up()
        roll_up_again(shop.rollups, Stretch(start=NOON, end=NOON + HOUR))


def test_the_share_of_jobs_that_ai_booked_is_of_those_that_were_created_in_the_period(shop: Shop) -> None:
    shop.business.put(job(1), job(2), job(3, status="Canceled"), job(4, created_on=MONTH_END + DAY))
    shop.spend(job_id="1")
    shop.spend(job_id="4")

    outcomes = shop.outcomes()

    assert (outcomes.booked_jobs, outcomes.business.ai_booked, outcomes.business.ai_booked_share) == (2, 1, 0.5)


def test_a_cost_for_each_is_rounded_half_up(shop: Shop) -> None:
    shop.business.put(job(1), job(2))
    shop.spend(job_id="1", cost_nanousd=2)
    shop.spend(job_id="2", cost_nanousd=3)

    assert shop.outcomes().cost_per_booked_job == 3


def test_nothing_is_said_of_a_tenant_without_a_business(postgres: Postgres) -> None:
    shop = Shop(postgres)
    shop.business.connect("theirs", "blue-plumbing")
    shop.spend(job_id="1")

    assert shop.rollups.outcomes(asked_of()) is None
    assert [(group.key, group.job) for group in shop.groups()] == [("1", None)]


def test_without_a_span_or_a_row_everything_is_zero_and_no_share_is_claimed(shop: Shop) -> None:
    outcomes = shop.outcomes()

    assert outcomes == RunOutcomes(connections=1)
    shares = (
        outcomes.attributed_share,
        outcomes.booking_rate,
        outcomes.revenue_complete,
        outcomes.business.ai_booked_share,
    )
    assert (*shares, outcomes.cost_per_booked_job, outcomes.cost_per_booked_call) == (None,) * 6


def test_synced_at_is_that_of_the_feed_that_is_furthest_behind_in_any_connection(shop: Shop) -> None:
    shop.business.connect("plumbing")
    shop.business.catch_up("shop", FEEDS, NOON)
    shop.business.catch_up("plumbing", FEEDS[:3], NOON + HOUR)
    assert shop.outcomes().synced_at is None

    shop.business.catch_up("plumbing", FEEDS[3:], NOON - HOUR)
    shop.business.catch_up("theirs", FEEDS, NOON - DAY)

    assert shop.outcomes().synced_at == NOON - HOUR


# ---- what the rollups have ------------------------------------------------------------------------------------------


def test_spans_that_were_rolled_up_before_there_were_runs_are_added_to_them_first(shop: Shop, database: str) -> None:
    shop.business.put(job(1))
    for _ in range(5):
        shop.spend(job_id="1")
    shop.roll_up()
    with psycopg.connect(database, autocommit=True) as connection:
        whole = connection.execute("SELECT * FROM run_rollups").fetchall()
        # As the release before leaves it.
        connection.execute("TRUNCATE run_rollups")
        connection.execute("DELETE FROM rollup_watermarks WHERE rollup = 'runs'")
    assert shop.outcomes().cost == 5 * USD
    small = PostgresRollups(shop.business.postgres, slice_size=2)

    first = small.add_new()
    partly = shop.outcomes().cost
    roll_up_again(shop.rollups, Stretch(start=NOON, end=NOON + HOUR))
    mended = shop.outcomes().cost
    rolled_up = roll_up_new(shop.spans, small, now=NOON)

    assert (first.spans, first.is_last) == (2, False)
    assert (partly, mended, shop.outcomes().cost) == (5 * USD,) * 3
    assert rolled_up.spans == 3
    with psycopg.connect(database) as connection:
        assert connection.execute("SELECT * FROM run_rollups").fetchall() == whole
        marks = connection.execute("SELECT DISTINCT snapshot::text FROM rollup_watermarks").fetchall()
    assert len(marks) == 1
    assert small.add_new().is_last


def test_a_quarter_hour_that_is_added_to_keeps_its_first_and_last_instant(shop: Shop, database: str) -> None:
    for minutes in ((5, 6), (1, 9), (3, 4)):
        for minute in minutes:
            shop.spend(run_id="r", at=NOON + minute * MINUTE)
        shop.roll_up()

    with psycopg.connect(database) as connection:
        found = connection.execute("SELECT started_at, ended_at, spans FROM run_rollups").fetchall()
    assert found == [(NOON + MINUTE, NOON + 9 * MINUTE, 6)]


def test_outcomes_outlive_the_spans_of_dropped_months(shop: Shop, database: str) -> None:
    shop.business.put(job(1))
    shop.spend(run_id="r", job_id="1")
    shop.roll_up()
    before = shop.outcomes()
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("TRUNCATE spans")

    assert before.booked_jobs == 1
    assert shop.outcomes() == before


# ---- against a plain computation ------------------------------------------------------------------------------------

IDS = some.integers(1, 5)
maybe_id = some.one_of(some.none(), IDS)
a_label = some.sampled_from([None, None, "1", "2", "3", "4", "5", "05", "9" * 30, "x", "ext-1", "ext-2", "N-1"])
a_moment = (
    some.integers(-9 * 96, 12 * 96)
    .map(lambda quarters: NOON - 3 * DAY + quarters * timedelta(minutes=15))
    .flatmap(lambda at: some.integers(0, 899).map(lambda seconds: at + timedelta(seconds=seconds)))
)
# Where periods begin and end, so that some of them cut a quarter-hour that has spans.
near_an_edge = some.tuples(
    some.sampled_from([NOON - 2 * DAY, NOON - DAY, NOON + 2 * DAY]), some.integers(-900, 900)
).map(lambda edge: edge[0] + timedelta(seconds=edge[1]))
a_span = some.fixed_dictionaries(
    {
        "tenant_id": some.sampled_from(["acme-hvac", "acme-hvac", "acme-hvac", "blue-plumbing"]),
        "at": some.one_of(a_moment, near_an_edge),
        "run_id": some.sampled_from([None, None, "ext-1", "ext-2", "run-1", "1"]),
        "job_id": a_label,
        "booking_id": a_label,
        "call_id": a_label,
        "agent": some.sampled_from(["booking-agent", None]),
        "cost_nanousd": some.integers(-5, 10**10),
        "latency_ms": some.sampled_from([None, 7]),
        "would_have": some.sampled_from(["refuse:daily_budget", None]),
    }
)
a_time = some.one_of(some.none(), a_moment)
a_text = some.sampled_from([None, "ext-1", "ext-2", "N-1", "1", "x"])
a_row = some.one_of(
    some.builds(
        job, IDS, number=a_text, status=some.sampled_from(["Scheduled", "Canceled", "Completed"]), created_on=a_time,
        lead_call_id=maybe_id, partner_lead_call_id=maybe_id, booking_id=maybe_id, is_active=some.sampled_from([True, True, False]),
    ),
    some.builds(booking, IDS, external_id=a_text, job_id=maybe_id),
    some.builds(
        call, IDS, type=some.sampled_from(["Booked", "Unbooked", "Excused", None]), job_id=maybe_id, created_on=a_time,
        is_active=some.booleans(),
    ),
    some.builds(lead, IDS, call_id=maybe_id, manual_call_id=maybe_id, booking_id=maybe_id),
    some.builds(
        invoice, IDS, job_id=maybe_id, adjustment_to_id=maybe_id, is_active=some.sampled_from([True, True, False]),
        subtotal=some.one_of(some.none(), some.decimals(-1000, 1000, places=2)),
    ),
)  # fmt: skip
a_business = some.lists(some.tuples(some.sampled_from(["shop", "plumbing", "theirs"]), a_row), min_size=4, max_size=25)
an_instant = some.sampled_from([NOON - 7 * DAY, NOON - 2 * DAY, NOON - 2 * DAY + timedelta(minutes=3, seconds=7)])


def check(shop: Shop, start: datetime, end: datetime) -> None:
    expected = plain_outcomes(shop.stored, shop.business, start, end)
    found = shop.outcomes(start, end)
    assert {field.name: getattr(found, field.name) for field in fields(found)} == expected | {
        "connections": 2, "synced_at": None,
    }  # fmt: skip
    spend = shop.found(start, end)
    assert sum_of(group.spend for group in spend.labels) == sum_of(spend.stretches.values())
    groups = sorted(
        (group.job is not None, group.key or "", group.spend.cost) for group in spend.labels if group.spend.cost
    )
    plain = plain_job_groups(shop.stored, shop.business, start, end)
    assert groups == sorted((key[0] is not None, key[1] or "", cost) for key, cost in plain.items() if cost)


@pytest.fixture
def standing(migrated_database: str) -> Iterator[Postgres]:
    with closing(Postgres(migrated_database)) as postgres:
        yield postgres


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    spans=some.lists(a_span, min_size=3, max_size=20), late=some.lists(a_span, max_size=6), rows=a_business, start=an_instant,
    length=some.sampled_from([DAY, 4 * DAY, 4 * DAY + timedelta(minutes=7, seconds=1)]),
)  # fmt: skip
def test_outcomes_and_groups_are_those_of_a_plain_computation_fresh_rolled_up_or_summed_again(
    standing: Postgres,
    empty: Callable[[], None],
    spans: list[dict[str, Any]],
    late: list[dict[str, Any]],
    rows: list[tuple[str, Any]],
    start: datetime,
    length: timedelta,
) -> None:
    empty()
    shop = Shop(standing)
    for connection_id, tenant_id in (("shop", "acme-hvac"), ("plumbing", "acme-hvac"), ("theirs", "blue-plumbing")):
        shop.business.connect(connection_id, tenant_id)
    for connection_id in ("shop", "plumbing", "theirs"):
        shop.business.put(*(row for whose, row in rows if whose == connection_id), connection_id=connection_id)
    shop.spend_all(spans)
    check(shop, start, start + length)
    shop.roll_up()
    check(shop, start, start + length)
    shop.spend_all(late)
    check(shop, start, start + length)
    roll_up_again(shop.rollups, Stretch(start=NOON - 3 * DAY, end=NOON - DAY))
    check(shop, start, start + length)
    shop.roll_up()
    roll_up_again(shop.rollups, Stretch(start=NOON - 3 * DAY, end=NOON - DAY))
    check(shop, start, start + length)
