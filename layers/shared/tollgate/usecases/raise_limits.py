"""Raises a tenant's day or month for a while: a raise names its window and ends with it at the latest."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from tollgate.domain.errors import RaiseNotFound, RequestInvalid
from tollgate.domain.money import NanoUsd
from tollgate.domain.tenant import RAISES_MAX, Raise, TenantSettings
from tollgate.domain.window import window_at
from tollgate.ports import Accounts
from tollgate.usecases.change_limits import change_settings


@dataclass(frozen=True, slots=True, kw_only=True)
class RaiseWanted:
    """`daily` lifts the day that runs now, `monthly` the month; at least one of them."""

    daily: NanoUsd | None
    monthly: NanoUsd | None
    until: datetime
    reason: str


def raise_limits(
    tenant_id: str, wanted: RaiseWanted, accounts: Accounts, *, new_id: Callable[[], str], clock: Callable[[], datetime]
) -> tuple[str, TenantSettings]:
    """The raise's id, and the settings with it. Raises RequestInvalid, TenantNotFound, LedgerUnavailable."""
    raise_id = new_id()

    def edit(settings: TenantSettings, now: datetime) -> TenantSettings:
        added = _entries(raise_id, wanted, settings, now)
        kept = live_raises(settings, now)
        if len(kept) + len(added) > RAISES_MAX:
            raise RequestInvalid(f"At most {RAISES_MAX} raises can run at once; end one first.")
        return replace(settings, raises=(*kept, *added))

    return raise_id, change_settings(tenant_id, edit, accounts, clock=clock)


def end_raise(tenant_id: str, raise_id: str, accounts: Accounts, *, clock: Callable[[], datetime]) -> TenantSettings:
    """Raises RaiseNotFound, TenantNotFound, LedgerUnavailable."""

    def edit(settings: TenantSettings, now: datetime) -> TenantSettings:
        live = live_raises(settings, now)
        kept = tuple(entry for entry in live if entry.raise_id != raise_id)
        if len(kept) == len(live):
            raise RaiseNotFound(f"There is no raise {raise_id[:40]!r} that still runs.")
        return replace(settings, raises=kept)

    return change_settings(tenant_id, edit, accounts, clock=clock)


def live_raises(settings: TenantSettings, now: datetime) -> tuple[Raise, ...]:
    """Those that can still count: not ended, and of a window that has not."""
    window = window_at(now, settings.zones)
    return tuple(
        entry for entry in settings.raises if now < entry.until and entry.window in (window.date, window.month)
    )


def _entries(raise_id: str, wanted: RaiseWanted, settings: TenantSettings, now: datetime) -> list[Raise]:
    if wanted.until <= now:
        raise RequestInvalid("until must be in the future.", param="until")
    window = window_at(now, settings.zones)
    asked = [
        (window.date, wanted.daily, window.day_ends_at),
        (window.month, wanted.monthly, window.month_ends_at),
    ]
    entries = [
        Raise(raise_id=raise_id, window=name, amount=amount, until=min(wanted.until, ends_at), reason=wanted.reason)
        for name, amount, ends_at in asked
        if amount is not None
    ]
    if not entries:
        raise RequestInvalid("A raise needs dailyUsd or monthlyUsd.", param="dailyUsd")
    return entries
