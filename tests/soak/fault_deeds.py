"""The deeds of a process that may be killed at any moment: the real use cases, over a network that fails, with a journal.

The journal is written ahead: each line is in the file before what it tells of can have an effect. Money is small and exact: a
token of `dear` costs one nano-dollar.
"""

import json
import os
import random
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.fakes.ledger_world import (
    TABLE,
    CountsLetters,
    TwoPrices,
    a_menu,
    a_settlement,
    a_span,
    a_tenant,
    labels,
)
from tollgate.adapters.dynamodb_accounts import DynamoDbAccounts
from tollgate.adapters.dynamodb_ledger import DynamoDbLedger
from tollgate.adapters.dynamodb_wire import new_wire
from tollgate.domain.call_labels import CallLabels
from tollgate.domain.chat import parse_chat
from tollgate.domain.errors import LedgerUnavailable, TollgateError
from tollgate.domain.money import NanoUsd
from tollgate.domain.outcome import Answered, Declined, Unclear, UpstreamResult
from tollgate.domain.page import HoldKind
from tollgate.domain.posting import lapse_hold, void_hold
from tollgate.domain.span import Outcome
from tollgate.domain.tenant import TenantSettings
from tollgate.domain.usage import Usage
from tollgate.domain.window import window_at
from tollgate.ports import Listener
from tollgate.usecases.cancel_hold import cancel
from tollgate.usecases.change_limits import Change, change_limits
from tollgate.usecases.check_cost import Check, CheckPorts, check_cost
from tollgate.usecases.complete_chat import ChatPorts, complete_chat
from tollgate.usecases.know_settings import KnownSettings
from tollgate.usecases.record_cost import Spent, record
from tollgate.usecases.settle_hold import Place, settle
from tollgate.usecases.sweep_holds import sweep_holds
from tollgate.usecases.take_hold import Taken, Wanted, take_hold

# The ledger tries until an instant of the real clock. Gates whose clock is behind by this give a settlement up sooner: seven
# seconds after its call began, with eight for the upstream.
BEHIND = timedelta(seconds=12)
LIFE = timedelta(seconds=20)
# A sweep whose clock is ahead by this takes every hold that lives for one that is past its time.
AHEAD = timedelta(minutes=10)
RECORD_TRIES = 3
# From two tokens on, the cheaper model is cheaper.
AMOUNTS = (2, 150)


@dataclass(frozen=True, slots=True, kw_only=True)
class Orders:
    """`numbers`: which calls of the soak this process makes, in this order."""

    url: str
    seed: int
    journal: str
    tenants: list[str]
    numbers: list[int]
    threads: int
    read_timeout_s: float


def key_of(number: int) -> str:
    return f"k{number:011}"


def tell_clock() -> datetime:
    return datetime.now(UTC) - BEHIND


class Journal:
    """Lines that are in the file when `write` returns, whatever becomes of the process."""

    def __init__(self, path: str) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)

    def write(self, event: str, **facts: Any) -> None:
        os.write(self._file, (json.dumps({"event": event} | facts) + "\n").encode())


class ScriptedUpstream:
    """Upstream: says what the call's own randomness has it say, once; `asked` is in the journal before."""

    def __init__(self, number: int, chance: random.Random, journal: Journal) -> None:
        self._number, self._chance, self._journal = number, chance, journal

    def complete(
        self,
        request: Mapping[str, Any],
        *,
        path: str,
        labels: CallLabels,
        timeout_s: float,
        listener: Listener | None = None,
    ) -> UpstreamResult:
        chance = self._chance
        words = len(request["messages"][0]["content"])
        kind = chance.choices(("answered", "declined", "unclear"), (80, 10, 10))[0]
        usage = Usage(uncached=chance.randint(1, words), output=chance.randint(0, request["max_tokens"]))
        self._journal.write(
            "asked",
            number=self._number,
            kind=kind,
            model=request["model"],
            input=usage.uncached,
            output=usage.output,
        )
        time.sleep(chance.choice((0, 0, 0.05, 0.3)))
        match kind:
            case "answered":
                return Answered(body={}, usage=usage, tier="default")
            case "declined":
                return Declined(status=chance.choice((400, 429, 500)), body={}, message="no")
            case _:
                return Unclear(message="cut", code="connection_broken")


class Gate:
    """One process' way to the ledger, used by several threads."""

    def __init__(self, orders: Orders) -> None:
        client = new_wire(orders.url, read_timeout_s=orders.read_timeout_s)
        self.ledger = DynamoDbLedger(client, TABLE)
        self.accounts = DynamoDbAccounts(client, TABLE)
        self.known = KnownSettings(self.accounts)
        self.journal = Journal(orders.journal)
        self.seed = orders.seed
        self.tenants = orders.tenants

    def do(self, number: int) -> None:
        """One call of the soak, and how it ended. A fault in the code under test is told, never swallowed."""
        chance = random.Random(f"{self.seed}:{number}")
        tenant_id = chance.choice(self.tenants)
        deed = chance.choices(list(DEEDS), (52, 12, 13, 7, 5, 4, 7))[0]
        self.journal.write("begun", number=number, deed=deed, tenant=tenant_id)
        try:
            ended = DEEDS[deed](self, number, tenant_id, chance)
        except TollgateError as error:
            ended = type(error).__name__
        except Exception as error:  # noqa: BLE001 - the judge is told, and fails
            ended = f"BROKEN {type(error).__name__}: {error}"
        self.journal.write("ended", number=number, how=ended)

    def settings(self, tenant_id: str) -> TenantSettings:
        return self.known.of(tenant_id)


def chat(gate: Gate, number: int, tenant_id: str, chance: random.Random) -> str:
    words, output = "w" * chance.randint(1, 60), chance.randint(1, 80)
    body = {"model": "dear", "messages": [{"role": "user", "content": words}], "max_tokens": output}
    ports = ChatPorts(
        ledger=gate.ledger,
        accounts=gate.accounts,
        prices=TwoPrices(),
        counter=CountsLetters(),
        upstream=ScriptedUpstream(number, chance, gate.journal),
        clock=tell_clock,
        new_key=lambda: key_of(number),
    )
    asked = parse_chat(body, labels(), default_model="dear")
    settings = gate.settings(tenant_id)
    reply = complete_chat(asked, settings, ports, request_id=str(number), deadline=tell_clock() + LIFE)
    gate.known.saw(reply.taken.settings)
    return "replied" if reply.page is not None else "unsettled"


def hold(gate: Gate, number: int, tenant_id: str, chance: random.Random) -> str:
    """A hold that is settled at a cost, or given back, or forgotten."""
    taken = _taken(gate, number, tenant_id, chance.randint(*AMOUNTS))
    until = tell_clock() + LIFE
    match chance.choices(("settled", "cancelled", "forgotten"), (70, 20, 10))[0]:
        case "settled":
            cost = chance.randint(0, int(taken.hold.amount))
            gate.journal.write("settling", number=number, cost=cost)
            place = Place(
                tenant_id=tenant_id,
                month=taken.hold_id.month,
                hold=taken.hold,
                seen=taken.page,
                unanswered=taken.unanswered,
            )
            span = a_span(taken.hold, cost, at=tell_clock())
            page = settle(place, a_settlement(cost), span, gate.ledger, clock=tell_clock, until=until)
            return "settled" if page is not None else "unsettled"
        case "cancelled":
            month = taken.hold_id.month
            is_back = cancel(taken.hold, month, taken.settings, gate.ledger, clock=tell_clock, until=until)
            return "cancelled" if is_back else "uncancelled"
        case _:
            return "forgotten"


def _taken(gate: Gate, number: int, tenant_id: str, amount: int) -> Taken:
    settings = gate.settings(tenant_id)
    wanted = Wanted(
        tenant_id=tenant_id,
        key=key_of(number),
        kind=HoldKind.CALL,
        window=window_at(tell_clock(), settings.zones),
        expires_at=tell_clock() + LIFE,
        attribution=labels(),
    )
    taken = take_hold(
        wanted,
        a_menu(amount, cheaper=True),
        settings,
        ledger=gate.ledger,
        accounts=gate.accounts,
        clock=tell_clock,
        until=tell_clock() + LIFE,
    )
    gate.known.saw(taken.settings)
    return taken


def check(gate: Gate, number: int, tenant_id: str, chance: random.Random) -> str:
    """A check that holds; then its record, sent again where no answer came, or none."""
    amount = chance.randint(*AMOUNTS)
    ports = CheckPorts(ledger=gate.ledger, accounts=gate.accounts, clock=tell_clock, new_key=lambda: key_of(number))
    asked = Check(menu=a_menu(amount, cheaper=True), attribution=labels(), hold_for=LIFE)
    verdict = check_cost(asked, gate.settings(tenant_id), ports, deadline=tell_clock() + LIFE)
    if verdict.taken is None:
        return verdict.decision
    if chance.random() < 0.3:
        return "forgotten"
    if chance.random() < 0.2:
        sweep_holds(gate.ledger, gate.accounts, clock=lambda: tell_clock() + AHEAD)
    hold_id = verdict.taken.hold_id
    spent = _spent(str(hold_id), chance.randint(0, int(verdict.taken.hold.amount)), hold_id)
    return _record(gate, number, tenant_id, spent, chance)


def record_alone(gate: Gate, number: int, tenant_id: str, chance: random.Random) -> str:
    return _record(gate, number, tenant_id, _spent(f"r:{key_of(number)}", chance.randint(0, 150), None), chance)


def _spent(record_id: str, cost: int, hold_id: Any) -> Spent:
    return Spent(
        record_id=record_id,
        content_hash=f"{cost} for {record_id}",
        hold_id=hold_id,
        cost=NanoUsd(cost),
        usage=Usage(uncached=cost),
        model="dear",
        outcome=Outcome.RECORDED,
        attribution=labels(),
        request_id="request",
    )


def _record(gate: Gate, number: int, tenant_id: str, spent: Spent, chance: random.Random) -> str:
    """As an agent does: again until it is answered, at most three times; and some send twice what was answered."""
    gate.journal.write("recording", number=number, record_id=spent.record_id, cost=spent.cost)
    answers = 0
    for _ in range(RECORD_TRIES):
        try:
            told = record(spent, gate.settings(tenant_id), ledger=gate.ledger, accounts=gate.accounts, clock=tell_clock)
        except LedgerUnavailable:
            continue
        assert told.cost == spent.cost
        answers += 1
        if answers == 1 and chance.random() < 0.3:
            continue
        break
    return "recorded" if answers else "unrecorded"


def change(gate: Gate, number: int, tenant_id: str, chance: random.Random) -> str:
    """A day's limit that leaves room for a few calls or for many, below what is used at times."""
    settings = gate.settings(tenant_id)
    window = window_at(tell_clock(), settings.zones)
    page = gate.ledger.read_page(tenant_id, window.month)
    used = page.day(window.day).used if page is not None else 0
    limit = max(0, used + chance.choice((-200, 1_000, 5_000, 20_000)))
    changed = change_limits(
        Change(tenant_id=tenant_id, values={"daily_limit": NanoUsd(limit)}, zone=None, if_version=None),
        gate.accounts,
        defaults=a_tenant,
        clock=tell_clock,
    )
    if chance.random() < 0.5:
        gate.known.saw(changed.settings)
    return "changed"


def sweep(gate: Gate, number: int, tenant_id: str, chance: random.Random) -> str:
    """On time, or by a clock that is ahead: then holds are given up whose holders live, and who settle late."""
    ahead = chance.choice((BEHIND, AHEAD))
    swept = sweep_holds(gate.ledger, gate.accounts, clock=lambda: tell_clock() + ahead)
    assert not swept.unbalanced, f"unbalanced: {swept.unbalanced}"
    return f"swept {'ahead' if ahead is AHEAD else 'on time'}"


def close(gate: Gate, number: int, tenant_id: str, chance: random.Random) -> str:
    """Somebody gives up a hold whose holder lives: a call in full, a check for nothing. Its holder finds out when it settles."""
    at = tell_clock()
    month = window_at(at, gate.settings(tenant_id).zones).month
    page = gate.ledger.read_page(tenant_id, month)
    if page is None or not page.holds:
        return "nothing to close"
    held = chance.choice([page.holds[key] for key in sorted(page.holds)])
    if held.kind is HoldKind.CALL:
        span = a_span(held, held.amount, at=at, posting="lapse", outcome=Outcome.LAPSED)
        posting = lapse_hold(held, span=span, at=at)
    else:
        posting = void_hold(held, span=a_span(held, 0, at=at, posting="void", outcome=Outcome.VOIDED), at=at)
    result = gate.ledger.post(posting, None, tenant_id=tenant_id, month=month)
    return f"close {type(result).__name__}"


DEEDS: dict[str, Callable[[Gate, int, str, random.Random], str]] = {
    "chat": chat,
    "hold": hold,
    "check": check,
    "record": record_alone,
    "change": change,
    "sweep": sweep,
    "close": close,
}


def main(text: str) -> None:
    orders = Orders(**json.loads(text))
    gate = Gate(orders)
    waiting = iter(orders.numbers)
    turn = threading.Lock()

    def work() -> None:
        while True:
            with turn:
                number = next(waiting, None)
            if number is None:
                return
            gate.do(number)

    threads = [threading.Thread(target=work) for _ in range(orders.threads)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def as_text(orders: Orders) -> str:
    return json.dumps(asdict(orders))


if __name__ == "__main__":
    main(sys.argv[1])
