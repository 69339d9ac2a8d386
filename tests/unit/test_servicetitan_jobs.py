"""What of ServiceTitan's rows comes through, and how."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from tollgate.adapters.servicetitan_jobs import ServiceTitanJobs
from tollgate.domain.errors import JobSourceFailed
from tollgate.domain.job import Booking, Call, Feed, FeedPage, Invoice, Job

LONG = timedelta(minutes=1)


class Canned:
    """A client that has one answer."""

    def __init__(self, **answer: Any) -> None:
        self.answer = answer
        self.asked: tuple[Any, ...] = ()

    def get(self, *asked: Any, time_left: timedelta) -> dict[str, Any]:
        self.asked = asked
        return self.answer


def page(feed: Feed, *rows: Any) -> FeedPage:
    client = Canned(data=list(rows), continueFrom="next", hasMore=True)
    return ServiceTitanJobs(client).read_page(feed, "here", time_left=LONG)  # type: ignore[arg-type]


def a_row(feed: Feed, **fields: Any) -> Any:
    read = page(feed, {"id": 1, **fields})
    assert read.unreadable == 0
    return read.rows[0]


@pytest.mark.parametrize(
    ("feed", "path", "beside"),
    [
        (Feed.JOBS, ("jpm/v2", "export/jobs"), {}),
        (Feed.BOOKINGS, ("crm/v2", "export/bookings"), {}),
        (Feed.CALLS, ("telecom/v2", "export/calls"), {}),
        (Feed.CANCELLATIONS, ("jpm/v2", "export/job-canceled-logs"), {}),
        (Feed.INVOICES, ("accounting/v2", "export/invoices"), {}),
        (Feed.ASSIGNMENTS, ("dispatch/v2", "export/appointment-assignments"), {"active": "Any"}),
        (Feed.LEADS, ("crm/v2", "export/leads"), {}),
        (Feed.APPOINTMENTS, ("jpm/v2", "export/appointments"), {"active": "Any"}),
        (Feed.BUSINESS_UNITS, ("settings/v2", "export/business-units"), {}),
        (Feed.TECHNICIANS, ("settings/v2", "export/technicians"), {}),
        (Feed.TAGS, ("settings/v2", "export/tag-types"), {}),
    ],
)
def test_a_feed_is_read_from_a_day_or_from_where_the_last_page_ended(
    feed: Feed, path: tuple[str, str], beside: dict[str, str]
) -> None:
    client = Canned(data=[], continueFrom="next", hasMore=False)
    source = ServiceTitanJobs(client)  # type: ignore[arg-type]

    source.read_page(feed, date(2026, 1, 2), time_left=LONG)
    assert client.asked == (*path, {"from": "2026-01-02"} | beside)
    source.read_page(feed, "token==", time_left=LONG)
    assert client.asked == (*path, {"from": "token=="} | beside)


class Listing:
    """A list of which each reading gives the next of `readings`: its pages, and its own count."""

    def __init__(self, *readings: tuple[list[list[int]], int]) -> None:
        self.readings = list(readings)
        self.asked: list[dict[str, str]] = []

    def get(self, module: str, path: str, query: dict[str, str], *, time_left: timedelta) -> dict[str, Any]:
        self.asked.append(dict(query))
        pages, total = self.readings[0]
        number = int(query["page"])
        has_more = number < len(pages)
        if not has_more and len(self.readings) > 1:
            self.readings.pop(0)
        return {"data": [{"id": id_} for id_ in pages[number - 1]], "totalCount": total, "hasMore": has_more}


def listed(*readings: tuple[list[list[int]], int]) -> FeedPage:
    return ServiceTitanJobs(Listing(*readings)).read_page(  # type: ignore[arg-type]
        Feed.CAMPAIGNS, "listed", time_left=LONG
    )


def test_a_list_is_read_whole_with_what_is_not_active_and_its_own_count() -> None:
    client = Listing(([[1, 2], [3]], 3))

    page = ServiceTitanJobs(client).read_page(Feed.CAMPAIGNS, date(2026, 1, 2), time_left=LONG)  # type: ignore[arg-type]

    assert [row.id for row in page.rows] == [1, 2, 3]
    assert not page.has_more
    assert client.asked == [
        {"page": number, "pageSize": "500", "includeTotal": "true", "active": "Any"} for number in ("1", "2")
    ]


def test_a_list_that_a_row_left_while_it_was_read_is_read_again() -> None:
    """3 moved up onto the first page when 1 left it, and was not seen."""
    page = listed(([[1, 2], [4]], 4), ([[2, 3], [4]], 3))

    assert [row.id for row in page.rows] == [2, 3, 4]


def test_a_row_that_a_list_gave_twice_does_not_hide_one_that_it_did_not_give() -> None:
    page = listed(([[1, 2], [2]], 3), ([[1, 2], [3]], 3))

    assert [row.id for row in page.rows] == [1, 2, 3]


def test_a_list_that_never_agrees_with_itself_fails() -> None:
    with pytest.raises(JobSourceFailed, match="changes while it is read"):
        listed(([[1, 2]], 5))


def test_a_list_without_an_end_fails() -> None:
    with pytest.raises(JobSourceFailed, match="has no end"):
        listed(([[number] for number in range(30)], 30))


def test_seven_digits_of_a_second_are_cut_to_six_and_kept_in_utc() -> None:
    job: Job = a_row(Feed.JOBS, modifiedOn="2026-10-29T19:26:05.6089817Z", createdOn="2026-10-29T14:26:05-05:00")

    assert job.modified_on == datetime(2026, 10, 29, 19, 26, 5, 608981, tzinfo=UTC)
    assert job.created_on == datetime(2026, 10, 29, 19, 26, 5, tzinfo=UTC)
    assert job.completed_on is None


def test_ids_that_no_float_can_hold_stay_what_they_are() -> None:
    job: Job = a_row(Feed.JOBS, leadCallId=2**53 + 1)

    assert job.lead_call_id == 9007199254740993


@pytest.mark.parametrize(
    ("value", "amount"),
    [(Decimal("1234.56"), "1234.56"), ("1234.56", "1234.56"), (0, "0"), ("-0.10", "-0.10"), (None, None)],
)
def test_money_comes_as_a_number_or_as_text(value: object, amount: str | None) -> None:
    job: Job = a_row(Feed.JOBS, total=value)

    assert job.total == (Decimal(amount) if amount else None)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("PT1H2M3S", 3723),
        ("PT45.5S", 45),
        ("00:03:12", 192),
        ("1.00:00:01.5", 86401),
        ("59", 59),
        (61, 61),
        ("soon", None),
        (None, None),
    ],
)
def test_a_duration_is_read_in_each_form_that_was_seen(value: object, seconds: int | None) -> None:
    call: Call = a_row(Feed.CALLS, duration=value)

    assert call.duration_s == seconds


def test_an_invoice_s_day_is_that_of_the_calendar_and_its_money_is_exact() -> None:
    invoice: Invoice = a_row(
        Feed.INVOICES,
        invoiceDate="2026-07-19T00:00:00Z",
        subTotal="-0.10",
        job={"id": 2**53 + 1, "number": "7"},
        adjustmentToId=4,
    )

    assert (invoice.invoiced_on, invoice.subtotal) == (date(2026, 7, 19), Decimal("-0.10"))
    assert (invoice.job_id, invoice.adjustment_to_id, invoice.modified_on) == (2**53 + 1, 4, None)


def test_tags_come_as_their_ids_and_a_strange_one_makes_the_row_unreadable() -> None:
    job: Job = a_row(Feed.JOBS, tagTypeIds=[5, 2**53 + 1])

    assert job.tag_ids == (5, 2**53 + 1)
    assert page(Feed.JOBS, {"id": 1, "tagTypeIds": ["5"]}).unreadable == 1


def test_objects_come_as_their_ids() -> None:
    call: Call = a_row(
        Feed.CALLS, job={"id": 7, "number": "7"}, agent={"id": 8, "name": "Ann"}, lead=None, type="New one"
    )

    assert (call.job_id, call.agent_id, call.lead_id, call.type) == (7, 8, None, "New one")


def test_no_customer_comes_through() -> None:
    person = {"name": "Ann Smith", "address": {"street": "1 Elm St"}, "phone": "+15550001111"}
    rows = [
        a_row(Feed.JOBS, summary="Ann Smith, 1 Elm St", customer=person, customerId=5),
        a_row(Feed.BOOKINGS, **person, summary="call +15550001111"),
        a_row(Feed.CALLS, **{"from": "+15550001111", "customer": person, "recordingUrl": "https://x/+15550001111"}),
        a_row(Feed.INVOICES, customer=person, customerAddress=person["address"], items=[{"description": "Ann"}]),
        a_row(Feed.TECHNICIANS, **person, email="ann@elm.example", phoneNumber="+15550001111"),
        a_row(Feed.APPOINTMENTS, specialInstructions="ask for Ann, 1 Elm St"),
        a_row(Feed.ASSIGNMENTS, technicianName="Ann Smith"),
        a_row(Feed.CANCELLATIONS, memo="Ann will not have it"),
        a_row(Feed.LEADS, summary="Ann at 1 Elm St", customerId=5),
    ]

    assert not [word for word in ("Ann", "Elm", "555") if word in repr(rows)]


def test_text_that_postgres_could_not_keep_is_made_fit() -> None:
    booking: Booking = a_row(Feed.BOOKINGS, externalId="a\0b" + "x" * 500, source="half \ud83d pair")

    assert booking.external_id == "ab" + "x" * 198
    assert booking.source == "half ? pair"


@pytest.mark.parametrize(
    "odd",
    [
        "a word",
        {"id": None},
        {"id": "7"},
        {"id": True},
        {"id": 2**63},
        {"id": 1.0},
        {"id": 1, "total": "much"},
        {"id": 1, "total": Decimal("Infinity")},
        {"id": 1, "createdOn": "yesterday"},
        {"id": 1, "createdOn": 5},
        {"id": 1, "jobNumber": 5},
    ],
)
def test_a_row_without_sense_is_counted_and_holds_up_no_other(odd: object) -> None:
    read = page(Feed.JOBS, {"id": 1}, odd, {"id": 3})

    assert [row.id for row in read.rows] == [1, 3]
    assert read.unreadable == 1


@pytest.mark.parametrize(
    "answer", [{}, {"data": [], "hasMore": False}, {"data": {}, "hasMore": False, "continueFrom": "x"}]
)
def test_a_list_of_another_form_is_a_failure_and_not_an_empty_list(answer: dict[str, Any]) -> None:
    with pytest.raises(JobSourceFailed, match="changed its form"):
        ServiceTitanJobs(Canned(**answer)).read_page(Feed.CAMPAIGNS, "listed", time_left=LONG)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "answer", [{}, {"data": [], "hasMore": False}, {"data": {}, "hasMore": False, "continueFrom": "x"}]
)
def test_a_page_of_another_form_is_a_failure_and_not_an_empty_page(answer: dict[str, Any]) -> None:
    with pytest.raises(JobSourceFailed, match="changed its form"):
        ServiceTitanJobs(Canned(**answer)).read_page(Feed.JOBS, "here", time_left=LONG)  # type: ignore[arg-type]
