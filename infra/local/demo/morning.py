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

# The phone does not ring at all desks at once: a function that starts cold takes two seconds of a processor.
DESKS_APART_S = 0.7
FLOOD_AFTER_S = 4.0
FLOOD_RUNNERS = 3
FLOOD_ATTEMPTS = 40
PATIENCE, FEW_PATIENCE = 8, 3


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
        desks = [
            (number, place) for place, tenant in enumerate(self.tenants) for number in range(self._desks_of(tenant))
        ]
        waiting = [self._waiting(tenant) for tenant in self.tenants]
        for order, (number, place) in enumerate(sorted(desks)):
            desk = self._desk(self.tenants[place], f"desk {number}")
            self._start(partial(desk.work, waiting[place]), after_s=DESKS_APART_S * order)
        for tenant in self.tenants:
            if tenant.shop.floods:
                self._begin_flood(tenant)

    @property
    def goes_on(self) -> bool:
        return any(thread.is_alive() for thread in self._threads)

    @property
    def conversations(self) -> int:
        return sum(self._conversations_of(tenant) for tenant in self.tenants)

    def stop(self) -> None:
        self.shift.stop()

    def _desks_of(self, tenant: Tenant) -> int:
        return 1 if self.few else tenant.shop.desks

    def _conversations_of(self, tenant: Tenant) -> int:
        return 1 if self.few else tenant.shop.conversations

    def _waiting(self, tenant: Tenant) -> "SimpleQueue[Conversation]":
        waiting: SimpleQueue[Conversation] = SimpleQueue()
        random = Random(f"{self.run} {tenant.id}")  # noqa: S311
        for conversation in tenant.shop.tellings(random)[: self._conversations_of(tenant)]:
            waiting.put(conversation)
        return waiting

    def _begin_flood(self, tenant: Tenant) -> None:
        patience = FEW_PATIENCE if self.few else PATIENCE
        self._start(
            lambda: self.tally.tell(f"{tenant.id}: its {FLOODING_AGENT} is caught in a loop"), after_s=FLOOD_AFTER_S
        )
        for number in range(1 if self.few else FLOOD_RUNNERS):
            runner = self._desk(tenant, f"runner {number}")
            self._start(
                partial(runner.flood, attempts=FLOOD_ATTEMPTS, patience=patience), after_s=FLOOD_AFTER_S + number
            )

    def _desk(self, tenant: Tenant, name: str) -> Desk:
        random = Random(f"{self.run} {tenant.id} {name}")  # noqa: S311
        return Desk(tenant, self.api_url, self.tally, self.shift, random)

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
