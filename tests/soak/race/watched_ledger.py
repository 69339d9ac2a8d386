"""The real ledger, with each hold written down before it is sent, and each refusal that was not the last word counted."""

from datetime import datetime
from typing import Any

from tests.soak.race.journal import Journal
from tollgate.adapters.dynamodb_ledger import DynamoDbLedger
from tollgate.domain.posting import Fault, Posting, refusal_of
from tollgate.domain.tenant import TenantSettings
from tollgate.ports import Posted, Refused, Unreachable


class WatchedLedger(DynamoDbLedger):
    def __init__(self, client: Any, table: str, journal: Journal) -> None:
        super().__init__(client, table)
        self._journal = journal

    def post(
        self,
        posting: Posting,
        settings: TenantSettings | None,
        *,
        tenant_id: str,
        month: str,
        until: datetime | None = None,
    ) -> Posted | Refused | Unreachable:
        if posting.opens is not None and settings is not None:
            seen = self._before_hold(posting, settings, tenant_id, month)
            if seen is not None:
                return seen
            self._journal.tries(tenant_id, posting, settings)
        result = super().post(posting, settings, tenant_id=tenant_id, month=month, until=until)
        if result.unanswered:
            self._journal.counts("unanswered")
        if isinstance(result, Refused):
            self._count(posting, settings, result)
        return result

    def _before_hold(self, posting: Posting, settings: TenantSettings, tenant_id: str, month: str) -> Refused | None:
        """What a ledger with a planted fault says of a hold by itself; the real one asks the page."""
        return None

    def _count(self, posting: Posting, settings: TenantSettings | None, result: Refused) -> None:
        if settings is None:
            self._journal.counts("beaten")
        elif refusal_of(result.page, settings, posting) is Fault.VERSION:
            self._journal.counts("stale")
