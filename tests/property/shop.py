"""One tenant whose calls, records, sweeps and changes of settings run the real use cases over a network that fails by script.

What each call really cost is kept beside the books, and `close_the_books` compares the two.
"""

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from tests.fakes.ledger_world import (
    NOON,
    Books,
    CountsLetters,
    ScriptedUpstream,
    TellingClock,
    TwoPrices,
    a_menu,
    a_settlement,
    a_span,
    a_tenant,
    books_in_dynamodb,
    books_in_memory,
    keys,
    labels,
)
from tests.fakes.memory_ledger import DirectCarry, MemoryTable
from tests.fakes.network import FaultyClient, Killed, MemoryCarry, Network, Step
from tests.property.audit import Audit
from tollgate.domain.chat import parse_chat
from tollgate.domain.errors import (
    BreakerOpen,
    BudgetRefused,
    HoldNotFound,
    LedgerUnavailable,
    UpstreamRejected,
    UpstreamUnknown,
)
from tollgate.domain.money import NanoUsd
from tollgate.domain.outcome import Answered, UpstreamResult
from tollgate.domain.page import HoldKind, Page
from tollgate.domain.price import cost_of
from tollgate.domain.refusal import Reason, Refusal
from tollgate.domain.span import Outcome
from tollgate.domain.tenant import TenantSettings
from tollgate.domain.usage import Usage
from tollgate.domain.window import Window, window_at
from tollgate.usecases.change_limits import Change, change_limits, months_around
from tollgate.usecases.complete_chat import ChatPorts, complete_chat
from tollgate.usecases.record_cost import Spent, record
from tollgate.usecases.remember_refusals import RefusalMemory
from tollgate.usecases.settle_hold import Place, settle
from tollgate.usecases.show_holds import close_hold
from tollgate.usecases.sweep_holds import sweep_holds
from tollgate.usecases.take_hold import Taken, Wanted, take_hold

TENANT = "shop"
LIFE = timedelta(minutes=2)
THAWS_WITHIN = timedelta(minutes=50)


@dataclass(slots=True)
class Call:
    """`booked_at_rest`: what the books may say of it once nothing is on its way any more."""

    key: str
    kind: HoldKind
    most: int
    taken: Taken | None = None
    begun_at: datetime = NOON
    booked_at_rest: frozenset[int] | range = frozenset({0})


@dataclass(slots=True)
class Shop:
    books: Books
    network: Network
    clock: TellingClock
    audit: Audit
    pages: Callable[[], list[Page]]
    account: Callable[[], TenantSettings]
    upstream: ScriptedUpstream = field(default_factory=ScriptedUpstream)
    new_key: Callable[[], str] = field(default_factory=keys)
    calls: dict[str, Call] = field(default_factory=dict)
    records: dict[str, tuple[Spent, frozenset[int]]] = field(default_factory=dict)
    history: list[TenantSettings] = field(default_factory=list)
    memory: RefusalMemory | None = None

    # ---- what the world looks like -----------------------------------------------------------------------------------------

    @property
    def settings(self) -> TenantSettings:
        return self.account()

    @property
    def window(self) -> Window:
        return window_at(self.clock.now, self.settings.zones)

    def page(self, month: str | None = None) -> Page:
        month = month or self.window.month
        found = [page for page in self.pages() if page.month == month]
        return found[0] if found else Page(tenant_id=TENANT, month=month, version=self.settings.version)

    def left(self) -> int:
        """The money that a hold may take now, by day and month."""
        settings, window, page = self.settings, self.window, self.page()
        month = settings.limit_of(window.month, self.clock.now) - page.use.used
        return max(0, min(month, settings.limit_of(window.date, self.clock.now) - page.day(window.day).used))

    def live(self, kind: HoldKind) -> list[Call]:
        """Calls that hold, in the order of their keys."""
        return [call for call in self.calls.values() if call.kind is kind and call.taken is not None]

    # ---- deeds -------------------------------------------------------------------------------------------------------------

    def hold(
        self,
        amount: int,
        *,
        kind: HoldKind = HoldKind.CALL,
        agent: str | None = None,
        cheaper: bool = False,
        counted: int | None = None,
        output_floor: int | None = None,
        known: TenantSettings | None = None,
        steps: Iterable[Step] = (),
    ) -> Call:
        """A call that holds, or was refused: then it has no `taken`. `known`: the settings that its gate last saw."""
        settings = known or self.settings
        menu = a_menu(
            amount,
            cheaper=cheaper,
            counted=counted,
            output=amount // 2 if output_floor else 0,
            output_floor=output_floor,
        )
        call = Call(key=self.new_key(), kind=kind, most=amount, begun_at=self.clock.now)
        self.calls[call.key] = call
        if menu.asked.under_soft_cap:
            self.audit.barred_below.add(call.key)
        wanted = Wanted(
            tenant_id=TENANT,
            key=call.key,
            kind=kind,
            window=window_at(self.clock.now, settings.zones),
            expires_at=self.clock.now + LIFE,
            attribution=labels(agent),
        )
        is_clean = self._play(steps)
        try:
            call.taken = take_hold(
                wanted,
                menu,
                settings,
                ledger=self.books.ledger,
                accounts=self.books.accounts,
                clock=self.clock,
                until=self.clock.now + LIFE,
                memory=self.memory,
            )
        except Killed:
            call.booked_at_rest = range(amount + 1)
        except BudgetRefused as error:
            _has_its_reason(error.refusal)
            call.booked_at_rest = self._refused(amount)
        except LedgerUnavailable:
            assert not is_clean, "REFUSED: no ledger, though nothing failed"
            call.booked_at_rest = self._refused(amount)
        else:
            call.booked_at_rest = frozenset({call.taken.hold.amount if kind is HoldKind.CALL else 0})
        return call

    def _refused(self, amount: int) -> frozenset[int] | range:
        """A phantom is left only by a gate that could not reach the table to cancel."""
        return range(amount + 1) if self.network.last_failed else frozenset({0})

    def settle(self, call: Call, cost: int, steps: Iterable[Step] = ()) -> None:
        taken, call.taken = call.taken, None
        assert taken is not None
        place = Place(
            tenant_id=TENANT, month=taken.hold_id.month, hold=taken.hold, seen=taken.page, unanswered=taken.unanswered
        )
        either = frozenset({cost, int(taken.hold.amount)})
        self._play(steps)
        try:
            span = a_span(taken.hold, cost, at=self.clock.now)
            page = settle(
                place, a_settlement(cost), span, self.books.ledger, clock=self.clock, until=self.clock.now + LIFE
            )
        except Killed:
            call.booked_at_rest = either
        else:
            thawed_in_time = self.clock.now - call.begun_at < THAWS_WITHIN
            call.booked_at_rest = frozenset({cost}) if page is not None and thawed_in_time else either

    def chat(
        self,
        words: str,
        output: int,
        result: Callable[[int], UpstreamResult],
        *,
        known: TenantSettings | None = None,
        meanwhile: Callable[[], None] | None = None,
        steps: Iterable[Step] = (),
        agent: str | None = None,
    ) -> Call:
        """A whole governed call. `result`: what the upstream says, by the output that it was allowed."""
        settings = known or self.settings
        body = {"model": "dear", "messages": [{"role": "user", "content": words}], "max_tokens": output}
        chat = parse_chat(body, labels(agent), default_model="dear")
        most = chat.input_bytes + chat.overhead_tokens + output
        call = Call(key=self.new_key(), kind=HoldKind.CALL, most=most, begun_at=self.clock.now)
        self.calls[call.key] = call
        self.upstream.results, self.upstream.meanwhile = [result(output)], self._aside(meanwhile)
        asked_before = len(self.upstream.asked)
        ports = ChatPorts(
            ledger=self.books.ledger,
            accounts=self.books.accounts,
            prices=TwoPrices(),
            counter=CountsLetters(),
            upstream=self.upstream,
            clock=self.clock,
            new_key=lambda: call.key,
            memory=self.memory,
        )
        self._play(steps)
        was_killed = False
        try:
            complete_chat(chat, settings, ports, request_id="request", deadline=self.clock.now + LIFE)
        except Killed:
            was_killed = True
        except (BudgetRefused, LedgerUnavailable, BreakerOpen, UpstreamRejected, UpstreamUnknown):
            pass
        bodies = self.upstream.asked[asked_before:]
        assert len(bodies) <= 1, "the upstream was asked twice within one hold"
        call.booked_at_rest = self._chat_at_rest(
            call, bodies[0] if bodies else None, result(output), was_killed=was_killed
        )
        return call

    def _chat_at_rest(
        self, call: Call, body: Mapping[str, Any] | None, result: UpstreamResult, *, was_killed: bool
    ) -> frozenset[int] | range:
        if body is None:
            return range(call.most + 1) if was_killed or self.network.last_failed else frozenset({0})
        assert call.key in self.audit.amounts, "a call was made that nothing was held for"
        held = self.audit.amounts[call.key]
        bill = cost_of(result.usage, TwoPrices().price_of(body["model"], NOON)) if isinstance(result, Answered) else 0
        cost = held if type(result).__name__ == "Unclear" else bill
        assert bill <= held, "the bill is above what was held"
        return frozenset({cost, held}) if was_killed or self.network.last_failed else frozenset({cost})

    def record(
        self,
        cost: int,
        *,
        record_id: str | None = None,
        call: Call | None = None,
        content: str = "one",
        steps: Iterable[Step] = (),
    ) -> None:
        """Money that was spent elsewhere, with a `check` hold or without one. The same record may come again."""
        hold_id = call.taken.hold_id if call is not None and call.taken is not None else None
        name = str(hold_id) if hold_id is not None else f"r:{record_id}"
        spent = Spent(
            record_id=name,
            content_hash=content,
            hold_id=hold_id,
            cost=NanoUsd(cost),
            usage=Usage(uncached=cost),
            model="dear",
            outcome=Outcome.RECORDED,
            attribution=labels(),
            request_id="request",
        )
        first, may_be_booked = self.records.get(name, (spent, frozenset({0})))
        self._play(steps)
        try:
            recorded = record(
                first, self.settings, ledger=self.books.ledger, accounts=self.books.accounts, clock=self.clock
            )
        except (LedgerUnavailable, Killed):
            self.records[name] = (
                first,
                may_be_booked if may_be_booked == {first.cost} else frozenset({0, int(first.cost)}),
            )
        else:
            assert recorded.cost == first.cost
            self.records[name] = (first, frozenset({int(first.cost)}))

    def close_live(self, call: Call, steps: Iterable[Step] = ()) -> None:
        """An admin gives up a hold: a check for nothing, a call in full. Its holder does not know."""
        assert call.taken is not None
        self._play(steps)
        with suppress(HoldNotFound, LedgerUnavailable, Killed):
            close_hold(TENANT, call.taken.hold_id, self.books.ledger, clock=self.clock)

    def sweep(self, steps: Iterable[Step] = ()) -> None:
        self._play(steps)
        with suppress(LedgerUnavailable, Killed):
            swept = sweep_holds(self.books.ledger, self.books.accounts, clock=self.clock)
            assert not swept.unbalanced

    def change(self, *, zone: str | None = None, steps: Iterable[Step] = (), **values: Any) -> None:
        self._play(steps)
        change = Change(tenant_id=TENANT, values=values, zone=zone, if_version=None)
        with suppress(LedgerUnavailable, Killed):
            change_limits(change, self.books.accounts, defaults=a_tenant, clock=self.clock)
        self.history.append(self.settings)

    def _play(self, steps: Iterable[Step]) -> bool:
        """True where nothing will fail."""
        steps = [replace(step, before=self._aside(step.before)) for step in steps]
        self.network.play(steps)
        return not steps

    def _aside(self, deed: Callable[[], None] | None) -> Callable[[], None] | None:
        """A deed between two requests of another: its own network troubles are not the other's."""
        if deed is None:
            return None

        def run() -> None:
            with self.network.aside():
                deed()

        return run

    # ---- at rest -----------------------------------------------------------------------------------------------------------

    def close_the_books(self) -> None:
        """Lets all that is on its way land, what is held run out, and compares the books with what was really spent."""
        self.network.play(())
        self.network.land_all()
        # An hour and more: `due` may stand at a tombstone's end, in front of a hold that ended long before it.
        for wait in (timedelta(minutes=10), timedelta(minutes=70)):
            self.clock.pass_by(wait)
            for _ in range(2):
                self.sweep()
        assert not any(page.holds for page in self.pages()), "HELD: something is held for ever"
        for call in self.calls.values():
            booked = self.audit.booked[call.key] - self._recorded(call.key)
            assert booked in call.booked_at_rest, (
                f"{call.key}: the books say {booked}, not one of {call.booked_at_rest}"
            )
        for name, (spent, allowed) in self.records.items():
            key = spent.hold_id.key if spent.hold_id is not None else ""
            booked = self.audit.booked[name[:64]] + self.audit.booked[key]
            assert booked in allowed, f"record {name}: the books say {booked}, not one of {set(allowed)}"
        self.clock.pass_by(timedelta(hours=2))
        self.sweep()
        assert not any(page.closed or page.due for page in self.pages()), "CLOSED: a key is kept for ever"

    def _recorded(self, key: str) -> int:
        """What the books have of a check hold's key is its record's."""
        return (
            self.audit.booked[key]
            if any(spent.hold_id is not None and spent.hold_id.key == key for spent, _ in self.records.values())
            else 0
        )


def _has_its_reason(refusal: Refusal) -> None:
    """A refusal for want of money shows less than was asked."""
    window = refusal.window
    assert window is None or refusal.reason is Reason.TOKEN_BUDGET or window.remaining < refusal.asked


def shop_in_memory(*, tries: int = 3, now: datetime = NOON, **fields: Any) -> Shop:
    table, clock = MemoryTable(), TellingClock(now)
    network = Network(clock)
    books = books_in_memory(table, MemoryCarry(network, table), tries=tries)
    shop = _shop(books, network, clock, lambda: list(table.pages.values()), lambda: table.accounts[TENANT])
    return _started(shop, books_in_memory(table, DirectCarry(table)), fields)


def shop_in_dynamodb(client: Any, **fields: Any) -> Shop:
    """On a table of its own: `client` is of an empty one."""
    clock = TellingClock()
    network = Network(clock)
    direct = books_in_dynamodb(client)
    months: set[str] = set()

    def account() -> TenantSettings:
        settings = direct.accounts.read(TENANT)
        assert settings is not None
        return settings

    def pages() -> list[Page]:
        months.update(months_around(a_tenant(), clock.now))
        found = (direct.ledger.read_page(TENANT, month) for month in sorted(months))
        return [page for page in found if page is not None]

    return _started(
        _shop(books_in_dynamodb(FaultyClient(client, network)), network, clock, pages, account), direct, fields
    )


def _shop(
    books: Books,
    network: Network,
    clock: TellingClock,
    pages: Callable[[], list[Page]],
    account: Callable[[], TenantSettings],
) -> Shop:
    audit = Audit(pages, account)
    network.after_write = audit
    return Shop(books=books, network=network, clock=clock, audit=audit, pages=pages, account=account)


def _started(shop: Shop, direct: Books, fields: Mapping[str, Any]) -> Shop:
    settings = a_tenant(TENANT, **fields)
    assert direct.accounts.create(settings, months_around(settings, shop.clock.now))
    shop.history.append(settings)
    return shop
