"""Makes, finds and revokes keys. A key is `tg_<id>_<secret>`: stored is the secret's SHA-256, shown is the key, once."""

import hashlib
import hmac
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from tollgate.domain.caller import Caller, Role
from tollgate.domain.errors import KeyNotFound, KeyUnknown, TenantNotFound
from tollgate.domain.tenant import TenantSettings
from tollgate.ports import Accounts, KeyEntry, Keys

KEY = re.compile(r"tg_([a-z0-9]{12})_([A-Za-z0-9_-]{43})")


@dataclass(frozen=True, slots=True, kw_only=True)
class NewKey:
    entry: KeyEntry
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyAsked:
    role: Role
    tenant_id: str | None
    name: str
    expires_at: datetime | None


def create_key(
    asked: KeyAsked,
    keys: Keys,
    accounts: Accounts,
    *,
    now: datetime,
    new_id: Callable[[], str],
    new_secret: Callable[[], str],
) -> NewKey:
    """`new_id`: 12 lower-case letters and digits; `new_secret`: 43 URL-safe characters (256 bits). Raises TenantNotFound."""
    if asked.tenant_id is not None and accounts.read(asked.tenant_id) is None:
        raise TenantNotFound(asked.tenant_id)
    key_id, secret = new_id(), new_secret()
    entry = KeyEntry(
        key_id=key_id,
        secret_hash=hash_secret(secret),
        role=asked.role.value,
        tenant_id=asked.tenant_id,
        name=asked.name,
        created_at=now,
        expires_at=asked.expires_at,
    )
    keys.put(entry)
    return NewKey(entry=entry, key=f"tg_{key_id}_{secret}")


def authenticate_key(
    key: str, keys: Keys, accounts: Accounts, *, now: datetime
) -> tuple[Caller, TenantSettings | None]:
    """Who calls, with his tenant's settings. Raises KeyUnknown for anything but a live key of ours, LedgerUnavailable."""
    found = KEY.fullmatch(key)
    entry = keys.read(found[1]) if found else None
    if found is None or entry is None or not hmac.compare_digest(entry.secret_hash, hash_secret(found[2])):
        raise KeyUnknown("This key is not known.")
    if entry.expires_at is not None and entry.expires_at <= now:
        raise KeyUnknown("This key has expired.")
    caller = Caller(key_id=entry.key_id, role=Role(entry.role), tenant_id=entry.tenant_id)
    return caller, accounts.read(entry.tenant_id) if entry.tenant_id else None


def revoke_key(key_id: str, keys: Keys) -> None:
    if not keys.remove(key_id):
        raise KeyNotFound(f"There is no key {key_id[:40]!r}.")


def hash_secret(secret: str) -> str:
    """SHA-256 alone: a secret of 256 random bits cannot be guessed, so a slow hash would only cost time."""
    return hashlib.sha256(secret.encode()).hexdigest()
