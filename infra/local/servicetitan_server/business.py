"""A field-service business, made day by day: calls come in, some become bookings and jobs, jobs become invoices.

Each day is drawn from (seed, tenant, day) alone, so the same day is the same after any restart, whatever day it is now;
and what lies ahead is told in advance, so rows change while the server runs: a booking converts, a job completes.
"""

import contextlib
import gc
from collections.abc import Iterator
from datetime import date, datetime, timedelta

from infra.local.servicetitan_server.archive import Archive
from infra.local.servicetitan_server.customers import customers_of
from infra.local.servicetitan_server.day import Day
from infra.local.servicetitan_server.draws import Draws
from infra.local.servicetitan_server.history import History
from infra.local.servicetitan_server.live_day import live_day
from infra.local.servicetitan_server.run import Run
from infra.local.servicetitan_server.settings import Settings
from infra.local.servicetitan_server.shops import Shop

CUSTOMERS_MIN = 200
CUSTOMERS_PER_DAILY_JOB = 40


class Business:
    """The whole history of one tenant, grown up to the day that is asked for."""

    def __init__(self, shop: Shop, *, seed: str, first_day: date, jobs_per_day: float) -> None:
        self.shop = shop
        self._seed = f"{seed}/{shop.tenant_id}"
        self._jobs_per_day = jobs_per_day
        self._next_day = first_day
        self._archive = Archive()
        self._settings = Settings(shop, jobs_per_day=jobs_per_day, first_day=first_day)
        number = CUSTOMERS_MIN + int(CUSTOMERS_PER_DAILY_JOB * jobs_per_day)
        self._customers = customers_of(self._seed, number=number)
        self._settings.tell(self._archive)

    def history(self, feed: str, now: datetime) -> History:
        self._grow(now.date())
        return self._archive.histories[feed]

    def runs(self, now: datetime) -> list[Run]:
        """The agents' runs that have started, in the order of their start."""
        self._grow(now.date())
        return sorted((run for run in self._archive.runs if run.started_at <= now), key=lambda run: run.started_at)

    def _grow(self, last: date) -> None:
        with _collector_at_rest():
            while self._next_day <= last:
                self._live(self._next_day)
                self._next_day += timedelta(days=1)

    def _live(self, on: date) -> None:
        if on.day == 1:
            self._settings.tell_month(self._archive, on)
        draws = Draws(self._seed, on, self._customers)
        live_day(Day(date=on, archive=self._archive, settings=self._settings, draws=draws), jobs=self._jobs_on(on))

    def _jobs_on(self, day: date) -> float:
        season = 1.3 if day.month in self.shop.busy_months else 0.9
        weekday = (1.2, 1.1, 1.0, 1.0, 1.1, 0.5, 0.15)[day.weekday()]
        return self._jobs_per_day * season * weekday


@contextlib.contextmanager
def _collector_at_rest() -> Iterator[None]:
    """A million rows are made to stay: looking through them again and again for garbage takes a fifth of the time."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
