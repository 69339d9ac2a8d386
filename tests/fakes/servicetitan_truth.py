"""What must be stored of a ServiceTitan tenant, told from the local ServiceTitan's rows in another way than the adapter's."""

from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from tollgate.domain.job import Feed

Plain = Mapping[str, Any]
Reader = Callable[[Plain], Any]


def at(text: str | None) -> datetime | None:
    """The digits past the sixth fall off."""
    if text is None:
        return None
    whole, _, fraction = text.rstrip("Z").partition(".")
    return datetime.strptime(f"{whole}.{(fraction + '000000')[:6]}+0000", "%Y-%m-%dT%H:%M:%S.%f%z")


def of(name: str) -> Reader:
    return lambda row: row.get(name)


def when(name: str) -> Reader:
    return lambda row: at(row.get(name))


def money(name: str) -> Reader:
    return lambda row: None if row.get(name) is None else Decimal(str(row[name]))


def within(name: str, inner: str = "id") -> Reader:
    return lambda row: row[name][inner] if row.get(name) else None


def day(name: str) -> Reader:
    return lambda row: date(*map(int, row[name][:10].split("-"))) if row.get(name) else None


def active(row: Plain) -> bool:
    return bool(row.get("active", True))


STAMPS: Mapping[str, Reader] = {
    "created_on": when("createdOn"),
    "modified_on": when("modifiedOn"),
    "is_active": active,
}
# Feed -> its name there, and how each column is told.
TRUTH: Mapping[Feed, tuple[str, Mapping[str, Reader]]] = {
    Feed.JOBS: (
        "jobs",
        STAMPS
        | {
            "number": of("jobNumber"),
            "status": of("jobStatus"),
            "completed_on": when("completedOn"),
            "created_by_id": of("createdById"),
            "business_unit_id": of("businessUnitId"),
            "job_type_id": of("jobTypeId"),
            "campaign_id": of("campaignId"),
            "lead_call_id": of("leadCallId"),
            "partner_lead_call_id": of("partnerLeadCallId"),
            "booking_id": of("bookingId"),
            "invoice_id": of("invoiceId"),
            "recall_for_id": of("recallForId"),
            "total": money("total"),
            "tag_ids": lambda row: list(row["tagTypeIds"]),
            "is_free": of("noCharge"),
        },
    ),
    Feed.BOOKINGS: (
        "bookings",
        STAMPS
        | {
            "status": of("status"),
            "source": of("source"),
            "external_id": of("externalId"),
            "booking_provider_id": of("bookingProviderId"),
            "job_id": of("jobId"),
            "campaign_id": of("campaignId"),
            "starts_on": when("start"),
        },
    ),
    Feed.CALLS: (
        "calls",
        STAMPS
        | {
            "direction": of("direction"),
            "status": of("status"),
            "type": of("type"),
            "agent_id": within("agent"),
            "campaign_id": within("campaign"),
            "job_id": within("job"),
            "lead_id": within("lead"),
            "reason_id": within("reason"),
        },
    ),
    Feed.CANCELLATIONS: (
        "job-canceled-logs",
        STAMPS | {"job_id": of("jobId"), "reason_id": of("reasonId")},
    ),
    Feed.INVOICES: (
        "invoices",
        STAMPS
        | {
            "job_id": within("job"),
            "business_unit_id": within("businessUnit"),
            "adjustment_to_id": of("adjustmentToId"),
            "subtotal": money("subTotal"),
            "sales_tax": money("salesTax"),
            "total": money("total"),
            "balance": money("balance"),
            "invoiced_on": day("invoiceDate"),
        },
    ),
    Feed.ASSIGNMENTS: (
        "appointment-assignments",
        STAMPS
        | {
            "job_id": of("jobId"),
            "appointment_id": of("appointmentId"),
            "technician_id": of("technicianId"),
            "assigned_by_id": of("assignedById"),
            "status": of("status"),
            "assigned_on": when("assignedOn"),
        },
    ),
    Feed.LEADS: (
        "leads",
        STAMPS
        | {
            "status": of("status"),
            "call_id": of("callId"),
            "manual_call_id": of("manualCallId"),
            "booking_id": of("bookingId"),
            "campaign_id": of("campaignId"),
        },
    ),
    Feed.APPOINTMENTS: (
        "appointments",
        STAMPS | {"job_id": of("jobId"), "status": of("status"), "starts_on": when("start"), "ends_on": when("end")},
    ),
    Feed.BUSINESS_UNITS: ("business-units", STAMPS | {"name": of("name"), "trade": within("trade", "name")}),
    Feed.TECHNICIANS: (
        "technicians",
        STAMPS
        | {
            "user_id": of("userId"),
            "business_unit_id": of("businessUnitId"),
            "is_managed": lambda row: bool(row.get("isManagedTech")),
        },
    ),
    Feed.TAGS: ("tag-types", STAMPS | {"name": of("name"), "code": of("code")}),
    Feed.CAMPAIGNS: ("campaigns", STAMPS | {"name": of("name")}),
}


def columns(feed: Feed) -> list[str]:
    """Those that are told here, in the order of `told`'s values; `created_on` of assignments is not kept."""
    return [name for name in TRUTH[feed][1] if not (feed is Feed.ASSIGNMENTS and name == "created_on")]


def told(feed: Feed, rows: Iterable[Plain]) -> list[tuple[Any, ...]]:
    """(id, a value for each of `columns`), by id."""
    readers = [TRUTH[feed][1][name] for name in columns(feed)]
    return sorted((row["id"], *(read(row) for read in readers)) for row in rows)
