"""Everything that the server knows, behind its routes."""

from collections import Counter
from datetime import datetime
from typing import Any

from infra.local.servicetitan_server.access import Access
from infra.local.servicetitan_server.business import Business
from infra.local.servicetitan_server.clock import Clock
from infra.local.servicetitan_server.faults import Faults
from infra.local.servicetitan_server.shops import SHOPS


class World:
    """`scale` multiplies every shop's jobs a day; `rows_max` is the size of an export page."""

    def __init__(
        self, clock: Clock, *, seed: str = "tollgate", months: int = 6, scale: float = 1, rows_max: int = 500
    ) -> None:
        self.clock = clock
        self.access = Access(clock)
        self.faults = Faults()
        self.requests: Counter[tuple[int, str]] = Counter()
        self.rows_max = rows_max
        first_day = _months_before(clock.now(), months).date()
        self._businesses = {
            tenant: Business(shop, seed=seed, first_day=first_day, jobs_per_day=shop.jobs_per_day * scale)
            for tenant, shop in SHOPS.items()
        }

    def business(self, tenant: int) -> Business:
        return self._businesses[tenant]

    def rows(self, tenant: int, feed: str) -> list[dict[str, Any]]:
        """The truth: every current row of a feed, for whoever compares."""
        now = self.clock.now()
        return [revision.row() for revision in self.business(tenant).history(feed, now).current(now)]

    def stats(self) -> dict[str, Any]:
        return {
            "tokens": {str(tenant): self.access.minted[tenant] for tenant in SHOPS},
            "throttled": {str(tenant): self.access.throttled[tenant] for tenant in SHOPS},
            "peakCallsPerSecond": {str(tenant): self.access.calls[tenant].peak for tenant in SHOPS},
            "requests": {
                str(tenant): {path: number for (of, path), number in self.requests.items() if of == tenant}
                for tenant in SHOPS
            },
        }


def _months_before(now: datetime, months: int) -> datetime:
    """The first day of the month `months` months ago."""
    month = now.year * 12 + now.month - 1 - months
    return now.replace(year=month // 12, month=month % 12 + 1, day=1)
