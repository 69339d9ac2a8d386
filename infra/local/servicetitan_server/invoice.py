"""Invoices: made with the job, filled when it is done, now and then adjusted by another. Accounting writes money as text."""

from datetime import datetime, timedelta

from infra.local.servicetitan_server.customers import Customer
from infra.local.servicetitan_server.day import Day
from infra.local.servicetitan_server.history import Change, Row, stamp


def tell_invoice(
    day: Day,
    invoice_id: int,
    job: Row,
    customer: Customer,
    *,
    at: datetime,
    billed: tuple[datetime, int] | None,
    deleted_at: datetime | None = None,
) -> None:
    """`job` has its id; `billed` is when, and how many cents without tax."""
    base: Row = {
        "createdOn": job["createdOn"],
        "invoiceDate": f"{at:%Y-%m-%d}T00:00:00Z",
        "job": {"id": job["id"], "number": job["jobNumber"]},
        "businessUnit": {"id": job["businessUnitId"]},
        "customer": customer.summary,
        "invoiceConfiguration": "JobInvoice",
        "adjustmentToId": None,
        "syncStatus": "Pending",
        "active": True,
        # An invoice that nobody has touched has no modifiedOn at all.
        "modifiedOn": None,
    }
    changes: list[Change] = [(at, _invoiced(0))]
    if billed:
        end, cents = billed
        changes.append((end, {**_invoiced(cents), "modifiedOn": stamp(end, tick=invoice_id)}))
        if day.draws.chance(0.02):
            _adjust(day, invoice_id, base, end + timedelta(days=2), cents)
    if deleted_at:
        changes.append((deleted_at, {"active": False, "modifiedOn": stamp(deleted_at, tick=invoice_id)}))
    day.archive.tell("invoices", invoice_id, base, *changes)


def _adjust(day: Day, invoice_id: int, invoice: Row, at: datetime, cents: int) -> None:
    adjustment = {**invoice, **_invoiced(-cents // 4), "adjustmentToId": invoice_id, "createdOn": stamp(at)}
    day.archive.tell("invoices", day.draws.id(), adjustment, (at, {}))


def _invoiced(cents: int) -> dict[str, str]:
    tax = cents * 8 // 100
    return {"subTotal": _money(cents), "salesTax": _money(tax), "total": _money(cents + tax), "balance": _money(0)}


def _money(cents: int) -> str:
    sign = "-" if cents < 0 else ""
    return f"{sign}{abs(cents) // 100}.{abs(cents) % 100:02}"
