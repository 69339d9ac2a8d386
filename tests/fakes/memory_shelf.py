"""All pages and accounts of the reference ledger, and Postgres' spans of them, kept as the stream would bring them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from tests.fakes.memory_ledger import MemoryTable
from tollgate.domain.money import NanoUsd
from tollgate.domain.page import AgentUse, Page
from tollgate.domain.past_page import PageBooks, PastPage
from tollgate.domain.place import Place, PlacedSpan
from tollgate.domain.replay import NOTHING_GIVEN_UP, GivenUp, counts_once
from tollgate.domain.span import from_text
from tollgate.domain.tenant import TenantSettings
from tollgate.ports import Record


@dataclass(slots=True)
class StreamedTable(MemoryTable):
    """`stored`: every span of every version of a page, once by its place."""

    stored: dict[Place, PlacedSpan] = field(default_factory=dict)
    expires: dict[tuple[str, str], tuple[int, int]] = field(default_factory=dict)

    def _put(self, page: Page) -> Page:
        if page.span is not None:
            place = Place(tenant_id=page.tenant_id, month=page.month, epoch=page.epoch, seq=page.seq)
            self.stored.setdefault(place, PlacedSpan(place=place, span=from_text(page.span)))
        self.pages[page.tenant_id, page.month] = page
        return page


@dataclass(frozen=True, slots=True)
class MemoryShelf:
    table: StreamedTable

    def places(self) -> Sequence[tuple[str, str]]:
        return list(self.table.pages)

    def tenants(self) -> Sequence[str]:
        return list(self.table.accounts)

    def past_pages(self, before: str) -> Sequence[PastPage]:
        found = []
        for place, page in self.table.pages.items():
            expires_at, expires_seq = self.table.expires.get(place, (None, None))
            if page.month < before:
                found.append(PastPage(page=page, expires_at=expires_at, expires_seq=expires_seq))
        return found

    def expire(self, past: PastPage, at: int) -> bool:
        place = (past.page.tenant_id, past.page.month)
        if place in self.table.expires or not self._stands_still(past.page):
            return False
        self.table.expires[place] = (at, past.page.seq)
        self.table._put(replace(past.page, span=None))
        return True

    def keep(self, past: PastPage) -> bool:
        place = (past.page.tenant_id, past.page.month)
        if self.table.expires.get(place, (None,))[0] != past.expires_at:
            return False
        del self.table.expires[place]
        self.table._put(replace(self.table.pages[place], span=None))
        return True

    def put_back(self, page: Page, *, over: Page) -> bool:
        if not self._stands_still(over):
            return False
        self.table.expires.pop((page.tenant_id, page.month), None)
        self.table._put(replace(page, span=None))
        return True

    def put_record(self, tenant_id: str, record: Record) -> bool:
        if (tenant_id, record.record_id) in self.table.records:
            return False
        self.table.records[tenant_id, record.record_id] = record
        return True

    def begin_epoch(self, settings: TenantSettings, pages: Mapping[str, tuple[Page, int]], *, over: int) -> bool:
        account = self.table.accounts.get(settings.tenant_id)
        if account is None or account.version != over:
            return False
        if not all(self._stands_still(page) for page, _ in pages.values()):
            return False
        self.table.accounts[settings.tenant_id] = settings
        for month, (_, epoch) in pages.items():
            page = self.table.pages[settings.tenant_id, month]
            agents = {label: AgentUse() for label in settings.agents} | dict(page.agents)
            self.table._put(replace(page, version=settings.version, epoch=epoch, agents=agents, span=None))
            self.table.expires.pop((settings.tenant_id, month), None)
        return True

    def _stands_still(self, page: Page) -> bool:
        now = self.table.pages.get((page.tenant_id, page.month))
        return now is not None and _shape(now) == _shape(page)


def _shape(page: Page) -> tuple[int, int, int, int]:
    return page.seq, page.epoch, len(page.holds), len(page.closed)


@dataclass(frozen=True, slots=True)
class MemoryBooks:
    """SpanBooks over the spans that a table's stream brought."""

    stored: Mapping[Place, PlacedSpan]
    lost: GivenUp = NOTHING_GIVEN_UP

    def books_of(self, month: str) -> Sequence[PageBooks]:
        tenants = sorted({place.tenant_id for place in self.stored if place.month == month})
        return [_books(tenant, month, self._of(tenant, month)) for tenant in tenants]

    def spans_after(
        self, tenant_id: str, month: str, *, seq: int, last: Place | None, count: int
    ) -> Sequence[PlacedSpan]:
        begins = (last.epoch, last.seq) if last else (-1, 0)
        found = [each for each in self._of(tenant_id, month) if each.place.seq > seq and _order(each) > begins]
        return found[:count]

    def record_spans(self, tenant_id: str, month: str, *, since: datetime) -> Sequence[PlacedSpan]:
        return [each for each in self._of(tenant_id, month) if each.span.at >= since and counts_once(each)]

    def given_up(self, tenant_id: str, month: str) -> GivenUp:
        return self.lost

    def _of(self, tenant_id: str, month: str) -> list[PlacedSpan]:
        mine = [each for place, each in self.stored.items() if (place.tenant_id, place.month) == (tenant_id, month)]
        return sorted(mine, key=_order)


def _order(placed: PlacedSpan) -> tuple[int, int]:
    return placed.place.epoch, placed.place.seq


def _books(tenant_id: str, month: str, spans: Sequence[PlacedSpan]) -> PageBooks:
    numbers = [each.place.seq for each in spans]
    return PageBooks(
        tenant_id=tenant_id,
        month=month,
        count=len(spans),
        numbers=len(set(numbers)),
        seq=max(numbers),
        epoch=max(each.place.epoch for each in spans),
        spent=NanoUsd(sum(each.span.cost_nanousd for each in spans)),
    )
