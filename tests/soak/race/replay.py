"""Goes through every version of every page that the stream has, and holds each accepted hold against the settings of its version."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from tests.property.audit import Audit, rooms_of
from tests.soak.race.journal import Journals
from tollgate.adapters.page_item import page_of
from tollgate.domain.page import Hold, Page
from tollgate.domain.settings_text import settings_from_text
from tollgate.domain.tenant import TenantSettings

# Of a write that opened no hold.
UNDECIDED = datetime.min.replace(tzinfo=UTC)


@dataclass(slots=True)
class Replay:
    """`over` and `exact`: accepted holds after which some limit was passed, or had nothing left; `broken`: the first broken promise
    of each tenant."""

    journals: Journals
    settings: dict[tuple[str, int], TenantSettings] = field(default_factory=dict)
    audits: dict[str, Audit] = field(default_factory=dict)
    broken: dict[str, str] = field(default_factory=dict)
    writes: int = 0
    holds: int = 0
    over: int = 0
    exact: int = 0
    _page: Page | None = None
    _decided_by: TenantSettings | None = None

    def run(self, images: Iterable[dict[str, Any]]) -> "Replay":
        for image in images:
            match image["sk"]["S"].partition("#")[0]:
                case "ACCOUNT":
                    settings = settings_from_text(image["settings"]["S"])
                    self.settings[settings.tenant_id, settings.version] = settings
                case "MONTH":
                    self.writes += 1
                    self._see(page_of(image))
        return self

    def _see(self, page: Page) -> None:
        audit = self.audits.setdefault(page.tenant_id, Audit(self._seen, self._settings))
        before = audit.pages.get(page.month)
        opened = page.holds.keys() - (before.holds.keys() if before else set())
        try:
            assert len(opened) <= 1, "TWICE: one write opened two holds"
            self._page, self._decided_by, decided_at = page, None, UNDECIDED
            for key in opened:
                decided_at = self._weigh(page, page.holds[key], audit)
            audit(decided_at)
        except AssertionError as error:
            # The first one is told; the books are followed to the end all the same.
            self.broken.setdefault(page.tenant_id, str(error))
            audit.pages[page.month] = page
            self.audits[page.tenant_id] = audit.copy(self._seen, self._settings)

    def _weigh(self, page: Page, hold: Hold, audit: Audit) -> datetime:
        """When the hold was decided. Counts where it left the windows that it was held against."""
        self.holds += 1
        tried = self.journals.try_of(page, hold)
        assert (page.tenant_id, tried.version) in self.settings, "VERSION: a hold by settings that never were"
        settings = self._decided_by = self.settings[page.tenant_id, tried.version]
        if tried.barred:
            audit.barred_below.add(hold.key)
        if settings.enforces:
            left = [limit - used for _, used, limit in rooms_of(page, hold, settings, tried.at) if limit is not None]
            self.over += min(left) < 0
            self.exact += min(left) == 0
        return tried.at

    def _seen(self) -> list[Page]:
        assert self._page is not None
        return [self._page]

    def _settings(self) -> TenantSettings:
        assert self._decided_by is not None
        return self._decided_by
