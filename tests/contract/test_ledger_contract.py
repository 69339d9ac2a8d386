"""What every ledger does: the one in memory that the tests trust, and the one in DynamoDB.

Every posting goes over a `Desk`, which also compares the ledger's word and its page afterwards with `refusal_of` and `apply`.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any

import pytest

from tests.fakes.ledger_desk import MONTHS, Desk, nano
from tests.fakes.ledger_world import (
    DAY,
    MONTH,
    NOON,
    UTC_ALWAYS,
    a_hold,
    a_span,
    a_tenant,
    a_tomb,
    books_in_dynamodb,
    books_in_memory,
)
from tests.fakes.local_dynamodb import HOST, local_dynamodb
from tests.fakes.memory_ledger import MemoryTable
from tests.fakes.moto_dynamodb import dynamodb_client
from tollgate.adapters.dynamodb_wire import new_wire
from tollgate.adapters.page_item import closed_value, page_key
from tollgate.domain.page import HoldKind, Page, Use
from tollgate.domain.posting import (
    CLOSED_MAX,
    Fault,
    expire_hold,
    lapse_hold,
    open_hold,
    record_cost,
    settle_late,
    void_hold,
)
from tollgate.domain.span import Outcome, to_text
from tollgate.domain.tenant import AgentLimits, Mode, Raise
from tollgate.ports import Record

NUMBERS = count(1)
LATER = NOON + timedelta(hours=2)


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    with dynamodb_client() as client:
        yield client


@pytest.fixture(scope="module")
def wire(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """What the functions have, before a server of its own."""
    with local_dynamodb(tmp_path_factory.mktemp("ledger")) as port:
        wire = new_wire(f"http://{HOST}:{port}")
        yield wire
        wire.close()


@pytest.fixture(params=["memory", "client", "wire"])
def desk(request: pytest.FixtureRequest) -> Desk:
    """A desk for a tenant of its own, without account and page."""
    books = (
        books_in_memory(MemoryTable())
        if request.param == "memory"
        else books_in_dynamodb(request.getfixturevalue(request.param))
    )
    return Desk(books=books, settings=a_tenant(f"tenant-{next(NUMBERS)}"))


@pytest.fixture
def open_desk(desk: Desk) -> Desk:
    desk.start()
    return desk


# ---- opening a page, and changing settings --------------------------------------------------------------------------------------


def test_a_hold_on_a_page_that_is_not_there_is_refused_and_makes_none(desk: Desk) -> None:
    assert desk.books.accounts.create(desk.settings, MONTHS)

    assert desk.hold("first", 1) is Fault.NO_PAGE

    assert desk.books.ledger.read_page(desk.tenant_id, MONTH) is None


def test_a_page_opens_with_the_version_and_the_agents_of_its_account(desk: Desk) -> None:
    desk.start(agents={"booking-agent": AgentLimits(daily=nano(5))})

    assert desk.page == Page(
        tenant_id=desk.tenant_id, month=MONTH, version=1, agents={"booking-agent": desk.page.agent("booking-agent")}
    )
    assert desk.page.agent("booking-agent").month == Use()


def test_a_page_is_not_opened_by_settings_that_are_no_longer_in_force(open_desk: Desk) -> None:
    old = open_desk.settings
    open_desk.change(daily_limit=nano(1))

    assert not open_desk.books.ledger.open_page(old, "2024-05")

    assert open_desk.books.ledger.read_page(open_desk.tenant_id, "2024-05") is None


def test_opening_a_page_that_is_there_leaves_it_alone(open_desk: Desk) -> None:
    before = open_desk.spend(7)

    assert open_desk.books.ledger.open_page(open_desk.settings, MONTH)

    assert open_desk.page == before


def test_a_page_is_not_opened_without_an_account(desk: Desk) -> None:
    assert not desk.books.ledger.open_page(desk.settings, MONTH)


def test_an_account_is_made_once(desk: Desk) -> None:
    assert desk.books.accounts.create(desk.settings, MONTHS)

    assert not desk.books.accounts.create(replace(desk.settings, daily_limit=nano(9)), MONTHS)

    assert desk.books.accounts.read(desk.tenant_id) == desk.settings


def test_a_change_sets_every_page_that_is_there_to_the_new_version(open_desk: Desk) -> None:
    assert open_desk.books.ledger.open_page(open_desk.settings, MONTHS[2])

    open_desk.change(daily_limit=nano(1))

    assert open_desk.books.accounts.read(open_desk.tenant_id) == open_desk.settings
    assert [open_desk.page.version, open_desk.books.ledger.read_page(open_desk.tenant_id, MONTHS[2]).version] == [2, 2]  # type: ignore[union-attr]
    assert open_desk.books.ledger.read_page(open_desk.tenant_id, MONTHS[0]) is None


def test_a_change_over_another_version_changes_nothing(open_desk: Desk) -> None:
    stale = replace(open_desk.settings, version=3, daily_limit=nano(1))

    assert not open_desk.books.accounts.change(stale, MONTHS)

    assert open_desk.books.accounts.read(open_desk.tenant_id) == open_desk.settings
    assert open_desk.page.version == 1


def test_a_change_moves_no_money_and_gives_a_new_agent_an_entry(open_desk: Desk) -> None:
    before = open_desk.spend(7)

    open_desk.change(agents={"booking-agent": AgentLimits(monthly=nano(5))})

    assert open_desk.page == replace(before, version=2, agents={"booking-agent": open_desk.page.agent("booking-agent")})
    assert isinstance(open_desk.hold("mine", 5, agent="booking-agent"), Page)


def test_the_entry_of_an_agent_stays_when_its_budget_goes_and_comes_back(open_desk: Desk) -> None:
    open_desk.change(agents={"booking-agent": AgentLimits(monthly=nano(5))})
    open_desk.spend(3, agent="booking-agent")

    open_desk.change(agents={})
    open_desk.change(agents={"booking-agent": AgentLimits(monthly=nano(5))})

    assert open_desk.page.agent("booking-agent").month == Use(used=nano(3), spent=nano(3))


# ---- holding: money -------------------------------------------------------------------------------------------------------------


def test_a_hold_takes_its_amount_from_month_and_day(open_desk: Desk) -> None:
    open_desk.hold("first", 40)

    page = open_desk.page
    assert page.use == page.day(DAY) == Use(used=nano(40), spent=nano(0), tokens=40)
    assert page.holds == {"first_______": a_hold("first", 40)}
    assert page.minutes == {int(NOON.timestamp()) // 60: 1}
    assert (page.seq, page.span, page.due) == (0, None, a_hold().expires_at)


@pytest.mark.parametrize(("amount", "fault"), [(39, None), (40, None), (41, Fault.DAILY_BUDGET)])
def test_a_hold_of_exactly_what_is_left_of_the_day_is_the_last(
    open_desk: Desk, amount: int, fault: Fault | None
) -> None:
    open_desk.spend(25)
    open_desk.hold("other", 35)

    found = open_desk.hold("last", amount)

    assert found is fault or (fault is None and isinstance(found, Page))


@pytest.mark.parametrize(("amount", "fault"), [(39, None), (40, None), (41, Fault.MONTHLY_BUDGET)])
def test_a_hold_of_exactly_what_is_left_of_the_month_is_the_last(desk: Desk, amount: int, fault: Fault | None) -> None:
    desk.start(monthly_limit=nano(100), daily_limit=nano(90))
    desk.spend(25, day="04")
    desk.hold("other", 35, day="03")

    found = desk.hold("last", amount)

    assert found is fault or (fault is None and isinstance(found, Page))


@pytest.mark.parametrize(("amount", "fault"), [(99, None), (100, None), (101, Fault.DAILY_BUDGET)])
def test_the_first_hold_of_a_day_is_bound_by_its_limit_too(open_desk: Desk, amount: int, fault: Fault | None) -> None:
    found = open_desk.hold("first", amount)

    assert found is fault or (fault is None and isinstance(found, Page))


def test_a_limit_of_nothing_lets_only_a_hold_of_nothing_in(desk: Desk) -> None:
    desk.start(daily_limit=nano(0), monthly_limit=nano(0))

    assert desk.hold("one", 1) is Fault.MONTHLY_BUDGET
    assert isinstance(desk.hold("none", 0), Page)


def test_two_calls_cannot_share_the_last_dollar(desk: Desk) -> None:
    desk.start(daily_limit=nano(10**9), monthly_limit=nano(10**9))
    assert isinstance(desk.hold("first", 10**9), Page)

    assert desk.hold("second", 1) is Fault.MONTHLY_BUDGET


def test_the_money_of_another_day_does_not_count_for_today(open_desk: Desk) -> None:
    open_desk.spend(100, day="04")

    assert isinstance(open_desk.hold("today", 100), Page)
    assert open_desk.hold("yesterday", 1, day="04") is Fault.DAILY_BUDGET


def test_a_limit_lowered_under_what_is_used_stops_holds_until_there_is_room(open_desk: Desk) -> None:
    hold = open_desk.held("first", 50)
    open_desk.change(daily_limit=nano(20))

    assert open_desk.hold("second", 0) is Fault.DAILY_BUDGET

    open_desk.settle(hold, 5)
    assert isinstance(open_desk.hold("second", 15), Page)


# ---- holding: what else stands in its way ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("limit", "window"), [("daily_token_limit", "day"), ("monthly_token_limit", "month")])
@pytest.mark.parametrize(("tokens", "fault"), [(39, None), (40, None), (41, Fault.TOKEN_BUDGET)])
def test_tokens_of_held_and_settled_calls_count(
    desk: Desk, limit: str, window: str, tokens: int, fault: Fault | None
) -> None:
    desk.start(**{limit: 100})
    desk.spend(25)
    desk.hold("other", 1, tokens=35)

    found = desk.hold("last", 1, tokens=tokens)

    assert found is fault or (fault is None and isinstance(found, Page))


@pytest.mark.parametrize(
    "limits",
    [AgentLimits(daily=nano(10)), AgentLimits(monthly=nano(10)), AgentLimits(daily=nano(10), monthly=nano(10))],
)
@pytest.mark.parametrize(("amount", "fault"), [(3, None), (4, None), (5, Fault.AGENT_BUDGET)])
def test_an_agent_has_what_is_left_of_its_own_budget(
    desk: Desk, limits: AgentLimits, amount: int, fault: Fault | None
) -> None:
    desk.start(agents={"booking-agent": limits})
    desk.spend(2, agent="booking-agent")
    desk.hold("other", 4, agent="booking-agent")
    desk.hold("another's", 50)

    found = desk.hold("last", amount, agent="booking-agent")

    assert found is fault or (fault is None and isinstance(found, Page))


def test_an_agent_without_a_budget_counts_for_its_tenant_alone(desk: Desk) -> None:
    desk.start(agents={"booking-agent": AgentLimits(daily=nano(1))})

    page = desk.hold("other", 50, agent="other-agent", counted=False)

    assert isinstance(page, Page)
    assert list(page.agents) == ["booking-agent"]


@pytest.mark.parametrize("in_flight", [1, 2, 3])
def test_only_so_many_calls_are_in_flight(desk: Desk, in_flight: int) -> None:
    desk.start(in_flight_max=in_flight)
    holds = [desk.held(f"call{number}", 1) for number in range(in_flight)]

    assert desk.hold("more", 1) is Fault.IN_FLIGHT

    desk.settle(holds[0], 1)
    assert isinstance(desk.hold("more", 1), Page)


@pytest.mark.parametrize("per_minute", [0, 1, 2])
def test_only_so_many_calls_begin_in_one_minute(desk: Desk, per_minute: int) -> None:
    desk.start(requests_per_minute=per_minute)
    for number in range(per_minute):
        desk.settle(desk.held(f"call{number}", 1, at=NOON + timedelta(seconds=59)), 1)

    assert desk.hold("more", 1, at=NOON) is Fault.RATE
    assert per_minute == 0 or isinstance(desk.hold("more", 1, at=NOON + timedelta(minutes=1)), Page)


def test_a_minute_of_another_day_refuses_nothing(desk: Desk) -> None:
    desk.start(requests_per_minute=1)
    desk.hold("first", 1)

    assert isinstance(desk.hold("second", 1, at=NOON + timedelta(days=1)), Page)


@pytest.mark.parametrize("mode", list(Mode))
def test_a_suspended_tenant_makes_no_call_whether_it_enforces_or_not(desk: Desk, mode: Mode) -> None:
    desk.start(suspended=True, mode=mode)

    assert desk.hold("first", 0) is Fault.SUSPENDED


def test_observing_lets_money_tokens_rate_and_soft_zone_pass_but_not_calls_in_flight(desk: Desk) -> None:
    desk.start(mode=Mode.OBSERVE, daily_limit=nano(1), daily_token_limit=1, requests_per_minute=1, in_flight_max=2)
    desk.settle(desk.held("first", 50), 50)
    desk.held("second", 50, soft=True)
    desk.held("third", 50)

    assert desk.hold("fourth", 1) is Fault.IN_FLIGHT
    assert desk.page.day(DAY).used == 150


def test_after_observing_the_limit_counts_what_was_observed(desk: Desk) -> None:
    desk.start(mode=Mode.OBSERVE)
    desk.spend(150)

    desk.change(mode=Mode.ENFORCE)

    assert desk.hold("next", 0) is Fault.DAILY_BUDGET


def test_settings_of_an_older_version_decide_nothing(open_desk: Desk) -> None:
    old = open_desk.settings
    open_desk.change(daily_limit=nano(5))

    assert open_desk.hold("first", 6, settings=old) is Fault.VERSION
    assert open_desk.hold("first", 6) is Fault.DAILY_BUDGET


def test_settings_of_a_newer_version_decide_nothing_before_the_page_has_them(open_desk: Desk) -> None:
    newer = replace(open_desk.settings, version=2, daily_limit=nano(10**6))

    assert open_desk.hold("first", 1, settings=newer) is Fault.VERSION


@pytest.mark.parametrize("window", [f"{MONTH}-{DAY}", MONTH])
@pytest.mark.parametrize(("seconds", "is_raised"), [(-1, True), (0, False), (1, False)])
def test_a_raise_adds_to_its_window_until_it_ends(desk: Desk, window: str, seconds: int, *, is_raised: bool) -> None:
    extra = Raise(raise_id="1", window=window, amount=nano(10), until=NOON, reason="a storm")
    desk.start(raises=(extra,), daily_limit=nano(100), monthly_limit=nano(110 if window != MONTH else 100))
    if window == MONTH:
        desk.spend(95, day="04")
    at = NOON + timedelta(seconds=seconds)
    amount = 15 if window == MONTH else 110

    assert isinstance(desk.hold("raised", amount, at=at), Page) is is_raised
    assert not is_raised or isinstance(desk.hold("more", 1, at=at), Fault)


def test_a_raise_of_one_day_is_not_one_of_the_next(desk: Desk) -> None:
    extra = Raise(
        raise_id="1", window=f"{MONTH}-{DAY}", amount=nano(10), until=NOON + timedelta(days=9), reason="a storm"
    )
    desk.start(raises=(extra,))

    assert desk.hold("tomorrow", 101, day="06") is Fault.DAILY_BUDGET
    assert isinstance(desk.hold("today", 110), Page)


@pytest.mark.parametrize(("spent", "fault"), [(79, None), (80, Fault.SOFT_ZONE), (81, Fault.SOFT_ZONE)])
@pytest.mark.parametrize("window", ["day", "month"])
def test_the_soft_zone_bars_the_model_asked_for_and_lets_its_cheaper_one_pass(
    desk: Desk, spent: int, fault: Fault | None, window: str
) -> None:
    desk.start(daily_limit=nano(100 if window == "day" else 1000), monthly_limit=nano(1000 if window == "day" else 100))
    desk.spend(spent)

    found = desk.hold("dear", 1, soft=True)

    assert found is fault or (fault is None and isinstance(found, Page))
    assert isinstance(desk.hold("cheap", 1), Page)


def test_money_that_is_only_held_downgrades_nobody(open_desk: Desk) -> None:
    open_desk.hold("first", 90)

    assert isinstance(open_desk.hold("second", 10, soft=True), Page)


def test_a_soft_cap_of_nothing_bars_a_day_that_nobody_has_touched(desk: Desk) -> None:
    desk.start(soft_cap=Decimal(0))

    assert desk.hold("dear", 1, soft=True) is Fault.SOFT_ZONE


def test_a_key_opens_one_hold_only(open_desk: Desk) -> None:
    open_desk.hold("first", 5)

    assert open_desk.hold("first", 5) is Fault.HOLD_THERE
    assert open_desk.page.use.used == 5


def test_a_barred_key_opens_no_hold(open_desk: Desk) -> None:
    open_desk.bar("first")

    assert open_desk.hold("first", 5) is Fault.KEY_CLOSED
    assert open_desk.page.use == Use()


def test_a_full_list_of_closed_keys_refuses_until_some_are_forgotten(open_desk: Desk) -> None:
    _fill_closed(open_desk, CLOSED_MAX)

    assert open_desk.hold("first", 5) is Fault.CLOSED_FULL

    assert open_desk.books.ledger.forget_closed(open_desk.tenant_id, MONTH, {f"gone{0:08}": a_tomb().until})
    assert len(open_desk.page.closed) == CLOSED_MAX - 1
    assert isinstance(open_desk.hold("first", 5), Page)


def _fill_closed(desk: Desk, number: int) -> None:
    """Straight into the table: a thousand writes would tell nothing more."""
    keys = [f"gone{index:08}" for index in range(number)]
    ledger: Any = desk.books.ledger
    if hasattr(ledger, "_carry"):
        table = ledger._carry.table
        table.pages[desk.tenant_id, MONTH] = replace(desk.page, closed={key: a_tomb() for key in keys})
    else:
        item = ledger._client.get_item(TableName=ledger._table, Key=page_key(desk.tenant_id, MONTH))["Item"]
        item["closed"]["M"] = {key: closed_value(a_tomb()) for key in keys}
        ledger._client.put_item(TableName=ledger._table, Item=item)
    desk.last = None


# ---- settling -----------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cost", [0, 1, 39, 40, 41, 500])
def test_settling_books_the_cost_and_gives_the_rest_back(open_desk: Desk, cost: int) -> None:
    hold = open_desk.held("first", 40)

    page = open_desk.settle(hold, cost)

    assert isinstance(page, Page)
    assert page.use == page.day(DAY) == Use(used=nano(cost), spent=nano(cost), tokens=cost)
    assert (page.holds, page.closed, page.seq) == ({}, {}, 1)
    assert page.span == to_text(a_span(hold, cost))


def test_settling_twice_counts_once(open_desk: Desk) -> None:
    hold = open_desk.held("first", 40)
    before = open_desk.settle(hold, 7)

    assert open_desk.settle(hold, 7) is Fault.HOLD_GONE

    assert open_desk.page == before


@pytest.mark.parametrize("wrong", [{"amount": nano(39)}, {"day": "04"}, {"kind": HoldKind.CHECK}])
def test_a_settlement_names_amount_day_and_kind(open_desk: Desk, wrong: dict[str, Any]) -> None:
    hold = open_desk.held("first", 40)

    assert open_desk.settle(replace(hold, **wrong), 7) is Fault.HOLD_DIFFERS
    assert open_desk.page.use.used == 40


def test_a_settlement_that_buries_bars_the_key(open_desk: Desk) -> None:
    open_desk.settle(open_desk.held("first", 40), 7, bury=True)

    assert open_desk.page.closed == {"first_______": a_tomb(7)}
    assert open_desk.hold("first", 40) is Fault.KEY_CLOSED


def test_a_settlement_removes_the_old_minutes_and_keys_that_its_hold_saw(open_desk: Desk) -> None:
    open_desk.bar("old", at=NOON - timedelta(hours=2))
    open_desk.bar("young", at=NOON)
    open_desk.hold("earlier", 1, at=NOON - timedelta(minutes=2))
    hold = open_desk.held("first", 1)

    open_desk.settle(hold, 1, seen=open_desk.page)

    assert list(open_desk.page.closed) == ["young".ljust(12, "_")]
    assert list(open_desk.page.minutes) == [int(NOON.timestamp()) // 60]


def test_a_hold_settles_in_its_own_day_after_midnight(open_desk: Desk) -> None:
    hold = open_desk.held("first", 40, day="04")
    open_desk.hold("today", 1)

    open_desk.settle(hold, 7, at=NOON + timedelta(days=1))

    assert (open_desk.page.day("04").used, open_desk.page.day(DAY).used) == (7, 1)


def test_an_agent_s_entry_moves_with_what_was_counted_there(desk: Desk) -> None:
    desk.start(agents={"booking-agent": AgentLimits(daily=nano(50))})
    hold = desk.held("first", 40, agent="booking-agent")
    desk.change(agents={})

    desk.settle(hold, 7)

    use = desk.page.agent("booking-agent")
    assert use.month == use.days[DAY] == Use(used=nano(7), spent=nano(7))


def test_a_hold_that_did_not_count_for_its_agent_leaves_its_entry_alone(open_desk: Desk) -> None:
    hold = open_desk.held("first", 40, agent="booking-agent", counted=False)
    open_desk.change(agents={"booking-agent": AgentLimits(daily=nano(50))})

    open_desk.settle(hold, 7)

    assert open_desk.page.agent("booking-agent").month == Use()


# ---- void, expire, lapse, cancel, late ------------------------------------------------------------------------------------------------


def test_a_voided_hold_gives_everything_back(open_desk: Desk) -> None:
    hold = open_desk.held("check", 40, kind=HoldKind.CHECK)

    page = open_desk.post(void_hold(hold, span=a_span(hold, 0, posting="void", outcome=Outcome.VOIDED), at=NOON))

    assert isinstance(page, Page)
    assert (page.use, page.holds, page.closed, page.seq) == (Use(), {}, {}, 1)


def test_a_check_hold_expires_for_nothing_and_its_key_is_barred(open_desk: Desk) -> None:
    hold = open_desk.held("check", 40, kind=HoldKind.CHECK)

    page = open_desk.post(expire_hold(hold, span=a_span(hold, 0, posting="expire", outcome=Outcome.EXPIRED), at=NOON))

    assert isinstance(page, Page)
    assert (page.use, page.closed) == (Use(), {hold.key: a_tomb(0)})


def test_a_call_hold_lapses_in_full(open_desk: Desk) -> None:
    hold = open_desk.held("call", 40)

    page = _lapse(open_desk, hold)

    assert page.use == Use(used=nano(40), spent=nano(40), tokens=40)
    assert page.closed == {hold.key: a_tomb(40)}


def test_a_hold_lapses_once_though_two_sweeps_meet(open_desk: Desk) -> None:
    hold = open_desk.held("call", 40)
    before = _lapse(open_desk, hold)

    assert open_desk.post(lapse_hold(hold, span=a_span(hold, 40, posting="lapse"), at=NOON)) is Fault.HOLD_GONE
    assert open_desk.page == before


@pytest.mark.parametrize("cost", [0, 7, 40, 45])
def test_a_holder_that_comes_back_after_a_lapse_corrects_the_books(open_desk: Desk, cost: int) -> None:
    hold = open_desk.held("call", 40)
    _lapse(open_desk, hold)

    page = _late(open_desk, hold.key, cost)

    assert page.use == page.day(DAY) == Use(used=nano(cost), spent=nano(cost), tokens=cost)
    assert page.closed == {hold.key: a_tomb(cost)}
    assert page.seq == 2


def test_a_correction_goes_by_what_is_booked_and_counts_once(open_desk: Desk) -> None:
    hold = open_desk.held("call", 40)
    was = _lapse(open_desk, hold).closed[hold.key]
    late = settle_late(hold.key, was, cost=nano(7), tokens=7, span=a_span(hold, -33, posting="late"), at=NOON)
    before = open_desk.post(late)

    assert open_desk.post(late) is Fault.CLOSED_DIFFERS

    assert open_desk.page == before


def test_a_correction_of_what_nobody_closed_is_refused(open_desk: Desk) -> None:
    late = settle_late(
        "nobody______", a_tomb(5), cost=nano(7), tokens=7, span=a_span("nobody", 2, posting="late"), at=NOON
    )

    assert open_desk.post(late) is Fault.CLOSED_DIFFERS


def test_a_correction_moves_the_agent_s_entry_where_the_hold_counted_there(desk: Desk) -> None:
    desk.start(agents={"booking-agent": AgentLimits(daily=nano(50))})
    hold = desk.held("call", 40, agent="booking-agent")
    _lapse(desk, hold)
    desk.change(agents={})

    page = _late(desk, hold.key, 7)

    assert page.agent("booking-agent").month == Use(used=nano(7), spent=nano(7))


def test_a_cancelled_hold_gives_everything_back_and_bars_the_key(open_desk: Desk) -> None:
    hold = open_desk.held("call", 40)

    page = open_desk.cancel(hold)

    assert isinstance(page, Page)
    assert (page.use, page.closed) == (Use(), {hold.key: a_tomb(0)})
    assert open_desk.hold("call", 40) is Fault.KEY_CLOSED


def test_a_key_is_barred_without_a_span(open_desk: Desk) -> None:
    before = open_desk.spend(7)

    page = open_desk.bar("first")

    assert isinstance(page, Page)
    assert (page.use, page.days, page.seq, page.span) == (before.use, before.days, 1, None)


def test_a_key_that_holds_or_is_closed_cannot_be_barred(open_desk: Desk) -> None:
    open_desk.hold("there", 1)
    open_desk.bar("gone")

    assert open_desk.bar("there") is Fault.HOLD_THERE
    assert open_desk.bar("gone") is Fault.KEY_CLOSED


@pytest.mark.parametrize("deed", ["settle", "bar", "late", "record"])
def test_no_posting_makes_a_page(desk: Desk, deed: str) -> None:
    assert desk.books.accounts.create(desk.settings, MONTHS)
    hold = a_hold()
    deeds: dict[str, Callable[[], object]] = {
        "settle": lambda: desk.settle(hold, 1),
        "bar": lambda: desk.bar("first"),
        "late": lambda: desk.post(
            settle_late(hold.key, a_tomb(5), cost=nano(7), tokens=7, span=a_span(hold, 2), at=NOON)
        ),
        "record": lambda: desk.record(_record_posting(7), _record("r:1", 7)),
    }

    assert deeds[deed]() is Fault.NO_PAGE
    assert desk.books.ledger.read_page(desk.tenant_id, MONTH) is None


def _lapse(desk: Desk, hold: Any) -> Page:
    page = desk.post(lapse_hold(hold, span=a_span(hold, hold.amount, posting="lapse", outcome=Outcome.LAPSED), at=NOON))
    assert isinstance(page, Page)
    return page


def _late(desk: Desk, key: str, cost: int) -> Page:
    was = desk.page.closed[key]
    span = a_span(key, cost - was.booked, posting="late")
    page = desk.post(settle_late(key, was, cost=nano(cost), tokens=cost, span=span, at=NOON))
    assert isinstance(page, Page)
    return page


# ---- records ------------------------------------------------------------------------------------------------------------------------


def _record(record_id: str, cost: int, content_hash: str = "one") -> Record:
    return Record(
        record_id=record_id, content_hash=content_hash, cost_nanousd=cost, hold="", expires_at=int(LATER.timestamp())
    )


def _record_posting(cost: int, agent: str | None = None) -> Any:
    span = a_span("r:1", cost, posting="record", outcome=Outcome.RECORDED)
    return record_cost("r:1", day=DAY, cost=nano(cost), tokens=cost, agent=agent, span=span, at=NOON)


def test_a_record_counts_once_by_its_id(open_desk: Desk) -> None:
    first = open_desk.record(_record_posting(7), _record("r:1", 7))

    again = open_desk.record(_record_posting(9), _record("r:1", 9, "two"))

    assert isinstance(first, Page)
    assert again == _record("r:1", 7)
    assert open_desk.page == first
    assert open_desk.books.ledger.read_record(open_desk.tenant_id, "r:1") == _record("r:1", 7)


def test_a_record_is_never_refused_for_want_of_room(open_desk: Desk) -> None:
    page = open_desk.record(_record_posting(5000), _record("r:1", 5000))

    assert isinstance(page, Page)
    assert page.use == Use(used=nano(5000), spent=nano(5000), tokens=5000)
    assert open_desk.hold("next", 0) is Fault.MONTHLY_BUDGET


def test_a_record_of_an_agent_counts_in_its_entry_or_is_refused_where_there_is_none(desk: Desk) -> None:
    desk.start(agents={"booking-agent": AgentLimits(daily=nano(50))})

    assert desk.record(_record_posting(7, agent="nobody"), _record("r:0", 7)) is Fault.VERSION
    assert desk.books.ledger.read_record(desk.tenant_id, "r:0") is None

    page = desk.record(_record_posting(7, agent="booking-agent"), _record("r:1", 7))
    assert isinstance(page, Page)
    assert page.agent("booking-agent").days[DAY] == Use(used=nano(7), spent=nano(7))


def test_a_correction_of_what_a_hold_was_closed_at_counts_once_by_its_id(open_desk: Desk) -> None:
    hold = open_desk.held("first", 40)
    closed = open_desk.cancel(hold)
    assert isinstance(closed, Page)
    was = closed.closed[hold.key]
    late = settle_late(hold.key, was, cost=nano(7), tokens=7, span=a_span(hold, 7, posting="late"), at=NOON)

    first = open_desk.record(late, _record("c:1", 7))
    again = open_desk.record(late, _record("c:1", 7))
    other = open_desk.record(late, _record("c:2", 7))

    assert isinstance(first, Page)
    assert first.use == Use(used=nano(7), spent=nano(7), tokens=7)
    assert again == _record("c:1", 7)
    assert other is Fault.CLOSED_DIFFERS
    assert open_desk.books.ledger.read_record(open_desk.tenant_id, "c:2") is None
    assert open_desk.page == first


def test_a_record_of_one_tenant_is_not_one_of_another(open_desk: Desk) -> None:
    open_desk.record(_record_posting(7), _record("r:1", 7))

    assert open_desk.books.ledger.read_record("somebody-else", "r:1") is None


# ---- the sweep's writes ---------------------------------------------------------------------------------------------------------------


def test_a_page_is_due_when_its_first_hold_may_expire_and_not_before(open_desk: Desk) -> None:
    place = (open_desk.tenant_id, MONTH)
    expiry = datetime.fromtimestamp(a_hold().expires_at, UTC)
    assert place not in open_desk.books.ledger.due_pages(LATER)
    open_desk.hold("first", 1)
    open_desk.hold("second", 1, expires_at=a_hold().expires_at + 60)

    assert place in open_desk.books.ledger.due_pages(expiry)
    assert place not in open_desk.books.ledger.due_pages(expiry - timedelta(seconds=1))


def test_due_moves_only_from_what_was_seen(open_desk: Desk) -> None:
    open_desk.hold("first", 1)
    seen = open_desk.page

    assert open_desk.books.ledger.set_due(seen, keys=(), minutes=(), due=seen.due + 60)  # type: ignore[operator]
    assert not open_desk.books.ledger.set_due(seen, keys=(), minutes=(), due=seen.due + 90)  # type: ignore[operator]

    assert open_desk.page == replace(seen, due=seen.due + 60)  # type: ignore[operator]


def test_due_goes_only_where_nothing_is_held_or_closed_any_more(open_desk: Desk) -> None:
    open_desk.bar("old", at=NOON - timedelta(hours=2))
    seen = open_desk.page
    hold = open_desk.held("first", 1)
    old = ["old".ljust(12, "_")]

    assert not open_desk.books.ledger.set_due(seen, keys=old, minutes=(), due=None)

    open_desk.settle(hold, 1)
    assert open_desk.books.ledger.set_due(seen, keys=old, minutes=list(open_desk.page.minutes), due=None)
    page = open_desk.page
    assert (page.due, page.closed, page.minutes) == (None, {}, {})
    assert (open_desk.tenant_id, MONTH) not in open_desk.books.ledger.due_pages(LATER)


def test_days_are_dropped_with_their_agents_numbers_and_the_month_keeps_its_sums(desk: Desk) -> None:
    desk.start(agents={"booking-agent": AgentLimits(daily=nano(50))})
    desk.spend(7, day="01", agent="booking-agent")
    seen = desk.spend(9)

    assert desk.books.ledger.drop_days(seen, ["01"])

    assert list(desk.page.days) == [DAY]
    assert list(desk.page.agent("booking-agent").days) == []
    assert (desk.page.use, desk.page.agent("booking-agent").month) == (seen.use, seen.agent("booking-agent").month)


@pytest.mark.parametrize("meanwhile", ["hold", "bar", "spend"])
def test_days_are_not_dropped_from_a_page_that_moved(open_desk: Desk, meanwhile: str) -> None:
    seen = open_desk.spend(7, day="01")
    deeds: dict[str, Callable[[], object]] = {
        "hold": lambda: open_desk.hold("new", 1, day="01"),
        "bar": lambda: open_desk.bar("new"),
        "spend": lambda: open_desk.spend(1),
    }
    deeds[meanwhile]()
    before = open_desk.page

    assert not open_desk.books.ledger.drop_days(seen, ["01"])

    assert open_desk.page == before


def test_a_key_is_forgotten_only_at_the_time_that_was_seen(open_desk: Desk) -> None:
    open_desk.bar("old")
    key = "old".ljust(12, "_")

    assert not open_desk.books.ledger.forget_closed(open_desk.tenant_id, MONTH, {key: a_tomb().until + 1})
    assert open_desk.books.ledger.forget_closed(open_desk.tenant_id, MONTH, {key: a_tomb().until})

    assert open_desk.page.closed == {}


def test_one_tenant_s_page_knows_nothing_of_another_s(open_desk: Desk) -> None:
    open_desk.spend(7)
    other = Desk(books=open_desk.books, settings=a_tenant(f"tenant-{next(NUMBERS)}", zones=UTC_ALWAYS))
    other.start()

    assert other.page.use == Use()
    assert isinstance(other.post(open_hold(a_hold("first", 100), at=NOON, under_soft_cap=False)), Page)
    assert open_desk.page.use.used == 7
