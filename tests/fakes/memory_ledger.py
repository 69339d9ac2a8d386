"""The reference ledger: pages in memory that obey `refusal_of` and `apply` alone, behind a network that can fail.

`MemoryTable` is the table: each method is one atomic write. `MemoryLedger` and `MemoryAccounts` are the ports; every write and
read of theirs goes through a `Carry`, which decides whether it arrives and whether its answer comes back.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Protocol, TypeVar

from tollgate.domain.errors import LedgerUnavailable
from tollgate.domain.page import AgentUse, Page
from tollgate.domain.posting import Posting, apply, refusal_of
from tollgate.domain.tenant import TenantSettings
from tollgate.ports import Posted, Record, Refused, Unreachable

T = TypeVar("T")


class NoAnswer(Exception):
    """The request was sent, and nobody knows whether it was carried out."""


class NotCarriedOut(Exception):
    """Throttled, in conflict with a transaction, or never sent: answered, and nothing happened."""


class Carry(Protocol):
    """Brings one request to the table and its answer back. Raises NoAnswer and NotCarriedOut."""

    def __call__(self, request: "Callable[[MemoryTable], T]", *, writes: bool = True) -> T: ...


@dataclass(slots=True)
class MemoryTable:
    """Accounts, pages and records; one write at a time."""

    accounts: dict[str, TenantSettings] = field(default_factory=dict)
    pages: dict[tuple[str, str], Page] = field(default_factory=dict)
    records: dict[tuple[str, str], Record] = field(default_factory=dict)

    def copy(self) -> "MemoryTable":
        return MemoryTable(accounts=dict(self.accounts), pages=dict(self.pages), records=dict(self.records))

    def post(
        self, posting: Posting, settings: TenantSettings | None, *, tenant_id: str, month: str
    ) -> Posted | Refused:
        page = self.pages.get((tenant_id, month))
        assert settings is not None or posting.opens is None, "a hold is decided by settings"
        fault = refusal_of(page, settings, posting)  # type: ignore[arg-type]
        if page is None or fault is not None:
            return Refused(page=page)
        assert posting.agent is None or posting.agent in page.agents, "DynamoDB calls a path that is not there invalid"
        return Posted(page=self._put(apply(page, posting)))

    def post_record(self, posting: Posting, record: Record, *, tenant_id: str, month: str) -> Posted | Refused | Record:
        earlier = self.records.get((tenant_id, record.record_id))
        if earlier is not None:
            return earlier
        result = self.post(posting, None, tenant_id=tenant_id, month=month)
        if isinstance(result, Posted):
            self.records[tenant_id, record.record_id] = record
        return result

    def open_page(self, settings: TenantSettings, month: str) -> bool:
        account = self.accounts.get(settings.tenant_id)
        if account is None or account.version != settings.version:
            return False
        if (settings.tenant_id, month) not in self.pages:
            agents = {label: AgentUse() for label in settings.agents}
            self._put(Page(tenant_id=settings.tenant_id, month=month, version=settings.version, agents=agents))
        return True

    def change(self, settings: TenantSettings, *, after: int | None, pages: Mapping[str, bool]) -> bool:
        """`after`: the version that must be there, None where no account may be; `pages`: month -> whether it must be there."""
        current = self.accounts.get(settings.tenant_id)
        if (current.version if current else None) != after:
            return False
        if any(((settings.tenant_id, month) in self.pages) != there for month, there in pages.items()):
            return False
        self.accounts[settings.tenant_id] = settings
        for month in (month for month, there in pages.items() if there):
            page = self.pages[settings.tenant_id, month]
            agents = {label: AgentUse() for label in settings.agents} | dict(page.agents)
            self._put(replace(page, version=settings.version, agents=agents))
        return True

    def set_due(self, page: Page, *, keys: Sequence[str], minutes: Sequence[int], due: int | None) -> bool:
        now = self.pages.get((page.tenant_id, page.month))
        if now is None or now.due != page.due:
            return False
        if due is None and (now.holds or len(now.closed) != len(keys)):
            return False
        closed = {key: entry for key, entry in now.closed.items() if key not in keys}
        left = {minute: calls for minute, calls in now.minutes.items() if minute not in minutes}
        self._put(replace(now, closed=closed, minutes=left, due=due))
        return True

    def drop_days(self, page: Page, days: Sequence[str]) -> bool:
        now = self.pages.get((page.tenant_id, page.month))
        if now is None or (now.seq, len(now.holds), len(now.closed)) != (page.seq, len(page.holds), len(page.closed)):
            return False
        agents = {
            label: replace(use, days={day: spent for day, spent in use.days.items() if day not in days})
            if label in page.agents
            else use
            for label, use in now.agents.items()
        }
        self._put(replace(now, days={day: use for day, use in now.days.items() if day not in days}, agents=agents))
        return True

    def forget_closed(self, tenant_id: str, month: str, keys: Mapping[str, int]) -> bool:
        now = self.pages.get((tenant_id, month))
        if now is None or any(key not in now.closed or now.closed[key].until != until for key, until in keys.items()):
            return False
        self._put(replace(now, closed={key: entry for key, entry in now.closed.items() if key not in keys}))
        return True

    def _put(self, page: Page) -> Page:
        self.pages[page.tenant_id, page.month] = page
        return page


class DirectCarry:
    """A network on which nothing fails."""

    def __init__(self, table: MemoryTable) -> None:
        self.table = table

    def __call__(self, request: Callable[[MemoryTable], T], *, writes: bool = True) -> T:
        return request(self.table)


class MemoryLedger:
    """`tries`: how often a write is sent before the ledger counts as unreachable, whatever `until` says: no test waits."""

    def __init__(self, carry: Carry, *, tries: int = 3) -> None:
        self._carry = carry
        self._tries = tries

    def post(
        self,
        posting: Posting,
        settings: TenantSettings | None,
        *,
        tenant_id: str,
        month: str,
        until: datetime | None = None,
    ) -> Posted | Refused | Unreachable:
        unanswered = False
        for _ in range(self._tries):
            try:
                result = self._carry(lambda table: table.post(posting, settings, tenant_id=tenant_id, month=month))
                return replace(result, unanswered=unanswered)
            except NoAnswer:
                unanswered = True
            except NotCarriedOut:
                pass
        return Unreachable(unanswered=unanswered)

    def post_record(self, posting: Posting, record: Record, *, tenant_id: str, month: str) -> Posted | Refused | Record:
        return self._until_answered(lambda table: table.post_record(posting, record, tenant_id=tenant_id, month=month))

    def read_page(self, tenant_id: str, month: str) -> Page | None:
        return self._until_answered(lambda table: table.pages.get((tenant_id, month)), writes=False)

    def open_page(self, settings: TenantSettings, month: str) -> bool:
        return self._until_answered(lambda table: table.open_page(settings, month))

    def read_record(self, tenant_id: str, record_id: str) -> Record | None:
        return self._until_answered(lambda table: table.records.get((tenant_id, record_id)), writes=False)

    def due_pages(self, before: datetime) -> Sequence[tuple[str, str]]:
        def due(table: MemoryTable) -> Sequence[tuple[str, str]]:
            return sorted(
                place
                for place, page in table.pages.items()
                if page.due is not None and page.due <= int(before.timestamp())
            )

        return self._until_answered(due, writes=False)

    def set_due(self, page: Page, *, keys: Sequence[str], minutes: Sequence[int], due: int | None) -> bool:
        return self._until_answered(lambda table: table.set_due(page, keys=keys, minutes=minutes, due=due))

    def drop_days(self, page: Page, days: Sequence[str]) -> bool:
        return self._until_answered(lambda table: table.drop_days(page, days))

    def forget_closed(self, tenant_id: str, month: str, keys: Mapping[str, int]) -> bool:
        return self._until_answered(lambda table: table.forget_closed(tenant_id, month, keys))

    def _until_answered(self, request: Callable[[MemoryTable], T], *, writes: bool = True) -> T:
        return until_answered(self._carry, request, tries=self._tries, writes=writes)


class MemoryAccounts:
    def __init__(self, carry: Carry, *, tries: int = 3) -> None:
        self._carry = carry
        self._tries = tries

    def read(self, tenant_id: str) -> TenantSettings | None:
        return until_answered(self._carry, lambda table: table.accounts.get(tenant_id), tries=self._tries, writes=False)

    def create(self, settings: TenantSettings, months: Sequence[str]) -> bool:
        return self._write(settings, months, after=None)

    def change(self, settings: TenantSettings, months: Sequence[str]) -> bool:
        return self._write(settings, months, after=settings.version - 1)

    def _write(self, settings: TenantSettings, months: Sequence[str], *, after: int | None) -> bool:
        def look(table: MemoryTable) -> Mapping[str, bool]:
            return {month: (settings.tenant_id, month) in table.pages for month in months}

        pages = until_answered(self._carry, look, tries=self._tries, writes=False)
        done = until_answered(
            self._carry, lambda table: table.change(settings, after=after, pages=pages), tries=self._tries
        )
        # A try whose answer was lost refuses its own repetition: then the account says what was wanted.
        return done or self.read(settings.tenant_id) == settings


def until_answered(carry: Carry, request: Callable[[MemoryTable], T], *, tries: int, writes: bool = True) -> T:
    for _ in range(tries):
        try:
            return carry(request, writes=writes)
        except (NoAnswer, NotCarriedOut):
            continue
    raise LedgerUnavailable("The ledger cannot be reached now.")
