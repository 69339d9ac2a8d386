"""Who works when: every desk of every shop in a thread of its own, and the loop that begins a little later."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from queue import SimpleQueue
from random import Random

from infra.local.demo.api import Tenant
from infra.local.demo.conversation import Conversation
from infra.local.demo.desk import FLOODING_AGENT, Desk
from infra.local.demo.shift import Shift, Stopped
from infra.local.demo.tally import Tally

# The phone does not ring at all desks at once.
DESKS_APART_S = 0.35
FLOOD_AFTER_S = 4.0
FLOOD_RUNNERS = 3
# With real money less is enough.
ATTEMPTS, PATIENCE = 40, 10
FEW_ATTEMPTS, FEW_PATIENCE = 20, 3


@dataclass(slots=True)
class Morning:
    """`few`: one conversation for each shop, because the calls cost real money."""

    api_url: str
    tenants: list[Tenant]
    tally: Tally
    run: str
    few: bool = False
    shift: Shift = field(default_factory=Shift)
    _threads: list[threading.Thread] = field(default_factory=list)

    def begin(self) -> None:
        for tenant in self.tenants:
            self._open_desks(tenant, Random(f"{self.run} {tenant.id}"))  # noqa: S311
            if tenant.shop.floods:
                self._begin_flood(tenant, Random(f"{self.run} flood"))  # noqa: S311

    @property
    def goes_on(self) -> bool:
        return any(thread.is_alive() for thread in self._threads)

    @property
    def conversations(self) -> int:
        return sum(self._conversations_of(tenant) for tenant in self.tenants)

    def stop(self) -> None:
        self.shift.stop()

    def _conversations_of(self, tenant: Tenant) -> int:
        return 1 if self.few else tenant.shop.conversations

    def _open_desks(self, tenant: Tenant, random: Random) -> None:
        waiting: SimpleQueue[Conversation] = SimpleQueue()
        for conversation in tenant.shop.tellings(random)[: self._conversations_of(tenant)]:
            waiting.put(conversation)
        for _ in range(1 if self.few else tenant.shop.desks):
            desk = self._desk(tenant, random)
            self._start(partial(desk.work, waiting), after_s=DESKS_APART_S * len(self._threads))

    def _begin_flood(self, tenant: Tenant, random: Random) -> None:
        attempts, patience = (FEW_ATTEMPTS, FEW_PATIENCE) if self.few else (ATTEMPTS, PATIENCE)

        self._start(
            lambda: self.tally.tell(f"{tenant.id}: its {FLOODING_AGENT} is caught in a loop"), after_s=FLOOD_AFTER_S
        )
        for number in range(1 if self.few else FLOOD_RUNNERS):
            flood = partial(self._desk(tenant, random).flood, attempts=attempts, patience=patience)
            self._start(flood, after_s=FLOOD_AFTER_S + number)

    def _desk(self, tenant: Tenant, random: Random) -> Desk:
        seed = Random(random.getrandbits(32))  # noqa: S311
        return Desk(tenant, self.api_url, self.tally, self.shift, seed)

    def _start(self, work: Callable[[], None], *, after_s: float) -> None:
        def run() -> None:
            try:
                self.shift.pause(after_s)
                work()
            except Stopped:
                return

        thread = threading.Thread(target=run, daemon=True)
        self._threads.append(thread)
        thread.start()
