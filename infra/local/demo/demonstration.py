"""The demo from its first tenant to its last line: open the shops, play the morning, let the books settle, compare them."""

import secrets
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import httpx

from infra.local.configuration import Configuration, StackError
from infra.local.demo.api import Api, Summary, Tenant
from infra.local.demo.bill import Bill, LocalOpenAi, bill_of, read_prices
from infra.local.demo.books import LedgerEntry, read_ledger, read_spans
from infra.local.demo.morning import Morning
from infra.local.demo.proof import Evidence, Proof, prove
from infra.local.demo.screen import Screen, dollars
from infra.local.demo.shops import MONTH_OF_DAYS, SHOPS
from infra.local.demo.tally import Tally
from infra.local.deployment import aws

LOOPBACK = {"127.0.0.1", "localhost", "::1"}
# The last settlement, and the spans' way through the stream: seconds, and more on a machine that is busy otherwise.
SETTLED_WITHIN_S = 45.0
BETWEEN_LOOKS_S = 0.8
# Whoever is still on the phone then is not waited for.
MORNING_ENDS_AFTER_S = 120.0


@dataclass(slots=True)
class Demonstration:
    """`told`: what stack.json says."""

    told: Mapping[str, Any]
    configuration: Configuration
    screen: Screen
    tally: Tally = field(default_factory=Tally)
    tenants: list[Tenant] = field(default_factory=list)

    def run(self) -> bool:
        """Whether the books are equal."""
        run = secrets.token_hex(2)
        local = local_openai(self.told["openaiBaseUrl"])
        since = local.count() if local else 0
        with Api(self.told["apiUrl"], self.told["adminKey"]) as api:
            self._open_shops(api, run, real_money=local is None)
            with unhurried(local):
                self._play(api, Morning(self.told["apiUrl"], self.tenants, self.tally, run, few=local is None))
            with self.screen.waiting("Waiting for the last spans to reach Postgres ..."):
                ledger, summaries = self._settled(api)
        self.screen.show_end(self.tenants, self.tally, summaries)
        bill = bill_of(local.served(since=since), self._ids, read_prices()) if local else None
        return self._conclude(prove(self._evidence(bill, ledger, summaries)))

    @property
    def _ids(self) -> list[str]:
        return [tenant.id for tenant in self.tenants]

    def _open_shops(self, api: Api, run: str, *, real_money: bool) -> None:
        with self.screen.waiting(f"Opening four shops; this run is {run} ..."):
            self.tenants = [api.open_tenant(shop, run=run) for shop in SHOPS]
        if real_money:
            most = dollars(sum(shop.budget for shop in SHOPS))
            self.screen.say(
                f"The calls go to {self.told['openaiBaseUrl']} and cost money: at most the budgets, {most}.",
                style="yellow",
            )

    def _play(self, api: Api, morning: Morning) -> None:
        with self.screen.morning(self.tenants, self.tally) as watch:
            morning.begin()
            try:
                while morning.goes_on and morning.shift.elapsed_s < MORNING_ENDS_AFTER_S:
                    for tenant in self.tenants:
                        self.tally.stand(tenant.id, api.standing(tenant.id))
                        watch.tick(f"{morning.shift.elapsed_s:4.0f} s, {self._done(morning)}")
                        time.sleep(BETWEEN_LOOKS_S / len(self.tenants))
            finally:
                morning.stop()
        self.screen.say(f"The morning took {morning.shift.elapsed_s:.0f} s: {self._done(morning)}.")

    def _done(self, morning: Morning) -> str:
        done = sum(self.tally.count(tenant_id).conversations for tenant_id in self._ids)
        return f"{done} of {morning.conversations} conversations"

    def _settled(self, api: Api) -> tuple[dict[str, LedgerEntry], dict[str, Summary]]:
        """The ledger with nothing held, and the summaries that have caught up with it; as they are when time runs out."""
        deadline = time.monotonic() + SETTLED_WITHIN_S
        while True:
            ledger = read_ledger(aws(self.configuration, "dynamodb"), self.told["ledgerTable"], self._ids)
            summaries = {tenant_id: api.summary(tenant_id) for tenant_id in self._ids}
            if time.monotonic() > deadline or all(
                entry.holds == 0 and (entry.spent, entry.seq) == (summaries[tenant_id].cost, summaries[tenant_id].calls)
                for tenant_id, entry in ledger.items()
            ):
                break
            time.sleep(BETWEEN_LOOKS_S / 2)
        for tenant_id in self._ids:
            self.tally.stand(tenant_id, api.standing(tenant_id))
        return ledger, summaries

    def _evidence(
        self, bill: Bill | None, ledger: Mapping[str, LedgerEntry], summaries: Mapping[str, Summary]
    ) -> Evidence:
        return Evidence(
            bill=bill,
            ledger=ledger,
            spans=read_spans(self.told["databaseUrl"], self._ids),
            summaries=summaries,
            counts={tenant_id: self.tally.count(tenant_id) for tenant_id in self._ids},
            limits={tenant.id: (tenant.shop.budget, tenant.shop.budget * MONTH_OF_DAYS) for tenant in self.tenants},
            flooded=frozenset(tenant.id for tenant in self.tenants if tenant.shop.floods),
        )

    def _conclude(self, proof: Proof) -> bool:
        self.screen.show_proof(proof)
        if proof.is_equal and proof.keeps_promises:
            self.screen.say("The books are equal.", style="bold green")
        elif proof.is_equal:
            self.screen.say("The books are equal, but a promise is broken.", style="bold red")
        else:
            self.screen.say("The books are NOT equal.", style="bold red")
        return proof.is_equal and proof.keeps_promises


def local_openai(base_url: str) -> LocalOpenAi | None:
    """None where the calls go to a real one, or to another stand-in that keeps no books."""
    if urlsplit(base_url).hostname not in LOOPBACK:
        return None
    local = LocalOpenAi(base_url)
    try:
        local.count()
    except httpx.ConnectError as error:
        raise StackError(f"Nothing answers at {base_url}.") from error
    except (httpx.HTTPError, ValueError, KeyError):
        return None
    return local


@contextmanager
def unhurried(local: LocalOpenAi | None) -> Iterator[None]:
    """A local model answers in a blink; a real one takes its time, and holds stand meanwhile."""
    if local is None:
        yield
        return
    before = local.take_time()
    try:
        yield
    finally:
        local.behave(before)
