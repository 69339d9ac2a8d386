"""Everything that the server knows, behind its routes."""

import time
from collections import Counter, defaultdict
from datetime import datetime
from typing import Any

from infra.local.servicetitan_server.access import Access
from infra.local.servicetitan_server.business import Business
from infra.local.servicetitan_server.clock import Clock
from infra.local.servicetitan_server.faults import Faults
from infra.local.servicetitan_server.history import Row
from infra.local.servicetitan_server.place import Places
from infra.local.servicetitan_server.rate import Peak
from infra.local.servicetitan_server.shops import SHOPS, Shop


class World:
    """`scale` multiplies every shop's jobs a day; `rows_max` is the size of an export page."""

    def __init__(
        self, clock: Clock, *, seed: str = "tollgate", months: int = 6, scale: float = 1, rows_max: int = 500
    ) -> None:
        self.clock = clock
        self.access = Access(clock)
        self.faults = Faults(clock)
        self.requests: Counter[tuple[int, str]] = Counter()
        self.rows_max = rows_max
        self.shops: dict[int, Shop] = {}
        self.places: defaultdict[int, Places] = defaultdict(Places)
        self._seed = seed
        self._first_day = _months_before(clock.now(), months).date()
        self._businesses: dict[int, Business] = {}
        # By the clock on the wall, and by the world's, which may stand still while a client does not.
        self._peaks: defaultdict[tuple[str, int], Peak] = defaultdict(Peak)
        self._world_peaks: defaultdict[tuple[str, int], Peak] = defaultdict(Peak)
        for shop in SHOPS.values():
            self.add(shop, scale=scale)

    def add(self, shop: Shop, *, scale: float = 1) -> None:
        """A tenant more. Raises ValueError for a tenant id or a client id that is in use."""
        if shop.tenant_id in self.shops:
            raise ValueError(shop.tenant_id)
        self.access.add(shop)
        self.shops[shop.tenant_id] = shop
        self._businesses[shop.tenant_id] = Business(
            shop, seed=self._seed, first_day=self._first_day, jobs_per_day=shop.jobs_per_day * scale
        )

    def business(self, tenant: int) -> Business:
        return self._businesses[tenant]

    def rows(self, tenant: int, feed: str) -> list[dict[str, Any]]:
        """The truth: every current row of a feed, for whoever compares."""
        now = self.clock.now()
        return [revision.row() for revision in self.business(tenant).history(feed, now).current(now)]

    def count(self, tenant: int, feed: str) -> int:
        now = self.clock.now()
        return len(self.business(tenant).history(feed, now).current(now))

    def runs(self, tenant: int) -> list[dict[str, Any]]:
        """Every agent's run that has begun, with the ids of what came of it until now. See README.md."""
        now = self.clock.now()
        calls, bookings, jobs = (
            {revision.id for revision in self.business(tenant).history(feed, now).current(now)}
            for feed in ("calls", "bookings", "jobs")
        )
        return [run.facts(calls=calls, bookings=bookings, jobs=jobs) for run in self.business(tenant).runs(now)]

    def amend(
        self, tenant: int, feed: str, id_: int, change: Row, *, modified_on: datetime, shown_at: datetime
    ) -> None:
        """Changes a row by hand. Where it is shown later than it was modified, it was committed late.

        Raises KeyError where there is no such row by `modified_on`.
        """
        history = self.business(tenant).history(feed, max(modified_on, self.clock.now()))
        history.amend(id_, change, at=modified_on, shown_at=shown_at)

    def arrive(self, app_key: str, tenant: int) -> None:
        """Counts a call, whatever becomes of it."""
        self._peaks[app_key, tenant].count(time.monotonic())
        self._world_peaks[app_key, tenant].count(self.clock.now().timestamp())

    def stats(self) -> dict[str, Any]:
        return {
            "tokens": {str(tenant): self.access.minted[tenant] for tenant in self.shops},
            "throttled": {str(tenant): self.access.throttled[tenant] for tenant in self.shops},
            "peakCallsPerSecond": self._highest(self._peaks),
            "peakCallsPerWorldSecond": self._highest(self._world_peaks),
            "requests": {
                str(tenant): {path: number for (of, path), number in self.requests.items() if of == tenant}
                for tenant in self.shops
            },
        }

    def _highest(self, peaks: dict[tuple[str, int], Peak]) -> dict[str, int]:
        """For each tenant, of the application that called the fastest."""
        return {
            str(tenant): max((peak.highest for (_, of), peak in peaks.items() if of == tenant), default=0)
            for tenant in self.shops
        }


def _months_before(now: datetime, months: int) -> datetime:
    """The first day of the month `months` months ago."""
    month = now.year * 12 + now.month - 1 - months
    return now.replace(year=month // 12, month=month % 12 + 1, day=1)
