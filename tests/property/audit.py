"""Looks at every page after every write, and says at once where a promise of the ledger is broken."""

from collections import Counter
from collections.abc import Callable, Iterable
from datetime import datetime

from tollgate.domain.money import NanoUsd
from tollgate.domain.page import Hold, HoldKind, Page, Use, imbalances
from tollgate.domain.span import Span, from_text
from tollgate.domain.tenant import TenantSettings


class Audit:
    """`pages` and `settings` read past every fault. `booked` is what the spans say of each hold, and so what Postgres would."""

    def __init__(self, pages: Callable[[], Iterable[Page]], settings: Callable[[], TenantSettings]) -> None:
        self._look = pages
        self._settings = settings
        self._fault: AssertionError | None = None
        self.pages: dict[str, Page] = {}
        self.spans: dict[tuple[str, int, int], Span] = {}
        self.booked: Counter[str] = Counter()
        self.settled: Counter[str] = Counter()
        self.amounts: dict[str, int] = {}
        self.barred_below: set[str] = set()

    def copy(self, pages: Callable[[], Iterable[Page]], settings: Callable[[], TenantSettings]) -> "Audit":
        """The same books, before another world."""
        audit = Audit(pages, settings)
        audit.pages, audit.spans, audit.booked = dict(self.pages), dict(self.spans), self.booked.copy()
        audit.settled, audit.amounts, audit.barred_below = self.settled.copy(), dict(self.amounts), self.barred_below
        return audit

    def __call__(self, decided_at: datetime) -> None:
        """After a write that was decided at that time or later. The first fault is the one that is told, whatever follows from it."""
        if self._fault is not None:
            raise self._fault
        try:
            self._see(decided_at)
        except AssertionError as error:
            self._fault = error
            raise

    def _see(self, decided_at: datetime) -> None:
        for page in self._look():
            before = self.pages.get(page.month)
            if before is None:
                before = Page(tenant_id=page.tenant_id, month=page.month, version=page.version)
            if page != before:
                self._balances(page)
                self._carries_its_span(before, page)
                for key in page.holds.keys() - before.holds.keys():
                    self._had_room(page.holds[key], before, page, decided_at)
                self.pages[page.month] = page

    def _balances(self, page: Page) -> None:
        assert not imbalances(page), f"DRIFT: {imbalances(page)}"
        assert all(hold.day in page.days for hold in page.holds.values()), (
            "DRIFT: a hold of a day that the page does not have"
        )
        assert all(hold.agent in page.agents for hold in page.holds.values() if hold.counted), (
            "DRIFT: an agent without its entry"
        )

    def _carries_its_span(self, before: Page, page: Page) -> None:
        closed = before.holds.keys() - page.holds.keys()
        spent = page.use.spent - before.use.spent
        if page.seq == before.seq:
            assert not closed, "LOST: a hold was closed without a span"
            assert not spent, "LOST: money moved without a span"
            return
        assert page.seq == before.seq + 1, "SEQ: a number without its span"
        assert page.span is not None
        assert len(closed) <= 1
        span = from_text(page.span)
        assert span.cost_nanousd == spent, "BOOKS: the spans of a page do not sum to its spent"
        self.spans[page.month, page.epoch, page.seq] = span
        self.booked[span.hold] += span.cost_nanousd
        self.settled[span.hold] += span.posting == "settle"
        assert self.settled[span.hold] <= 1, f"DOUBLE: {span.hold} was settled twice"
        assert self.booked[span.hold] >= 0, f"DOUBLE: more was taken back of {span.hold} than was booked"

    def _had_room(self, hold: Hold, before: Page, page: Page, decided_at: datetime) -> None:
        settings = self._settings()
        # A `check` hold's record cannot know of a try that had no answer; its twin expires for nothing.
        assert hold.key not in self.amounts or hold.kind is HoldKind.CHECK, f"TWICE: {hold.key} was let in twice"
        self.amounts[hold.key] = hold.amount
        assert page.version == settings.version, "VERSION: a hold was let in by settings that are not in force"
        assert not settings.suspended, "SUSPENDED: a hold was let in"
        assert len(page.holds) <= settings.in_flight_max, "IN FLIGHT: more than allowed"
        assert hold.counted is (hold.agent in settings.agents), "AGENT: counted by other settings than those in force"
        if settings.enforces:
            self._within(page, hold, settings, decided_at)
            for minute, calls in page.minutes.items():
                assert calls == before.minutes.get(minute, 0) or calls <= settings.requests_per_minute, (
                    "RATE: more than allowed"
                )
            if hold.key in self.barred_below and hold.model == "dear":
                self._below_soft_cap(before, hold, settings, decided_at)

    def _within(self, page: Page, hold: Hold, settings: TenantSettings, at: datetime) -> None:
        for name, used, limit in rooms_of(page, hold, settings, at):
            assert limit is None or used <= limit, (
                f"OVERSPEND: {used} of {limit} of the {name} after a hold of {hold.amount} was let in"
            )

    def _below_soft_cap(self, before: Page, hold: Hold, settings: TenantSettings, at: datetime) -> None:
        for name, use in ((before.month, before.use), (f"{before.month}-{hold.day}", before.day(hold.day))):
            assert use.spent < settings.soft_amount(NanoUsd(settings.limit_of(name, at))), (
                f"SOFT: {name} is past its soft cap"
            )


def rooms_of(page: Page, hold: Hold, settings: TenantSettings, at: datetime) -> list[tuple[str, int, int | None]]:
    """What a hold was held against: each window's name, what is used of it by now, and its limit (None: it has none)."""
    today = page.day(hold.day)
    rooms: list[tuple[str, int, int | None]] = [
        ("month", page.use.used, settings.limit_of(page.month, at)),
        ("day", today.used, settings.limit_of(f"{page.month}-{hold.day}", at)),
        ("month's tokens", page.use.tokens, settings.monthly_token_limit),
        ("day's tokens", today.tokens, settings.daily_token_limit),
    ]
    limits = settings.agents.get(hold.agent) if hold.agent else None
    if limits is not None and hold.agent is not None:
        use = page.agent(hold.agent)
        rooms += [
            ("agent's month", use.month.used, limits.monthly),
            ("agent's day", use.days.get(hold.day, Use()).used, limits.daily),
        ]
    return rooms
