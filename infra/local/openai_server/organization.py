"""The organization: its projects, their keys, and what each may spend in a month. Kept in a file."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from pathlib import Path
from time import time

from infra.local.openai_server.api_error import ApiError

ADMIN = "sk-admin-"
PROJECT_KEY = "sk-svcacct-"
# Every key that nobody made here belongs to it: the local stack's own, and those of tests.
DEFAULT_PROJECT = "proj_default"


@dataclass(kw_only=True)
class ServiceAccount:
    """`key_hash`: the first 16 of its key's sha256, as the books have it. A deleted one's key is refused; its use stays billed."""

    id: str
    name: str
    created_at: int
    key_id: str
    key_hash: str
    redacted: str
    is_deleted: bool = False


@dataclass(kw_only=True)
class Project:
    """`limit_cents`: a month's hard spend limit, None where there is none."""

    id: str
    name: str
    created_at: int
    archived_at: int | None = None
    limit_cents: int | None = None
    accounts: list[ServiceAccount] = field(default_factory=list)


class Organization:
    def __init__(self, path: Path) -> None:
        self._path = path
        self.projects = {each.id: each for each in _read(path)}
        self.projects.setdefault(DEFAULT_PROJECT, Project(id=DEFAULT_PROJECT, name="Default project", created_at=0))

    def create(self, name: str) -> Project:
        project = Project(id=f"proj_{secrets.token_hex(12)}", name=name, created_at=int(time()))
        self.projects[project.id] = project
        self.save()
        return project

    def create_account(self, project: Project, name: str) -> tuple[ServiceAccount, str]:
        """The account, and its key: shown this once."""
        key = f"{PROJECT_KEY}{secrets.token_urlsafe(48)}"
        account = ServiceAccount(
            id=f"user-{secrets.token_hex(12)}",
            name=name,
            created_at=int(time()),
            key_id=f"key_{secrets.token_hex(8)}",
            key_hash=hash_of(key),
            redacted=f"{key[:11]}...{key[-4:]}",
        )
        project.accounts.append(account)
        self.save()
        return account, key

    def owner_of(self, key_hash: str) -> tuple[Project, str]:
        """The project that a key belongs to, and the key's id."""
        for project in self.projects.values():
            for account in project.accounts:
                if account.key_hash == key_hash:
                    return project, account.key_id
        return self.projects[DEFAULT_PROJECT], f"key_{key_hash}"

    def admit(self, key: str) -> Project:
        """The project that pays for a call. Raises ApiError for a key that is not one, or not any more."""
        key_hash = hash_of(key)
        project, _ = self.owner_of(key_hash)
        live = {account.key_hash for account in project.accounts if not account.is_deleted}
        if key.startswith(ADMIN) or (key.startswith(PROJECT_KEY) and key_hash not in live) or project.archived_at:
            message = f"Incorrect API key provided: {key[:11]}***."
            raise ApiError(status=401, message=message, code="invalid_api_key")
        return project

    def hashes(self, project: Project) -> Iterable[str]:
        return [account.key_hash for account in project.accounts]

    def save(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        aside = self._path.with_suffix(".new")
        aside.write_text(json.dumps([asdict(project) for project in self.projects.values()]), encoding="utf-8")
        aside.replace(self._path)


def hash_of(key: str) -> str:
    return sha256(key.encode()).hexdigest()[:16]


def _read(path: Path) -> list[Project]:
    if not path.exists():
        return []
    return [
        Project(**each | {"accounts": [ServiceAccount(**account) for account in each["accounts"]]})
        for each in json.loads(path.read_text(encoding="utf-8"))
    ]
