"""Whose call it is, for those who are told of calls: a proxy before the provider, a log after it."""

from dataclasses import dataclass
from uuid import UUID, uuid5

from tollgate.domain.span import Attribution

# Ours alone, so that no other maker of ids comes to the same ones.
CALLS_NAMESPACE = UUID("6f3b8f0e-2f0c-5c39-9b1c-6a1d6cf0c7a4")


@dataclass(frozen=True, slots=True, kw_only=True)
class CallLabels:
    """`hold_id`: the public one, `<yyyy-mm>.<dd>.<key>`; `openai_project`: the tenant's own project, None where it has none;
    `request_id`: the gateway's, which is in every log of the call."""

    tenant_id: str
    hold_id: str
    attribution: Attribution
    openai_project: str | None = None
    request_id: str | None = None

    @property
    def call_uuid(self) -> UUID:
        """The same for each telling of the same call: whoever stores by it stores the call once."""
        return uuid5(CALLS_NAMESPACE, f"{self.tenant_id}/{self.hold_id}")
