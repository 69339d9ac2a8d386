"""Scenes on ministack: many callers on one page, each scene with a tenant of its own, and the books looked at afterwards."""

import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from multiprocessing import get_context

from tests.bench.busy_shop import a_busy_shop, a_menu, wanted
from tests.bench.callers import LIFE, TABLE, Scene, Tally, begin_process, call
from tests.bench.local_dynamodb import local_dynamodb
from tollgate.adapters.dynamodb_accounts import DynamoDbAccounts
from tollgate.adapters.dynamodb_client import new_client
from tollgate.adapters.dynamodb_ledger import DynamoDbLedger
from tollgate.domain.page import Page, imbalances
from tollgate.domain.tenant import IN_FLIGHT_MAX, TenantSettings
from tollgate.domain.window import window_at
from tollgate.usecases.take_hold import take_hold

PROCESSES = 4
AGENTS = 5
START_S = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """`page`: as it was left, with nothing in flight; `seconds`: how long was counted."""

    scene: Scene
    tally: Tally
    page: Page
    seconds: float

    @property
    def calls_a_second(self) -> float:
        return len(self.tally.settlements) / self.seconds

    @property
    def is_right(self) -> bool:
        """Every call's cost stands in the books, once, and what is held is what nobody could settle."""
        only_those_held = len(self.page.holds) == self.scene.beside + len(self.tally.unsettled)
        return only_those_held and not imbalances(self.page) and self.page.use.spent == sum(self.tally.costs)

    @property
    def books(self) -> str:
        return "equal" if self.is_right else "WRONG"


class Stage:
    """Plays scenes on one server, each with a tenant of its own."""

    def __init__(self, url: str, pool: ProcessPoolExecutor, processes: int) -> None:
        self._url, self._pool, self._processes = url, pool, processes
        client = new_client()
        self._ledger, self._accounts = DynamoDbLedger(client, TABLE), DynamoDbAccounts(client, TABLE)

    def play(
        self,
        name: str,
        callers: int,
        *,
        upstream_s: float,
        seconds: float,
        beside: int = 0,
        units_a_second: float | None = None,
        again_s: float | None = None,
        **limits: int,
    ) -> Played:
        settings = a_busy_shop(agents=AGENTS, tenant_id=name, **limits)
        month = window_at(datetime.now(UTC), settings.zones).month
        assert self._accounts.create(settings, (month,))
        assert self._ledger.open_page(settings, month)
        self._park(settings, month, beside)
        begins_at = time.monotonic() + START_S + upstream_s
        scene = Scene(
            url=self._url,
            settings=settings,
            callers=callers,
            beside=beside,
            upstream_s=upstream_s,
            begins_at=begins_at,
            ends_at=begins_at + seconds,
            units_a_second=units_a_second,
            again_s=again_s,
        )
        tally = self._run(scene)
        page = self._ledger.read_page(name, month)
        assert page is not None
        return Played(scene=scene, tally=tally, page=page, seconds=seconds)

    def _park(self, settings: TenantSettings, month: str, count: int) -> None:
        """Calls that are in flight all along."""
        at = datetime.now(UTC)
        for number in range(count):
            asked, menu = wanted(settings, at, number=number, life=LIFE), a_menu(at)
            take_hold(
                asked,
                menu,
                settings,
                ledger=self._ledger,
                accounts=self._accounts,
                clock=lambda: at,
                until=at + LIFE,
            )

    def _run(self, scene: Scene) -> Tally:
        shares = [range(first, scene.callers, self._processes) for first in range(self._processes)]
        tally = Tally()
        for found in self._pool.map(call, [scene] * len(shares), shares):
            tally.add(found)
        return tally


@contextmanager
def stage(processes: int = PROCESSES) -> Iterator[Stage]:
    context = get_context("spawn")
    pool = ProcessPoolExecutor(
        processes, mp_context=context, initializer=begin_process, initargs=(context.Value("d", 0.0),)
    )
    with local_dynamodb(TABLE, in_flight_max=IN_FLIGHT_MAX) as url, pool:
        found = Stage(url, pool, processes)
        # A process is started, and its libraries loaded, with its first piece of work.
        found.play("warm-up", processes, upstream_s=0.1, seconds=0.1)
        yield found
