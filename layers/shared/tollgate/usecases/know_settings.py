"""The newest settings of each tenant that this environment saw, so that a call needs no read."""

from tollgate.domain.errors import TenantNotFound
from tollgate.domain.tenant import TenantSettings
from tollgate.ports import Accounts

KNOWN_MAX = 1000


class KnownSettings:
    """Old settings can do no harm here: every hold names their version, and a page that has another refuses it."""

    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts
        self._known: dict[str, TenantSettings] = {}

    def of(self, tenant_id: str, handed_on: TenantSettings | None = None) -> TenantSettings:
        """The newer of what is known and what the authorizer handed on; read where neither is. Raises TenantNotFound."""
        found = [settings for settings in (self._known.get(tenant_id), handed_on) if settings is not None]
        settings = max(found, key=lambda settings: settings.version) if found else self._accounts.read(tenant_id)
        if settings is None:
            raise TenantNotFound(tenant_id)
        self.saw(settings)
        return settings

    def saw(self, settings: TenantSettings) -> None:
        if len(self._known) >= KNOWN_MAX:
            self._known.clear()
        self._known[settings.tenant_id] = settings
