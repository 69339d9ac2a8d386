"""Makes a tenant, and changes what it may spend: one transaction over the account and the pages of three months."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from tollgate.domain.errors import LedgerUnavailable, RequestInvalid, TenantNotFound, VersionStale
from tollgate.domain.tenant import TenantSettings, check_zone
from tollgate.domain.window import ZoneFrom, next_month, previous_month, window_at
from tollgate.ports import Accounts

TRIES = 5
KEPT_CHANGING = "The settings kept changing under this change; nothing was changed. Try again."


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    settings: TenantSettings
    is_new: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """`values`: fields of TenantSettings to their new, absolute values; `zone`: the new time zone, which counts from the next month."""

    tenant_id: str
    values: Mapping[str, Any]
    zone: str | None
    if_version: int | None


def change_limits(
    change: Change, accounts: Accounts, *, defaults: Callable[[str], TenantSettings], clock: Callable[[], datetime]
) -> Changed:
    """Lowering a limit under what is spent is allowed, and refuses the next call.

    Raises RequestInvalid, VersionStale, LedgerUnavailable.
    """
    for _ in range(TRIES):
        now = clock()
        current = accounts.read(change.tenant_id)
        if change.if_version is not None and change.if_version != (current.version if current else 0):
            raise VersionStale(given=change.if_version, current=current.version if current else 0)
        wanted = _changed(current or defaults(change.tenant_id), change, now, is_new=current is None)
        if _write(wanted, accounts, now, is_new=current is None):
            return Changed(settings=wanted, is_new=current is None)
    raise LedgerUnavailable(KEPT_CHANGING)


def change_settings(
    tenant_id: str,
    edit: Callable[[TenantSettings, datetime], TenantSettings],
    accounts: Accounts,
    *,
    clock: Callable[[], datetime],
) -> TenantSettings:
    """The next version of a tenant's settings, as `edit` makes it of the one in force. Raises what `edit` raises, TenantNotFound,
    RequestInvalid, LedgerUnavailable."""
    for _ in range(TRIES):
        now = clock()
        current = accounts.read(tenant_id)
        if current is None:
            raise TenantNotFound(tenant_id)
        try:
            wanted = replace(edit(current, now), version=current.version + 1)
        except ValueError as error:
            raise RequestInvalid(f"{error}.") from error
        if _write(wanted, accounts, now, is_new=False):
            return wanted
    raise LedgerUnavailable(KEPT_CHANGING)


def _write(wanted: TenantSettings, accounts: Accounts, now: datetime, *, is_new: bool) -> bool:
    write = accounts.create if is_new else accounts.change
    return write(wanted, months_around(wanted, now))


def months_around(settings: TenantSettings, now: datetime) -> list[str]:
    """The month before, this and the next: a gate with another clock, or a call that crosses a month's end, writes on any of them."""
    month = window_at(now, settings.zones).month
    return [previous_month(month), month, next_month(month)]


def _changed(current: TenantSettings, change: Change, now: datetime, *, is_new: bool) -> TenantSettings:
    try:
        zones = _zones(current, change.zone, now, is_new=is_new)
        version = 1 if is_new else current.version + 1
        return replace(current, **change.values, zones=zones, version=version)
    except ValueError as error:
        raise RequestInvalid(f"{error}.") from error


def _zones(current: TenantSettings, zone: str | None, now: datetime, *, is_new: bool) -> tuple[ZoneFrom, ...]:
    if zone is None:
        return current.zones
    check_zone(zone)
    if is_new:
        return (ZoneFrom(month=current.zones[0].month, zone=zone),)
    month = next_month(window_at(now, current.zones).month)
    kept = tuple(entry for entry in current.zones if entry.month < month)
    return kept if kept and kept[-1].zone == zone else (*kept, ZoneFrom(month=month, zone=zone))
