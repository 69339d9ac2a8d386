"""What a tenant may spend and has spent: this month, or an earlier one whose page is still there."""

from dataclasses import dataclass
from datetime import datetime

from tollgate.domain.errors import MonthNotFound, TenantNotFound
from tollgate.domain.page import Page
from tollgate.domain.tenant import TenantSettings
from tollgate.domain.window import window_at
from tollgate.ports import Accounts, Ledger


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """`page`: None where nothing was booked this month yet; `is_past`: of a month that is over."""

    settings: TenantSettings
    page: Page | None
    is_past: bool


def read_budget(tenant_id: str, month: str | None, ledger: Ledger, accounts: Accounts, *, now: datetime) -> Budget:
    """`month`: `yyyy-mm`, or None for the one that runs. Raises TenantNotFound, MonthNotFound, LedgerUnavailable."""
    settings = accounts.read(tenant_id)
    if settings is None:
        raise TenantNotFound(tenant_id)
    this_month = window_at(now, settings.zones).month
    page = ledger.read_page(tenant_id, month or this_month)
    is_past = month is not None and month < this_month
    if page is None and month not in (None, this_month):
        raise MonthNotFound(
            f"{tenant_id} has no page of {month}: nothing was held or booked in it, or it has expired. "
            "What its spans say is in GET /api/cost/summary."
        )
    return Budget(settings=settings, page=page, is_past=is_past)
