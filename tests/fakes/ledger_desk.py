"""A desk at which postings are made on one page: each is checked against `refusal_of` and `apply`, whatever the ledger is."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from tests.fakes.ledger_world import MONTH, NOON, Books, a_hold, a_settlement, a_span, a_tenant
from tollgate.domain.money import NanoUsd
from tollgate.domain.page import Hold, Page, imbalances
from tollgate.domain.posting import Fault, Posting, apply, bar_key, cancel_hold, open_hold, refusal_of, settle_hold
from tollgate.domain.tenant import TenantSettings
from tollgate.domain.window import next_month, previous_month
from tollgate.ports import Posted, Record, Refused, Unreachable

MONTHS = (previous_month(MONTH), MONTH, next_month(MONTH))


@dataclass(slots=True)
class Desk:
    """`last` is the page as this desk's last posting found or left it; None where something else may have moved it since."""

    books: Books
    settings: TenantSettings
    last: Page | None = None

    @property
    def tenant_id(self) -> str:
        return self.settings.tenant_id

    @property
    def page(self) -> Page:
        page = self.books.ledger.read_page(self.tenant_id, MONTH)
        assert page is not None
        assert not imbalances(page)
        self.last = page
        return page

    @property
    def page_if_any(self) -> Page | None:
        return self.books.ledger.read_page(self.tenant_id, MONTH)

    def start(self, **fields: Any) -> None:
        """An account with these settings, and its page."""
        self.settings = a_tenant(self.tenant_id, **fields)
        assert self.books.accounts.create(self.settings, (MONTH,))
        assert self.books.ledger.open_page(self.settings, MONTH)

    def change(self, **fields: Any) -> None:
        self.settings, self.last = replace(self.settings, version=self.settings.version + 1, **fields), None
        assert self.books.accounts.change(self.settings, MONTHS)

    def post(self, posting: Posting, settings: TenantSettings | None = None) -> Page | Fault:
        """The page after, or why it was refused. Both sides must agree: the ledger, and the pure functions."""
        before = self.last or self.page_if_any
        settings = settings or self.settings
        expected = refusal_of(before, settings, posting)
        result = self.books.ledger.post(
            posting, settings if posting.opens else None, tenant_id=self.tenant_id, month=MONTH
        )
        return self._agreed(result, before, expected, posting)

    def record(self, posting: Posting, record: Record) -> Page | Fault | Record:
        before = self.last or self.page_if_any
        expected = refusal_of(before, self.settings, posting)
        result = self.books.ledger.post_record(posting, record, tenant_id=self.tenant_id, month=MONTH)
        return result if isinstance(result, Record) else self._agreed(result, before, expected, posting)

    def _agreed(
        self, result: Posted | Refused | Unreachable, before: Page | None, expected: Fault | None, posting: Posting
    ) -> Page | Fault:
        assert not isinstance(result, Unreachable)
        self.last = result.page
        if isinstance(result, Posted):
            assert expected is None, f"the ledger took what the page refuses: {expected}"
            assert before is not None
            assert result.page == apply(before, posting)
            assert not imbalances(result.page)
            return result.page
        assert expected is not None, "the ledger refused what the page takes"
        assert result.page == before, "a refusal leaves the page as it was, and shows it"
        return expected

    # ---- the deeds that most tests need ------------------------------------------------------------------------------------

    def hold(
        self,
        key: str,
        amount: int,
        *,
        at: datetime = NOON,
        soft: bool = False,
        settings: TenantSettings | None = None,
        **fields: Any,
    ) -> Page | Fault:
        return self.post(open_hold(a_hold(key, amount, **fields), at=at, under_soft_cap=soft), settings)

    def held(self, key: str, amount: int, **fields: Any) -> Hold:
        """A hold that must be let in."""
        page = self.hold(key, amount, **fields)
        assert isinstance(page, Page), page
        return page.holds[key.ljust(12, "_")]

    def settle(
        self, hold: Hold, cost: int, *, bury: bool = False, at: datetime = NOON, seen: Page | None = None
    ) -> Page | Fault:
        settlement = a_settlement(cost)
        return self.post(
            settle_hold(
                hold,
                cost=settlement.cost,
                tokens=settlement.tokens,
                span=a_span(hold, cost, at=at),
                at=at,
                seen=seen,
                bury=bury,
            )
        )

    def spend(self, cost: int, **fields: Any) -> Page:
        """Money that is spent and settled."""
        page = self.settle(self.held(f"spent{cost}", cost, **fields), cost)
        assert isinstance(page, Page)
        return page

    def cancel(self, hold: Hold, *, at: datetime = NOON) -> Page | Fault:
        return self.post(cancel_hold(hold, span=a_span(hold, 0, at=at, posting="cancel"), at=at))

    def bar(self, key: str, *, at: datetime = NOON) -> Page | Fault:
        return self.post(bar_key(key.ljust(12, "_"), day=a_hold().day, at=at))


def nano(amount: int) -> NanoUsd:
    return NanoUsd(amount)
