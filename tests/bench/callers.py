"""Callers of one tenant, in a process of their own: each holds, waits as long as a model would take, settles, and begins again."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime, timedelta
from threading import Thread
from typing import Any

import boto3
from botocore.config import Config

from tests.bench.aws_environment import aws_at
from tests.bench.busy_shop import a_menu, labels, settlement, wanted
from tests.bench.partition_limit import PartitionLimit
from tollgate.adapters.dynamodb_accounts import DynamoDbAccounts
from tollgate.adapters.dynamodb_client import CONFIG
from tollgate.adapters.dynamodb_ledger import DynamoDbLedger
from tollgate.domain.errors import BudgetRefused, LedgerUnavailable
from tollgate.domain.refusal import Refusal
from tollgate.domain.tenant import TenantSettings
from tollgate.usecases.remember_refusals import RefusalMemory
from tollgate.usecases.settle_hold import Place, settle
from tollgate.usecases.take_hold import Taken, take_hold

TABLE = "ledger"
# As the governed call has it: what a function of 45 s keeps for its settlement once the upstream's own time has run out.
TIME_TO_SETTLE = timedelta(seconds=12)
LIFE = timedelta(minutes=10)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """`callers` of all processes together, who come in one by one; `beside` are in flight all along; `upstream_s`: between a hold and
    its settlement; `again_s`: when a refused caller comes back whatever it was told, else as told and no sooner than a call takes.
    Latencies are counted from `begins_at` to `ends_at` (time.monotonic)."""

    url: str
    settings: TenantSettings
    callers: int
    upstream_s: float
    beside: int = 0
    begins_at: float = 0.0
    ends_at: float = 0.0
    units_a_second: float | None = None
    again_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Of the server, to one request: an error's code or `ok`; write units, where it names them."""

    code: str
    units: float | None


@dataclass(slots=True)
class Tally:
    """`holds`, `settlements`: seconds that each took, in the time that is counted. Of the whole scene: `refused` and `unavailable`
    calls, which were not made; `unsettled` ones, which were, and lapse; `costs` of those that were settled, nano-dollars; the server's
    `answers`. Lists throughout, since many threads add to one of them."""

    holds: list[float] = field(default_factory=list)
    settlements: list[float] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)
    unavailable: list[LedgerUnavailable] = field(default_factory=list)
    unsettled: list[Taken] = field(default_factory=list)
    costs: list[int] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)

    def add(self, other: "Tally") -> None:
        for each in fields(self):
            getattr(self, each.name).extend(getattr(other, each.name))

    def note_answer(self, parsed: Any, **_: Any) -> None:
        code = parsed.get("Error", {}).get("Code", "ok")
        self.answers.append(Answer(code=code, units=parsed.get("ConsumedCapacity", {}).get("CapacityUnits")))


# Shared by all processes: they get it when they start, since it can't be sent with a piece of work.
_shared: dict[str, Any] = {}


def begin_process(full_at: Any) -> None:
    _shared["full_at"] = full_at


def call(scene: Scene, numbers: range) -> Tally:
    """The callers with these numbers, each in its thread."""
    with aws_at(scene.url):
        tally = Tally()
        client = _client(scene, len(numbers), tally)
        callers = [Thread(target=_Caller(scene, number, client, tally).run) for number in numbers]
        for caller in callers:
            caller.start()
        for caller in callers:
            caller.join()
        client.close()
        return tally


def _client(scene: Scene, connections: int, tally: Tally) -> Any:
    """One for all callers of the process, where each would have its own in its own function: a connection for each is what counts."""
    client = boto3.client("dynamodb", config=CONFIG.merge(Config(max_pool_connections=connections)))
    events = client.meta.events
    events.register("provide-client-params.dynamodb.UpdateItem", _ask_for_units)
    events.register("after-call.dynamodb.UpdateItem", tally.note_answer)
    if scene.units_a_second is not None:
        PartitionLimit(full_at=_shared["full_at"], units_a_second=scene.units_a_second).guard(client)
    return client


def _ask_for_units(params: dict[str, Any], **_: Any) -> dict[str, Any]:
    return {**params, "ReturnConsumedCapacity": "TOTAL"}


@dataclass(slots=True)
class _Caller:
    """Its memory of refusals is its own, as a function's environment has its own."""

    scene: Scene
    number: int
    client: Any
    tally: Tally
    memory: RefusalMemory = field(default_factory=RefusalMemory)

    def run(self) -> None:
        scene = self.scene
        # One after the other over the time of one call, so that holds and settlements don't come in waves.
        _sleep_until(scene.begins_at - scene.upstream_s * (1 - self.number / scene.callers))
        while time.monotonic() < scene.ends_at:
            self._one_call()

    def _one_call(self) -> None:
        ledger, accounts = DynamoDbLedger(self.client, TABLE), DynamoDbAccounts(self.client, TABLE)
        at = _now()
        try:
            taken = self._timed(self.tally.holds, lambda: self._hold(ledger, accounts, at))
        except BudgetRefused as error:
            self.tally.refused.append(error.refusal)
            told = (error.refusal.retry_at - at).total_seconds()
            wait = self.scene.again_s or max(told, self.scene.upstream_s)
            _sleep_until(min(self.scene.ends_at, time.monotonic() + wait))
            return
        except LedgerUnavailable as error:
            self.tally.unavailable.append(error)
            time.sleep(random.uniform(0.5, 1.5))
            return
        time.sleep(self.scene.upstream_s)
        self._timed(self.tally.settlements, lambda: self._settle(ledger, taken))

    def _hold(self, ledger: DynamoDbLedger, accounts: DynamoDbAccounts, at: datetime) -> Taken:
        return take_hold(
            wanted(self.scene.settings, at, number=self.number, life=LIFE),
            a_menu(at),
            self.scene.settings,
            ledger=ledger,
            accounts=accounts,
            clock=_now,
            until=at + TIME_TO_SETTLE,
            memory=self.memory,
        )

    def _settle(self, ledger: DynamoDbLedger, taken: Taken) -> None:
        at = _now()
        settled, span = settlement(taken.hold, a_menu(at), labels(self.scene.settings, self.number), at)
        place = Place(
            tenant_id=taken.page.tenant_id,
            month=taken.hold_id.month,
            hold=taken.hold,
            seen=taken.page,
            unanswered=taken.unanswered,
        )
        self.memory.forget(place.tenant_id)
        page = settle(place, settled, span, ledger, clock=_now, until=at + TIME_TO_SETTLE)
        if page is None:
            self.tally.unsettled.append(taken)
        else:
            self.tally.costs.append(settled.cost)

    def _timed(self, latencies: list[float], deed: Callable[[], Any]) -> Any:
        began = time.monotonic()
        result = deed()
        self._count(latencies, time.monotonic() - began)
        return result

    def _count(self, counted: list[Any], one: Any) -> None:
        if self.scene.begins_at <= time.monotonic() < self.scene.ends_at:
            counted.append(one)


def _now() -> datetime:
    return datetime.now(UTC)


def _sleep_until(moment: float) -> None:
    time.sleep(max(0.0, moment - time.monotonic()))
