"""The scopes A to X of the ledger's model, played by the real use cases: small worlds in which each rule once was found to be needed.

Small scopes are explored whole, the others by drawn walks; HYPOTHESIS_PROFILE=soak explores far more.
"""

import os
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from tests.fakes.ledger_world import (
    DEAR,
    NOON,
    a_menu,
    a_price,
    a_settlement,
    a_span,
    a_tenant,
    books_in_memory,
    labels,
)
from tests.fakes.memory_ledger import MemoryTable
from tests.property.interleavings import TENANT, Actor, Program, Replay, Scope, World, explore, walk
from tollgate.domain.downgrade import Menu, Offer, menu_of
from tollgate.domain.errors import BudgetRefused, LedgerUnavailable
from tollgate.domain.money import NanoUsd
from tollgate.domain.page import HoldKind
from tollgate.domain.price import TOKENS_PER_MTOK, Bound
from tollgate.domain.tenant import AgentLimits, Mode, Raise
from tollgate.domain.window import window_at
from tollgate.usecases.change_limits import Change, change_limits
from tollgate.usecases.settle_hold import Place, settle
from tollgate.usecases.take_hold import Wanted, take_hold

IS_SOAK = os.environ.get("HYPOTHESIS_PROFILE") == "soak"
STATES_MAX, WALKS = (200_000, 5_000) if IS_SOAK else (300, 25)
# Even one call alone has more, by the ways in which two answers can be lost.
STATES_LEAST = 10
TRIES = 2
LIFE = timedelta(minutes=2)
AGENT = "booking-agent"
SAME_TIME = (NOON,)
# A signed request is dead after minutes, so the turns are seconds apart: what is late may land after them.
DAYS = (datetime(2024, 3, 5, 23, 59, 59, tzinfo=UTC), datetime(2024, 3, 6, tzinfo=UTC))
MONTHS = (datetime(2024, 3, 31, 23, 59, 59, tzinfo=UTC), datetime(2024, 4, 1, tzinfo=UTC))
A_MINUTE = (NOON, NOON + timedelta(minutes=1))
LOWER = {"monthly_limit": NanoUsd(5), "daily_limit": NanoUsd(5)}
HIGHER = {"monthly_limit": NanoUsd(20), "daily_limit": NanoUsd(20)}
SUSPEND, LIFT = {"suspended": True}, {"suspended": False}
RAISES = tuple(
    Raise(raise_id=window, window=window, amount=NanoUsd(4), until=A_MINUTE[1], reason="")
    for window in ("2024-03", "2024-03-05")
)
OBSERVE, ENFORCE = {"mode": Mode.OBSERVE}, {"mode": Mode.ENFORCE}


def budget_of(limit: int | None) -> dict[str, Any]:
    return {"agents": {AGENT: AgentLimits(monthly=NanoUsd(limit))} if limit is not None else {}}


def downgraded(dear: int, cheap: int) -> Menu:
    cheaper = a_price("cheap", per_token=TOKENS_PER_MTOK * cheap // dear)
    bound = Bound(input=dear, output=0)
    return menu_of(
        Offer(price=DEAR, bound=bound, under_soft_cap=False),
        [Offer(price=cheaper, bound=bound, under_soft_cap=False)],
        lambda offer: offer.bound,
    )


def a_call(
    menu: Menu | int = 4, cost: int = 1, *, agent: bool = False, lag: int = 0, closable: bool = False
) -> dict[str, Any]:
    return {
        "menu": a_menu(menu) if isinstance(menu, int) else menu,
        "cost": cost,
        "agent": agent,
        "lag": lag,
        "closable": closable,
    }


def _call_program(key: str, first: Any, plan: dict[str, Any]) -> Program:
    """Hold, spend, settle: by the settings that were in force at the start."""

    def run(replay: Replay, did: dict[str, Any]) -> None:
        books = books_in_memory(MemoryTable(), replay, tries=TRIES)
        wanted = Wanted(
            tenant_id=TENANT,
            key=key,
            kind=HoldKind.CALL,
            window=window_at(replay.clock(), first.zones),
            expires_at=replay.clock() + LIFE,
            attribution=labels(AGENT if plan["agent"] else None),
        )
        until = replay.clock() + LIFE
        try:
            taken = take_hold(
                wanted,
                plan["menu"],
                first,
                ledger=books.ledger,
                accounts=books.accounts,
                clock=replay.clock,
                until=until,
            )
        except (BudgetRefused, LedgerUnavailable) as error:
            did["refused"] = type(error).__name__
            return
        did["cost"] = cost = min(plan["cost"], int(taken.hold.amount))
        place = Place(
            tenant_id=TENANT, month=taken.hold_id.month, hold=taken.hold, seen=taken.page, unanswered=taken.unanswered
        )
        page = settle(
            place, a_settlement(cost), a_span(taken.hold, cost, at=NOON), books.ledger, clock=replay.clock, until=until
        )
        did["settled"] = page is not None

    return run


def _admin_program(changes: tuple[dict[str, Any], ...]) -> Program:
    def run(replay: Replay, did: dict[str, Any]) -> None:
        books = books_in_memory(MemoryTable(), replay, tries=TRIES)
        for values in changes:
            change = Change(tenant_id=TENANT, values=values, zone=None, if_version=None)
            try:
                change_limits(change, books.accounts, defaults=a_tenant, clock=replay.clock)
            except LedgerUnavailable:
                return

    return run


def a_scope(
    *calls: dict[str, Any],
    month: int = 10,
    day: int | None = None,
    admins: tuple[tuple[dict[str, Any], ...], ...] = (),
    times: tuple[datetime, ...] = SAME_TIME,
    budget: tuple[int, int, int, int] = (0, 0, 0, 0),
    opened: bool = True,
    **fields: Any,
) -> Scope:
    """`budget`: answers lost, writes late, deaths, holds closed by an admin."""
    settings = a_tenant(
        TENANT, monthly_limit=NanoUsd(month), daily_limit=NanoUsd(month if day is None else day), **fields
    )
    table = MemoryTable()
    books = books_in_memory(table)
    assert books.accounts.create(settings, ())
    if opened:
        assert books.ledger.open_page(settings, window_at(times[0], settings.zones).month)
    actors = [
        Actor(program=_call_program(key, settings, plan), lag=plan["lag"], key=key, is_closable=plan["closable"])
        for number, plan in enumerate(calls)
        for key in [f"call{number:08}"]
    ]
    actors += [Actor(program=_admin_program(changes)) for changes in admins]
    names = ("lost", "late", "deaths", "closings")
    return Scope(
        actors=tuple(actors),
        times=times,
        budget=dict(zip(names, budget, strict=True)),
        table=table,
        check=_check(tuple(actors)),
    )


def _check(actors: tuple[Actor, ...]) -> Any:
    def check(world: World) -> None:
        """When all are at rest, what is on its way never lands, and what is held lapses."""
        if not all(progress.is_at_rest for progress in world.actors):
            return
        for actor, progress in zip(actors, world.actors, strict=True):
            if actor.key is None:
                continue
            did = dict(progress.did)
            held = sum(page.holds[actor.key].amount for page in world.table.pages.values() if actor.key in page.holds)
            booked, cost = world.audit.booked[actor.key] + held, did.get("cost", 0)
            assert booked >= cost, f"LOST: {actor.key} cost {cost}, the books have {booked}"
            assert not did.get("settled") or booked == cost, f"PHANTOM of a settled call: {booked} for {cost}"
            assert "refused" not in did or booked == 0, f"PHANTOM of a call that was never made: {booked}"

    return check


SCOPES = {
    "A one call, two answers lost": a_scope(a_call(), budget=(2, 0, 0, 0)),
    "B two calls, tight, answers lost, a death": a_scope(a_call(6, 6), a_call(6, 2), budget=(2, 0, 1, 0)),
    "C one call, two writes late": a_scope(a_call(), budget=(0, 2, 0, 0)),
    "D a downgraded call, its dear try late": a_scope(
        a_call(2, 1), a_call(downgraded(5, 2)), soft_cap=Decimal("0.1"), budget=(0, 1, 0, 0)
    ),
    "E an admin closes live holds, a write late, an answer lost": a_scope(
        a_call(4, 3, closable=True), budget=(1, 1, 0, 1)
    ),
    "F two calls, one late, one death, one lost": a_scope(a_call(4, 1), a_call(6, 3), budget=(1, 1, 1, 0)),
    "G three calls, two in flight, tight, one late": a_scope(
        a_call(4, 4), a_call(4, 1), a_call(4, 2), month=8, in_flight_max=2, budget=(0, 1, 0, 0)
    ),
    "H limit lowered, two calls, one write late": a_scope(a_call(), a_call(), admins=((LOWER,),), budget=(0, 1, 0, 0)),
    "I limit lowered at the day's turn, one late": a_scope(
        a_call(),
        a_call(4, 2),
        day=6,
        month=20,
        admins=(({"daily_limit": NanoUsd(4)},),),
        times=DAYS,
        budget=(0, 1, 0, 0),
    ),
    "J limit lowered at the month's turn, pages opened": a_scope(
        a_call(6), a_call(6), admins=((LOWER,),), times=MONTHS, budget=(0, 1, 0, 0)
    ),
    "K the same, a gate whose clock is behind": a_scope(
        a_call(6, lag=1), a_call(4), admins=((LOWER,),), times=MONTHS, budget=(0, 1, 0, 0)
    ),
    "L suspended at the month's turn, a gate behind, one late": a_scope(
        a_call(lag=1), a_call(), admins=((SUSPEND,),), times=MONTHS, budget=(0, 1, 0, 0)
    ),
    "M two gates open the page, two changes between, one lost": a_scope(
        a_call(), a_call(), opened=False, admins=((LOWER, HIGHER),), budget=(1, 0, 0, 0)
    ),
    "N two admins, two gates, page not open": a_scope(
        a_call(6), a_call(6), opened=False, admins=((LOWER,), (SUSPEND, LIFT))
    ),
    "O observe on, then off, two calls past the limit, one late": a_scope(
        a_call(6), a_call(6), admins=((OBSERVE, ENFORCE),), budget=(0, 1, 0, 0)
    ),
    "P agent's budget given and taken mid-call, one closing, one lost": a_scope(
        a_call(4, 1, agent=True, closable=True),
        a_call(3, 1, agent=True),
        admins=((budget_of(5), budget_of(None)),),
        budget=(1, 0, 0, 1),
    ),
    "Q agent's budget taken and given, one death, one late": a_scope(
        a_call(4, 1, agent=True),
        a_call(3, 1, agent=True),
        admins=((budget_of(None), budget_of(5)),),
        budget=(0, 1, 1, 0),
        **budget_of(6),
    ),
    "R a raise that ends, two calls, an answer lost": a_scope(
        a_call(6, 2),
        a_call(6, 2),
        times=A_MINUTE,
        budget=(1, 0, 0, 0),
        raises=RAISES,
    ),
    "S a raise that ends, a hold's write late": a_scope(
        a_call(6, 2),
        a_call(6, 2),
        times=A_MINUTE,
        budget=(0, 1, 0, 0),
        raises=RAISES,
    ),
    "T a change between two tries, one lost, one late": a_scope(
        a_call(4, 2), admins=((HIGHER, {"soft_cap": Decimal(0)}),), budget=(1, 1, 0, 0)
    ),
    "U refused as asked, held smaller, the first try late": a_scope(
        a_call(a_menu(6, counted=2)), a_call(6, 1), budget=(0, 1, 0, 0)
    ),
    "V a hold tried again after the month's turn": a_scope(a_call(4, 2), times=MONTHS, budget=(1, 1, 0, 0)),
    "W two calls, a change, a day's turn, one closing, one death, one late": a_scope(
        a_call(4, 2, closable=True), a_call(6, 3), admins=((LOWER,),), times=DAYS, budget=(0, 1, 1, 1)
    ),
    "X an agent's budget, a downgrade, a month's turn, opening, one lost, one late": a_scope(
        a_call(3, 1, agent=True),
        a_call(downgraded(5, 2), agent=True),
        soft_cap=Decimal("0.1"),
        admins=((budget_of(4),),),
        times=MONTHS,
        opened=False,
        budget=(1, 1, 0, 0),
    ),
}


@pytest.mark.parametrize("name", SCOPES)
def test_no_order_of_requests_breaks_a_promise(name: str) -> None:
    """The search raises with the way that led to the broken one."""
    states_seen = explore(SCOPES[name], states_max=STATES_MAX)
    ends = [walk(SCOPES[name], seed) for seed in range(WALKS)]

    assert states_seen > STATES_LEAST
    assert all(progress.is_at_rest for world in ends for progress in world.actors), "the books are judged at rest"
