"""A field-service business, made day by day: calls come in, some become bookings and jobs, jobs become invoices.

Each day is drawn from (seed, tenant, day) alone, so the same day is the same after any restart, whatever day it is now;
and what lies ahead is told in advance, so rows change while the server runs: a booking converts, a job completes.
"""

from datetime import UTC, date, datetime, time, timedelta
from random import Random

from infra.local.servicetitan_server.history import Change, History, Row, next_month, stamp
from infra.local.servicetitan_server.shops import CAMPAIGNS, FIRST_NAMES, LAST_NAMES, STREETS, Shop, Work

FEEDS = ("business-units", "job-types", "campaigns", "jobs", "bookings", "calls", "invoices")
ROWS_PER_DAY_MAX = 10_000
FIRST_DAY = date(2000, 1, 1)
# Past what a float keeps exactly: a client that reads ids as floats merges two of these rows into one.
BEYOND_FLOAT = 2**53
OFFICE_USER, APP_USER, VENDOR_USER = 501, 777, 778


class Business:
    """The whole history of one tenant, grown up to the day that is asked for."""

    def __init__(self, shop: Shop, *, seed: str, first_day: date, jobs_per_day: float) -> None:
        self.shop = shop
        self._seed = seed
        self._jobs_per_day = jobs_per_day
        self._next_day = first_day
        self._histories = {feed: History() for feed in FEEDS}
        self._tell_settings(_at(first_day, time(5)))

    def history(self, feed: str, now: datetime) -> History:
        while self._next_day <= now.date():
            drawn_from = f"{self._seed}/{self.shop.tenant_id}/{self._next_day}"
            Day(self, self._next_day, Random(drawn_from)).happen()  # noqa: S311 - repeatable on purpose
            self._next_day += timedelta(days=1)
        return self._histories[feed]

    def tell(self, feed: str, id_: int, base: Row, *changes: Change) -> None:
        self._histories[feed].tell(id_, base, changes)

    def jobs_on(self, day: date) -> float:
        season = 1.3 if day.month in self.shop.busy_months else 0.9
        weekday = (1.2, 1.1, 1.0, 1.0, 1.1, 0.5, 0.15)[day.weekday()]
        return self._jobs_per_day * season * weekday

    def unit_id(self, unit: str) -> int:
        return self.shop.units.index(unit) + 11

    def work_id(self, work: Work) -> int:
        return self.shop.works.index(work) + 101

    def _tell_settings(self, at: datetime) -> None:
        created = {"createdOn": stamp(at)}
        for unit in self.shop.units:
            trade = {"id": 1, "name": self.shop.trade}
            tenant = {"id": self.shop.tenant_id, "name": self.shop.name}
            row = {"name": unit, "currency": "USD", "trade": trade, "division": None, "tenant": tenant, **created}
            self.tell("business-units", self.unit_id(unit), row, (at, {"active": True}))
        self.tell("business-units", 99, {"name": "Old branch", "currency": "USD", **created}, (at, {"active": False}))
        for work in self.shop.works:
            work_row = {"name": work.name, "businessUnitIds": [self.unit_id(work.unit)], **created}
            self.tell("job-types", self.work_id(work), work_row, (at, {"active": True}))
        for number, name in enumerate(CAMPAIGNS):
            self.tell("campaigns", 301 + number, {"name": name, **created}, (at, {"active": True}))


class Day:
    """What happens on one day. Every draw comes from this day's own `random`."""

    def __init__(self, business: Business, day: date, random: Random) -> None:
        self._business = business
        self._day = day
        self._random = random
        self._rows = 0

    def happen(self) -> None:
        wanted = self._business.jobs_on(self._day)
        for _ in self._about(wanted):
            self._job_from_somewhere()
        for _ in self._about(wanted * 0.9):
            self._call_without_job()
        for _ in self._about(wanted * 0.15):
            self._booking_without_job()

    def _job_from_somewhere(self) -> None:
        at, job_id = self._moment(), self._id()
        origin = self._random.choices(("call", "agent call", "booking"), weights=(50, 25, 25))[0]
        if origin == "booking":
            link = {"bookingId": self._booking_that_converts(at, job_id), "leadCallId": None, "partnerLeadCallId": None}
        else:
            call_id = self._call_that_books(at, job_id, by_agent=origin == "agent call")
            link = {"bookingId": None, "leadCallId": call_id, "partnerLeadCallId": None}
            if origin == "agent call":
                link["partnerLeadCallId"] = call_id
        self._job(at, job_id, link, by_agent=origin != "call")

    def _job(self, at: datetime, job_id: int, link: Row, *, by_agent: bool) -> None:
        work, invoice_id = self._random.choice(self._business.shop.works), self._id()
        base = {
            "jobNumber": str(job_id % 10**9),
            "createdOn": stamp(at, tick=job_id),
            "createdById": APP_USER if by_agent else OFFICE_USER,
            "businessUnitId": self._business.unit_id(work.unit),
            "jobTypeId": self._business.work_id(work),
            "campaignId": 304 if by_agent else self._campaign(),
            "customerId": self._random.randrange(10**8),
            "locationId": self._random.randrange(10**8),
            "summary": f"{work.name} at {self._address()['street']}, ask for {self._name()}",
            "priority": "Normal",
            "tagTypeIds": [],
            "invoiceId": invoice_id,
            "noCharge": False,
            "recallForId": None,
            "warrantyId": None,
            "createdFromEstimateId": None,
            "externalData": None,
            **link,
        }
        scheduled: Change = (at, {"jobStatus": "Scheduled", "completedOn": None, "total": 0, "active": True})
        start = at + timedelta(days=self._random.choice((0, 0, 1, 1, 2, 4)), hours=1 + 3 * self._random.random())
        if self._chance(0.12):
            self._business.tell("jobs", job_id, base, scheduled, (start, {"jobStatus": "Canceled"}))
            self._invoice(invoice_id, job_id, base, at, None)
            return
        end = start + timedelta(minutes=self._random.randrange(40, 260), microseconds=self._random.randrange(10**6))
        total = self._random.randrange(work.dollars_from * 100, work.dollars_to * 100)
        done = {"jobStatus": "Completed", "completedOn": stamp(end, tick=job_id), "total": total / 100}
        changes: list[Change] = [
            scheduled,
            (start - timedelta(minutes=25), {"jobStatus": "Dispatched"}),
            (start, {"jobStatus": "InProgress"}),
            (end, done),
        ]
        if self._chance(0.25):
            # The office closes the month for many jobs at once: they all get one and the same modifiedOn.
            changes.append((next_month(end), {"tagTypeIds": [900]}))
        self._business.tell("jobs", job_id, base, *changes)
        self._invoice(invoice_id, job_id, base, at, (end, total))

    def _invoice(
        self, invoice_id: int, job_id: int, job: Row, at: datetime, billed: tuple[datetime, int] | None
    ) -> None:
        base = {
            "createdOn": job["createdOn"],
            "invoiceDate": f"{at:%Y-%m-%d}T00:00:00Z",
            "job": {"id": job_id, "number": job["jobNumber"]},
            "businessUnit": {"id": job["businessUnitId"]},
            "customer": {"id": job["customerId"], "name": self._name()},
            "invoiceConfiguration": "JobInvoice",
            "adjustmentToId": None,
            "syncStatus": "Pending",
            "active": True,
        }
        # An invoice that nobody has touched has no modifiedOn at all.
        changes = [(at, {**_invoiced(0), "modifiedOn": None})]
        if billed:
            end, total = billed
            changes.append((end, {**_invoiced(total), "modifiedOn": stamp(end, tick=invoice_id)}))
            if self._chance(0.02):
                back = {**base, **_invoiced(-total // 4), "adjustmentToId": invoice_id, "createdOn": stamp(end)}
                self._business.tell("invoices", self._id(), back, (end + timedelta(days=2), {}))
        self._business.tell("invoices", invoice_id, base, *changes)

    def _call_that_books(self, at: datetime, job_id: int, *, by_agent: bool) -> int:
        job = {"id": job_id, "number": str(job_id % 10**9)}
        return self._call(at - timedelta(minutes=6), by_agent=by_agent, settled={"type": "Booked", "job": job})

    def _call_without_job(self) -> None:
        weights = {"Unbooked": 45, "Excused": 20, "Abandoned": 15, "NotLead": 12, "SpamBlocked": 1, None: 7}
        type_ = self._random.choices(tuple(weights), weights=tuple(weights.values()))[0]
        self._call(self._moment(), by_agent=self._chance(0.3), settled={"type": type_})

    def _call(self, at: datetime, *, by_agent: bool, settled: Row) -> int:
        call_id = self._id()
        seconds = self._random.randrange(20, 720)
        base: Row = {
            "createdOn": stamp(at, tick=call_id),
            "receivedOn": stamp(at, tick=call_id),
            "direction": "Inbound",
            "status": "Completed",
            "duration": f"{timedelta(seconds=seconds)}".zfill(8),
            "agent": {"id": VENDOR_USER, "name": "Voice Agent"} if by_agent else {"id": OFFICE_USER, "name": "Office"},
            "campaign": {"id": 304 if by_agent else self._campaign()},
            "from": self._phone(),
            "to": self._phone(),
            "recordingUrl": f"https://recordings.example/{call_id}.mp3",
            "customer": {"id": self._random.randrange(10**8), "name": self._name(), "address": self._address()},
            "lead": None,
            "reason": None,
            "tag": None,
        }
        fresh = {"type": None, "job": None, "active": True}
        ended = at + timedelta(seconds=seconds)
        self._business.tell("calls", call_id, base, (ended, fresh), (ended + timedelta(minutes=7), settled))
        return call_id

    def _booking_that_converts(self, at: datetime, job_id: int) -> int:
        waited = timedelta(minutes=self._random.randrange(4, 95))
        return self._booking(at - waited, (at, {"status": "Converted", "jobId": job_id}))

    def _booking_without_job(self) -> None:
        at = self._moment()
        gone = self._chance(0.2)
        self._booking(at, (at + timedelta(hours=20), {"status": "Dismissed", "active": not gone}))

    def _booking(self, at: datetime, end: Change) -> int:
        booking_id = self._id()
        work = self._random.choice(self._business.shop.works)
        by_agent = self._chance(0.6)
        run = f"run_{self._random.getrandbits(64):016x}"
        base: Row = {
            "source": "Tollgate booking agent" if by_agent else "Website",
            "externalId": run if by_agent else f"web-{booking_id}",
            "bookingProviderId": 21 if by_agent else 22,
            "createdOn": stamp(at, tick=booking_id),
            "start": stamp(at + timedelta(days=1)),
            "name": self._name(),
            "address": self._address(),
            "customerType": "Residential",
            "summary": f"{work.name}, call back {self._phone()}",
            "campaignId": 304 if by_agent else self._campaign(),
            "businessUnitId": self._business.unit_id(work.unit),
            "jobTypeId": self._business.work_id(work),
            "isFirstTimeClient": self._chance(0.4),
            "priority": "Normal",
            "uploadedImages": [],
        }
        new = {"status": "New", "jobId": None, "active": True}
        self._business.tell("bookings", booking_id, base, (at, new), end)
        return booking_id

    def _id(self) -> int:
        """Unique for each feed and day, the same after any restart, and not in the order of time for all."""
        assert self._rows < ROWS_PER_DAY_MAX, "a day has at most ten thousand rows"
        number = (self._day - FIRST_DAY).days * ROWS_PER_DAY_MAX + self._rows
        self._rows += 1
        return number if number % 7 else number + BEYOND_FLOAT

    def _moment(self) -> datetime:
        """Some time in the working day of the United States, in UTC, with a fraction for most."""
        moment = _at(self._day, time(12)) + timedelta(seconds=self._random.randrange(10 * 3600))
        return moment if self._chance(0.2) else moment.replace(microsecond=self._random.randrange(1, 10**6))

    def _about(self, wanted: float) -> range:
        """A whole number of times that is right on average."""
        return range(int(wanted) + self._chance(wanted % 1))

    def _chance(self, share: float) -> bool:
        return self._random.random() < share

    def _campaign(self) -> int:
        return self._random.choice((301, 302, 303, 305, 306))

    def _name(self) -> str:
        return f"{self._random.choice(FIRST_NAMES)} {self._random.choice(LAST_NAMES)}"

    def _phone(self) -> str:
        return f"+1555{self._random.randrange(10**7):07}"

    def _address(self) -> dict[str, str]:
        street = f"{self._random.randrange(1, 9999)} {self._random.choice(STREETS)}"
        return {"street": street, "city": "Springfield", "state": "TX", "zip": "75001", "country": "USA"}


def _invoiced(cents: int) -> dict[str, str]:
    """Accounting writes money as text, jobs as numbers."""
    tax = cents * 8 // 100
    return {"subTotal": _money(cents), "salesTax": _money(tax), "total": _money(cents + tax), "balance": _money(0)}


def _money(cents: int) -> str:
    sign = "-" if cents < 0 else ""
    return f"{sign}{abs(cents) // 100}.{abs(cents) % 100:02}"


def _at(day: date, at: time) -> datetime:
    return datetime.combine(day, at, tzinfo=UTC)
