"""Short histories of the real use cases that once lost or doubled money in a model: each is a rule of the ledger.

`test_planted_faults.py` takes each rule out, and sees that its history here finds that.
"""

from collections.abc import Callable
from datetime import timedelta

import pytest

from tests.fakes.ledger_world import a_tenant
from tests.fakes.network import Fate, Step
from tests.property.shop import Shop, shop_in_memory
from tollgate.domain.hold_id import kind_of
from tollgate.domain.money import NanoUsd
from tollgate.domain.outcome import Answered
from tollgate.domain.page import HoldKind
from tollgate.domain.tenant import AgentLimits, Mode
from tollgate.domain.usage import Usage
from tollgate.wiring import new_call_key, new_check_key

LOST, LATE, DIES = Step(Fate.LOST), Step(Fate.LATE), Step(Fate.DEATH_DONE)
ALL_LOST = [LOST] * 3


@pytest.fixture
def shop() -> Shop:
    return shop_in_memory()


def in_turn(*deeds: Callable[[], None]) -> Callable[[], None]:
    def run() -> None:
        for deed in deeds:
            deed()

    return run


def _opened(shop: Shop) -> Shop:
    """Its page is there, as it is for all calls of a month but the first."""
    shop.settle(shop.hold(0), 0)
    return shop


# ---- room -------------------------------------------------------------------------------------------------------------------


def test_no_call_passes_what_is_left_of_the_day(shop: Shop) -> None:
    shop.settle(shop.hold(40), 40)

    assert shop.hold(61).taken is None
    assert shop.hold(60).taken is not None
    assert shop.hold(1).taken is None

    shop.close_the_books()


def test_no_call_passes_what_is_left_of_the_month() -> None:
    shop = shop_in_memory(monthly_limit=NanoUsd(100), daily_limit=NanoUsd(90))
    shop.settle(shop.hold(40), 40)
    shop.clock.pass_by(timedelta(days=1))

    assert shop.hold(61).taken is None
    assert shop.hold(60).taken is not None

    shop.close_the_books()


def test_a_gate_with_old_settings_holds_nothing_by_them(shop: Shop) -> None:
    old = _opened(shop).settings
    shop.change(daily_limit=NanoUsd(10))

    assert shop.hold(50, known=old).taken is None

    shop.close_the_books()


def test_a_late_hold_of_old_settings_does_not_land(shop: Shop) -> None:
    _opened(shop)
    call = shop.hold(50, steps=[Step(Fate.DEATH_SENT)])
    shop.change(daily_limit=NanoUsd(10))
    shop.network.land_all()

    assert call.key not in shop.audit.amounts

    shop.close_the_books()


def test_a_limit_lowered_while_the_page_opens_counts_for_it(shop: Shop) -> None:
    """The account changes between the gate's look and its opening of the page."""
    lower = Step(before=lambda: shop.change(daily_limit=NanoUsd(10)))

    assert shop.hold(50, steps=[Step(), lower]).taken is None

    shop.close_the_books()


@pytest.mark.parametrize("turn", ["the day", "the month"])
def test_a_limit_lowered_at_a_turn_counts_on_both_sides_of_it(shop: Shop, turn: str) -> None:
    """A gate whose clock is behind writes on the page of the month before."""
    _opened(shop)
    old, before = shop.settings, shop.clock.now
    shop.clock.now = shop.window.day_ends_at if turn == "the day" else shop.window.month_ends_at
    _opened(shop)
    shop.change(daily_limit=NanoUsd(10), monthly_limit=NanoUsd(10))

    now, shop.clock.now = shop.clock.now, before
    within, above = shop.hold(5, known=old), shop.hold(6, known=old)
    shop.clock.now = now

    assert (within.taken is not None, above.taken) == (True, None)
    shop.close_the_books()


def test_a_suspended_tenant_holds_nothing_by_old_settings_either(shop: Shop) -> None:
    old = _opened(shop).settings
    shop.change(suspended=True, mode=Mode.OBSERVE)

    assert shop.hold(0, known=old).taken is None

    shop.close_the_books()


def test_only_so_many_calls_are_in_flight() -> None:
    shop = shop_in_memory(in_flight_max=2)
    for _ in range(2):
        assert shop.hold(1).taken is not None

    assert shop.hold(1).taken is None

    shop.close_the_books()


def test_yesterday_s_minute_refuses_nothing_today() -> None:
    shop = shop_in_memory(requests_per_minute=1)
    shop.hold(1)
    shop.clock.pass_by(timedelta(days=1))

    assert shop.hold(1).taken is not None

    shop.close_the_books()


# ---- writes that are lost, late and repeated ---------------------------------------------------------------------------------


def test_a_hold_whose_answers_were_lost_is_cancelled(shop: Shop) -> None:
    call = _opened(shop).hold(40, steps=ALL_LOST)

    assert (call.taken, shop.page().use.used) == (None, 0)

    shop.close_the_books()


def test_a_hold_that_lands_after_it_was_cancelled_is_refused(shop: Shop) -> None:
    call = _opened(shop).hold(40, steps=[LATE] * 3)
    shop.network.land_all()

    assert call.key not in shop.audit.amounts

    shop.close_the_books()


def test_a_hold_that_may_land_on_a_page_to_come_is_cancelled_there(shop: Shop) -> None:
    shop.hold(40, steps=[LATE] * 3)
    shop.hold(1)
    shop.network.land_all()

    assert shop.page().use.used == 1

    shop.close_the_books()


def test_the_late_twin_of_a_settled_hold_is_refused(shop: Shop) -> None:
    call = _opened(shop).hold(40, steps=[LATE])
    shop.settle(call, 7)
    shop.network.land_all()

    assert shop.page().use.used == 7

    shop.close_the_books()


def test_a_settlement_sent_again_counts_once(shop: Shop) -> None:
    call = _opened(shop).hold(40)
    shop.settle(call, 7, [LOST])

    assert shop.page().use.used == 7

    shop.close_the_books()


def test_a_settlement_that_lands_after_its_retry_counts_once(shop: Shop) -> None:
    first, second = _opened(shop).hold(40), shop.hold(40)
    shop.settle(first, 7, [LATE])
    shop.network.land_all()
    shop.settle(second, 5)

    assert shop.page().use.spent == 12

    shop.close_the_books()


def test_a_settlement_that_never_got_through_lapses_in_full(shop: Shop) -> None:
    call = _opened(shop).hold(40)
    shop.settle(call, 7, [Step(Fate.VANISHED)] * 3)
    assert set(call.booked_at_rest) == {7, 40}

    shop.close_the_books()

    assert shop.audit.booked[call.key] == 40


def test_every_try_of_one_call_has_one_key(shop: Shop) -> None:
    """Refused as asked, its first try still on its way, then held for less: when the first lands there is room for it."""
    _opened(shop)
    other = shop.hold(92)
    call = shop.hold(10, counted=7, steps=[LATE])
    shop.settle(other, 0)
    shop.network.land_all()
    shop.settle(call, 7)

    shop.close_the_books()

    assert shop.audit.booked.total() == 7


def test_an_earlier_dearer_try_that_landed_is_the_hold(shop: Shop) -> None:
    """Refused for want of room, its dear try lands once there is some, and the smaller try meets it."""
    other = _opened(shop).hold(95)
    free_and_land = Step(before=in_turn(lambda: shop.settle(other, 0), shop.network.land_all))
    call = shop.hold(10, counted=4, steps=[LATE, Step(), free_and_land])

    assert call.taken is not None
    assert call.taken.hold.amount == 10
    shop.settle(call, 4)

    shop.close_the_books()


def test_a_cheaper_call_in_an_earlier_dearer_hold_is_billed_as_the_cheaper_call() -> None:
    """Soft zone at the try, none when the dear try lands: the cheap model is asked within the dear hold."""
    shop = _opened(shop_in_memory(cheaper_model="cheap"))
    shop.settle(shop.hold(85), 85)
    lift = Step(before=in_turn(lambda: shop.change(daily_limit=NanoUsd(1000)), shop.network.land_all))

    call = shop.chat(
        "",
        1,
        lambda allowed: Answered(body={}, usage=Usage(uncached=10, output=allowed), tier="default"),
        steps=[LATE, Step(), lift],
    )

    shop.close_the_books()
    assert shop.audit.booked[call.key] in (0, 6, 11)


def test_a_key_is_never_given_twice() -> None:
    calls, checks = ({draw() for _ in range(10_000)} for draw in (new_call_key, new_check_key))

    assert len(calls | checks) == 20_000
    assert {len(key) for key in calls | checks} == {12}
    assert {kind_of(key) for key in calls} == {HoldKind.CALL}
    assert {kind_of(key) for key in checks} == {HoldKind.CHECK}


def test_two_calls_have_two_holds(shop: Shop) -> None:
    shop.hold(10)
    shop.hold(10)

    assert shop.page().use.used == 20

    shop.close_the_books()


def test_a_later_try_after_the_month_s_turn_goes_to_the_page_of_the_first(shop: Shop) -> None:
    _opened(shop)
    shop.hold(95)
    turn = Step(before=lambda: setattr(shop.clock, "now", shop.window.month_ends_at))
    call = shop.hold(10, counted=4, steps=[LATE, turn])

    assert call.taken is not None
    assert str(call.taken.hold_id).startswith("2024-03.05.")
    shop.settle(call, 4)
    shop.close_the_books()


# ---- holds that somebody else closes -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cost", [0, 7, 40, 45])
def test_a_holder_that_comes_back_books_what_it_really_cost(shop: Shop, cost: int) -> None:
    call = _opened(shop).hold(40)
    shop.clock.pass_by(timedelta(minutes=4))
    shop.sweep()
    assert shop.page().use.spent == 40

    shop.settle(call, cost)

    assert shop.page().use.spent == cost
    shop.close_the_books()


def test_a_late_settlement_sent_again_counts_once(shop: Shop) -> None:
    call = _opened(shop).hold(40)
    shop.close_live(call)

    shop.settle(call, 7, [Step(), LOST, LATE])
    shop.network.land_all()

    assert shop.page().use.spent == 7
    shop.close_the_books()


def test_a_hold_that_was_never_answered_for_and_lapsed_is_taken_back(shop: Shop) -> None:
    def lapse() -> None:
        shop.clock.pass_by(timedelta(minutes=4))
        shop.sweep()

    call = _opened(shop).hold(40, steps=[LOST, LOST, LOST, Step(before=lapse)])

    assert (call.taken, shop.page().use.spent) == (None, 0)
    assert call.key in shop.page().closed
    shop.close_the_books()


def test_an_agent_s_entry_goes_by_what_its_hold_says(shop: Shop) -> None:
    _opened(shop)
    before = shop.hold(10, agent="booking-agent")
    shop.change(agents={"booking-agent": AgentLimits(daily=NanoUsd(50))})
    counted = shop.hold(10, agent="booking-agent")
    shop.change(agents={})

    shop.settle(before, 3)
    shop.close_live(counted)
    shop.settle(counted, 4)

    assert shop.page().agent("booking-agent").month.used == 4
    shop.close_the_books()


def test_a_dead_hold_behind_a_tombstone_lapses_when_the_page_is_next_due(shop: Shop) -> None:
    """`due` is set where it is absent, so a key that stays closed for an hour hides a hold that ends in two minutes until then.

    That is LEDGER.md to the letter, and against its own definition of `due`: see infra/decisions/0002.
    """
    check = _opened(shop).hold(10, kind=HoldKind.CHECK)
    shop.clock.pass_by(timedelta(minutes=4))
    shop.sweep()
    assert shop.page().closed.keys() == {check.key}
    shop.hold(40)

    shop.clock.pass_by(timedelta(minutes=9))
    shop.sweep()
    assert shop.page().holds != {}
    shop.clock.pass_by(timedelta(minutes=53))
    shop.sweep()

    assert shop.page().holds == {}
    shop.close_the_books()


def test_a_cancel_whose_page_can_no_longer_open_ends_at_once(shop: Shop) -> None:
    """Once the settings have moved, no page of their version can come, so no try that names it can land."""
    lower = Step(before=lambda: shop.change(daily_limit=NanoUsd(10)))
    shop.hold(40, steps=[LATE, LATE, LATE, lower])
    assert shop.network.requests < 15
    shop.network.land_all()

    assert shop.pages() == []
    shop.close_the_books()


# ---- records ---------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("expires", [False, True])
@pytest.mark.parametrize("fates", [[], [Step(), Step(), LOST], [Step(), Step(), LATE, LATE, LATE]])
def test_a_record_with_a_check_counts_once_whenever_it_comes(shop: Shop, expires: bool, fates: list[Step]) -> None:
    call = _opened(shop).hold(40, kind=HoldKind.CHECK)
    if expires:
        shop.clock.pass_by(timedelta(minutes=4))
        shop.sweep()

    shop.record(7, call=call, steps=fates)
    shop.record(7, call=call)
    shop.network.land_all()

    assert shop.page().use.spent == 7
    shop.close_the_books()


def test_a_record_that_lands_after_its_check_expired_counts_once(shop: Shop) -> None:
    call = _opened(shop).hold(40, kind=HoldKind.CHECK)
    shop.record(7, call=call, steps=[Step(), Step(), LATE, LATE, LATE])
    shop.clock.pass_by(timedelta(minutes=4))
    shop.sweep()
    shop.record(7, call=call)
    shop.network.land_all()

    assert shop.page().use.spent == 7
    shop.close_the_books()


def test_a_gate_that_dies_with_its_hold_leaves_the_only_phantom(shop: Shop) -> None:
    call = _opened(shop).hold(40, steps=[DIES])

    shop.close_the_books()

    assert shop.audit.booked[call.key] == 40


def test_a_tenant_is_made_once_though_the_answer_was_lost() -> None:
    shop = shop_in_memory()
    shop.change(steps=[Step(), Step(), LOST], daily_limit=NanoUsd(50))

    assert (shop.settings.version, shop.settings.daily_limit) == (2, 50)
    assert a_tenant().version == 1
