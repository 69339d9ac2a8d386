from dataclasses import dataclass
from enum import StrEnum

from tollgate.domain.errors import Forbidden, RequestInvalid


class Role(StrEnum):
    TENANT = "tenant"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who calls, by his key. A tenant key acts for its tenant alone; an admin key for any that it names."""

    key_id: str
    role: Role
    tenant_id: str | None = None

    def __post_init__(self) -> None:
        if (self.role is Role.TENANT) != (self.tenant_id is not None):
            raise ValueError("a tenant key has a tenant, an admin key has none")

    def must_be_admin(self) -> None:
        if self.role is not Role.ADMIN:
            raise Forbidden("This needs an admin key.")

    def tenant(self, named: str | None) -> str:
        """The tenant that this call is for, from the one that it names, if it names one."""
        if self.role is Role.ADMIN:
            if named is None:
                raise RequestInvalid("An admin key must name the tenant that it acts for.", param="tenantId")
            return named
        assert self.tenant_id is not None
        if named is not None and named != self.tenant_id:
            raise Forbidden("This key belongs to another tenant.")
        return self.tenant_id
