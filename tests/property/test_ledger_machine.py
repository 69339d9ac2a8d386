"""Random histories of the real use cases, over a network that fails: the promises of the ledger hold after every write.

`Audit` looks at the pages after each write; `close_the_books` compares them with what was really spent.
"""

import os
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from tests.fakes.moto_dynamodb import dynamodb_client
from tests.fakes.network import Fate, Step
from tests.property.shop import Shop, shop_in_dynamodb, shop_in_memory
from tollgate.domain.money import NanoUsd
from tollgate.domain.outcome import Answered, Declined, NotSent, Unclear, UpstreamResult
from tollgate.domain.page import HoldKind
from tollgate.domain.tenant import AgentLimits, Mode, Raise, TenantSettings
from tollgate.domain.usage import Usage
from tollgate.usecases.remember_refusals import RefusalMemory

IS_SOAK = os.environ.get("HYPOTHESIS_PROFILE") == "soak"
AGENTS = st.sampled_from([None, None, "booking-agent", "call-agent"])
# Most requests are answered, so that a history gets somewhere before it is broken.
DEATHS = st.sampled_from([Fate.DEATH, Fate.DEATH_SENT, Fate.DEATH_DONE])
FATES = st.integers(0, 19).flatmap(
    lambda number: (
        DEATHS
        if number == 0
        else st.sampled_from([*[Fate.ANSWERED] * 9, *[Fate.LOST] * 3, *[Fate.LATE] * 4, Fate.VANISHED, Fate.BUSY])
    )
)
ASIDES = st.sampled_from([None] * 9 + ["land", "land", "lower", "raise", "raise", "suspend", "thaw", "rival", "turn"])
OFTEN_NOT = st.sampled_from([False, False, False, True])
SCRIPTS = st.just(()) | st.lists(st.tuples(FATES, ASIDES), min_size=1, max_size=8)
AMOUNTS = st.integers(0, 40) | st.sampled_from(["left-1", "left", "left+1"])
LIMITS = st.integers(0, 150).map(NanoUsd)
CHANGES = st.one_of(
    st.fixed_dictionaries({"daily_limit": LIMITS}),
    st.fixed_dictionaries({"monthly_limit": LIMITS}),
    st.fixed_dictionaries(
        {"daily_limit": st.just(NanoUsd(200)), "monthly_limit": st.just(NanoUsd(300)), "suspended": st.just(False)}
    ),
    st.fixed_dictionaries({"suspended": OFTEN_NOT}),
    st.fixed_dictionaries({"mode": st.sampled_from(Mode)}),
    st.fixed_dictionaries({"soft_cap": st.sampled_from([Decimal(0), Decimal("0.5"), Decimal(1)])}),
    st.fixed_dictionaries(
        {"daily_token_limit": st.none() | st.integers(0, 200), "monthly_token_limit": st.none() | st.integers(0, 300)}
    ),
    st.fixed_dictionaries({"in_flight_max": st.integers(1, 4), "requests_per_minute": st.integers(0, 6)}),
    st.fixed_dictionaries({"in_flight_max": st.just(20), "requests_per_minute": st.just(300)}),
    st.fixed_dictionaries(
        {
            "agents": st.dictionaries(
                st.sampled_from(["booking-agent", "call-agent"]),
                st.builds(AgentLimits, daily=LIMITS, monthly=st.none() | LIMITS),
            )
        }
    ),
    st.fixed_dictionaries({"cheaper_model": st.sampled_from([None, "cheap"])}),
)
TIMES = st.sampled_from(
    ["second", "minute", "sweep", "hour", "before the day's end", "the day's end", "the month's end", "days"]
)


class LedgerMachine(RuleBasedStateMachine):
    """`shop` is made by each subclass."""

    shop: Shop

    # ---- calls -------------------------------------------------------------------------------------------------------------

    @rule(
        amount=AMOUNTS,
        agent=AGENTS,
        cheaper=st.booleans(),
        counted=st.none() | st.integers(0, 40),
        output_floor=st.none() | st.integers(1, 20),
        is_stale=OFTEN_NOT,
        script=SCRIPTS,
    )
    def hold_a_call(
        self,
        amount: Any,
        agent: str | None,
        cheaper: bool,
        counted: int | None,
        output_floor: int | None,
        is_stale: bool,
        script: Any,
    ) -> None:
        self.shop.hold(
            self._amount(amount),
            agent=agent,
            cheaper=cheaper,
            counted=counted,
            output_floor=output_floor,
            known=self._known(is_stale),
            steps=self._steps(script),
        )

    @rule(amount=AMOUNTS, agent=AGENTS, is_stale=OFTEN_NOT, script=SCRIPTS)
    def hold_a_check(self, amount: Any, agent: str | None, is_stale: bool, script: Any) -> None:
        self.shop.hold(
            self._amount(amount),
            kind=HoldKind.CHECK,
            agent=agent,
            known=self._known(is_stale),
            steps=self._steps(script),
        )

    @precondition(lambda self: self.shop.live(HoldKind.CALL))
    @rule(
        which=st.integers(0, 9),
        cost=st.integers(0, 40),
        how=st.sampled_from(["under", "exact", "over"]),
        script=SCRIPTS,
    )
    def settle_a_call(self, which: int, cost: int, how: str, script: Any) -> None:
        live = self.shop.live(HoldKind.CALL)
        call = live[which % len(live)]
        assert call.taken is not None
        held = int(call.taken.hold.amount)
        self.shop.settle(call, {"under": min(cost, held), "exact": held, "over": held + cost}[how], self._steps(script))

    @rule(
        letters=st.integers(0, 20),
        output=st.integers(1, 20),
        how=st.sampled_from(["ok", "ok", "declined", "unclear", "not sent"]),
        is_stale=OFTEN_NOT,
        meanwhile=ASIDES,
        script=SCRIPTS,
        agent=AGENTS,
    )
    def chat(
        self, letters: int, output: int, how: str, is_stale: bool, meanwhile: str | None, script: Any, agent: str | None
    ) -> None:
        def result(allowed: int) -> UpstreamResult:
            match how:
                case "ok":
                    return Answered(body={}, usage=Usage(uncached=letters, output=allowed), tier="default")
                case "declined":
                    return Declined(status=429, body={}, message="")
                case "unclear":
                    return Unclear(message="", code="timeout")
                case _:
                    return NotSent(message="")

        self.shop.chat(
            "é" * letters,
            output,
            result,
            known=self._known(is_stale),
            meanwhile=self._aside(meanwhile),
            steps=self._steps(script),
            agent=agent,
        )

    # ---- records -----------------------------------------------------------------------------------------------------------

    @rule(number=st.integers(0, 3), cost=st.integers(0, 40), script=SCRIPTS)
    def record(self, number: int, cost: int, script: Any) -> None:
        self.shop.record(cost, record_id=str(number), steps=self._steps(script))

    @precondition(lambda self: self.shop.live(HoldKind.CHECK))
    @rule(which=st.integers(0, 9), cost=st.integers(0, 40), script=SCRIPTS)
    def record_with_a_check(self, which: int, cost: int, script: Any) -> None:
        live = self.shop.live(HoldKind.CHECK)
        self.shop.record(cost, call=live[which % len(live)], steps=self._steps(script))

    # ---- the rest of the world ----------------------------------------------------------------------------------------------

    @precondition(lambda self: self.shop.live(HoldKind.CALL) or self.shop.live(HoldKind.CHECK))
    @rule(which=st.integers(0, 9), script=SCRIPTS)
    def close_a_live_hold(self, which: int, script: Any) -> None:
        live = self.shop.live(HoldKind.CALL) + self.shop.live(HoldKind.CHECK)
        self.shop.close_live(live[which % len(live)], self._steps(script))

    @rule(remembers=st.booleans())
    def start_another_environment(self, remembers: bool) -> None:
        self.shop.memory = RefusalMemory() if remembers else None

    @rule(values=CHANGES, script=SCRIPTS)
    def change_settings(self, values: dict[str, Any], script: Any) -> None:
        self.shop.change(**values, steps=self._steps(script))

    @rule(zone=st.sampled_from(["UTC", "America/Chicago", "Pacific/Kiritimati"]))
    def change_the_zone(self, zone: str) -> None:
        self.shop.change(zone=zone)

    @rule(amount=st.integers(1, 50), minutes=st.integers(0, 90), of_the_day=st.booleans())
    def raise_a_limit(self, amount: int, minutes: int, of_the_day: bool) -> None:
        window = self.shop.window
        extra = Raise(
            raise_id="1",
            window=window.date if of_the_day else window.month,
            amount=NanoUsd(amount),
            reason="a storm",
            until=self.shop.clock.now + timedelta(minutes=minutes),
        )
        self.shop.change(raises=(extra,))

    @rule(time=TIMES)
    def pass_time(self, time: str) -> None:
        window, now = self.shop.window, self.shop.clock.now
        self.shop.clock.now = {
            "second": now + timedelta(seconds=1),
            "minute": now + timedelta(seconds=61),
            "sweep": now + timedelta(minutes=4),
            "hour": now + timedelta(minutes=61),
            "before the day's end": max(now, window.day_ends_at - timedelta(seconds=1)),
            "the day's end": window.day_ends_at,
            "the month's end": window.month_ends_at,
            "days": now + timedelta(days=4),
        }[time]

    @rule(script=SCRIPTS)
    def sweep(self, script: Any) -> None:
        self.shop.sweep(self._steps(script))

    @precondition(lambda self: self.shop.network.delayed)
    @rule(which=st.integers(0, 9))
    def a_late_write_lands(self, which: int) -> None:
        self.shop.network.play(())
        self.shop.network.land(which)

    def teardown(self) -> None:
        if hasattr(self, "shop"):
            self.shop.close_the_books()

    # ---- how a drawn value is meant ------------------------------------------------------------------------------------------

    def _amount(self, amount: int | str) -> int:
        if isinstance(amount, int):
            return amount
        return max(0, self.shop.left() + {"left-1": -1, "left": 0, "left+1": 1}[amount])

    def _known(self, is_stale: bool) -> TenantSettings:
        return self.shop.history[-2 if is_stale and len(self.shop.history) > 1 else -1]

    def _steps(self, script: Any) -> list[Step]:
        return [Step(fate, self._aside(aside)) for fate, aside in script]

    def _aside(self, name: str | None) -> Callable[[], None] | None:
        shop = self.shop
        deeds: dict[str, Callable[[], None]] = {
            "land": shop.network.land,
            "lower": lambda: shop.change(daily_limit=NanoUsd(shop.page().day(shop.window.day).used)),
            "raise": lambda: shop.change(daily_limit=NanoUsd(shop.settings.daily_limit + 20)),
            "suspend": lambda: shop.change(suspended=not shop.settings.suspended),
            "thaw": self._thaw,
            "rival": self._rival,
            "turn": lambda: setattr(shop.clock, "now", shop.window.day_ends_at),
        }
        return deeds[name] if name is not None else None

    def _thaw(self) -> None:
        """The holder is frozen until its hold has lapsed."""
        self.shop.clock.pass_by(timedelta(minutes=4))
        self.shop.sweep()

    def _rival(self) -> None:
        """Another call takes all that is left, and spends half of it."""
        call = self.shop.hold(self.shop.left())
        if call.taken is not None:
            self.shop.settle(call, int(call.taken.hold.amount) // 2)


class MemoryMachine(LedgerMachine):
    @initialize(cheaper=st.sampled_from([None, "cheap"]))
    def start(self, cheaper: str | None) -> None:
        self.shop = shop_in_memory(monthly_limit=NanoUsd(300), cheaper_model=cheaper)


def test_the_promises_hold_in_every_history() -> None:
    examples, steps = (3_000, 60) if IS_SOAK else (120, 30)

    run_state_machine_as_test(MemoryMachine, settings=settings(max_examples=examples, stateful_step_count=steps))


def test_the_promises_hold_in_dynamodb_too() -> None:
    examples, steps = (100, 40) if IS_SOAK else (5, 20)
    with dynamodb_client() as client:

        class DynamoDbMachine(LedgerMachine):
            @initialize(cheaper=st.sampled_from([None, "cheap"]))
            def start(self, cheaper: str | None) -> None:
                _empty(client)
                self.shop = shop_in_dynamodb(client, monthly_limit=NanoUsd(300), cheaper_model=cheaper)

        run_state_machine_as_test(DynamoDbMachine, settings=settings(max_examples=examples, stateful_step_count=steps))


def _empty(client: Any) -> None:
    for item in client.scan(TableName="ledger", ProjectionExpression="pk, sk")["Items"]:
        client.delete_item(TableName="ledger", Key=item)


@pytest.mark.parametrize("time", [timedelta(0), timedelta(hours=3)])
def test_a_shop_without_faults_keeps_plain_books(time: timedelta) -> None:
    shop = shop_in_memory()
    call = shop.hold(60)
    shop.settle(call, 25)
    shop.clock.pass_by(time)
    refused, let_in = shop.hold(76), shop.hold(75)

    shop.close_the_books()

    assert (refused.taken, let_in.taken is not None) == (None, True)
    assert shop.page().use.spent == 100
