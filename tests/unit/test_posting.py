from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes.ledger_world import DAY, MONTH, NOON, a_hold, a_span, a_tenant, a_tomb
from tollgate.domain.money import NanoUsd
from tollgate.domain.page import AgentUse, HoldKind, Page, Use, imbalances
from tollgate.domain.posting import (
    CLOSED_SECONDS,
    Deed,
    Fault,
    Posting,
    apply,
    bar_key,
    cancel_hold,
    expire_hold,
    lapse_hold,
    open_hold,
    record_cost,
    refusal_of,
    settle_hold,
    settle_late,
    terms_of,
    void_hold,
)
from tollgate.domain.tenant import AgentLimits, Mode, Raise, TenantSettings

EMPTY = Page(tenant_id="shop", month=MONTH, version=1, agents={"agent": AgentUse()})
AMOUNTS = st.integers(0, 1000)


@st.composite
def postings(draw: st.DrawFn, page: Page) -> Posting:
    """Any posting, of a key that may or may not be there."""
    key = draw(st.sampled_from(["first", "second", "third"]))
    at = NOON + timedelta(seconds=draw(st.integers(0, 300)))
    agent = draw(st.none() | st.just("agent"))
    hold = page.holds.get(key.ljust(12, "_")) or a_hold(
        key, draw(AMOUNTS), agent=agent, day=draw(st.sampled_from(["04", DAY]))
    )
    cost, closed = draw(AMOUNTS), page.closed.get(hold.key, a_tomb(3))
    call, check = replace(hold, kind=HoldKind.CALL), replace(hold, kind=HoldKind.CHECK)
    made: dict[Deed, Any] = {
        Deed.HOLD: lambda: open_hold(hold, at=at, under_soft_cap=draw(st.booleans())),
        Deed.SETTLE: lambda: settle_hold(
            hold, cost=NanoUsd(cost), tokens=cost, span=a_span(hold, cost), at=at, seen=page, bury=draw(st.booleans())
        ),
        Deed.VOID: lambda: void_hold(hold, span=a_span(hold, 0), at=at),
        Deed.EXPIRE: lambda: expire_hold(check, span=a_span(check, 0), at=at),
        Deed.LAPSE: lambda: lapse_hold(call, span=a_span(call, call.amount), at=at),
        Deed.CANCEL: lambda: cancel_hold(hold, span=a_span(hold, 0), at=at),
        Deed.TOMBSTONE: lambda: bar_key(hold.key, day=hold.day, at=at),
        Deed.LATE: lambda: settle_late(
            hold.key, closed, cost=NanoUsd(cost), tokens=cost, span=a_span(hold, cost - closed.booked), at=at
        ),
        Deed.RECORD: lambda: record_cost(
            "r:1", day=DAY, cost=NanoUsd(cost), tokens=cost, agent=agent, span=a_span("r:1", cost), at=at
        ),
    }
    posting: Posting = made[draw(st.sampled_from(Deed))]()
    return posting


@given(st.data())
def test_whatever_is_posted_the_books_balance_and_the_spans_sum_to_what_is_spent(data: st.DataObject) -> None:
    page, settings, booked = EMPTY, a_tenant(monthly_limit=NanoUsd(2000), daily_limit=NanoUsd(1500)), 0
    for _ in range(data.draw(st.integers(1, 12))):
        posting = data.draw(postings(page))
        if refusal_of(page, settings, posting) is not None:
            continue

        before, page = page, apply(page, posting)

        booked += posting.span.cost_nanousd if posting.span else 0
        assert not imbalances(page)
        assert page.use.spent == booked == sum(use.spent for use in page.days.values())
        assert page.seq == before.seq + (posting.span is not None) == before.seq + (page.span is not None)
        assert posting.opens is None or (
            page.use.used <= settings.monthly_limit and page.day(posting.day).used <= settings.daily_limit
        )


@given(st.data())
def test_no_posting_can_be_applied_twice_but_a_record_which_has_its_own_proof(data: st.DataObject) -> None:
    page = apply(EMPTY, open_hold(a_hold("first", 10), at=NOON, under_soft_cap=False))
    page = apply(page, bar_key("second______", day=DAY, at=NOON))
    posting = data.draw(postings(page).filter(lambda posting: posting.deed is not Deed.RECORD))
    same_again = (
        posting.deed is Deed.LATE and posting.buries is not None and posting.was_booked == posting.buries.booked
    )
    if refusal_of(page, a_tenant(), posting) is not None or same_again:
        return

    assert refusal_of(apply(page, posting), a_tenant(), posting) is not None


@pytest.mark.parametrize(
    ("settings", "fault"),
    [
        (a_tenant(version=2, soft_cap=Decimal(0), suspended=True), Fault.VERSION),
        (a_tenant(soft_cap=Decimal(0), suspended=True), Fault.SOFT_ZONE),
        (a_tenant(suspended=True, daily_limit=NanoUsd(0)), Fault.SUSPENDED),
        (a_tenant(monthly_limit=NanoUsd(0), daily_limit=NanoUsd(0)), Fault.MONTHLY_BUDGET),
        (a_tenant(daily_limit=NanoUsd(0), daily_token_limit=0), Fault.DAILY_BUDGET),
        (a_tenant(daily_token_limit=0, agents={"agent": AgentLimits(daily=NanoUsd(0))}), Fault.TOKEN_BUDGET),
        (a_tenant(agents={"agent": AgentLimits(daily=NanoUsd(0))}, in_flight_max=1), Fault.AGENT_BUDGET),
        (a_tenant(in_flight_max=1, requests_per_minute=0), Fault.IN_FLIGHT),
        (a_tenant(requests_per_minute=0), Fault.RATE),
    ],
)
def test_of_several_reasons_the_one_that_a_retry_cannot_mend_is_told_first(
    settings: TenantSettings, fault: Fault
) -> None:
    page = apply(EMPTY, open_hold(a_hold("other", 1), at=NOON, under_soft_cap=False))

    posting = open_hold(
        a_hold("first", 10, agent="agent"), at=NOON, under_soft_cap=fault in (Fault.VERSION, Fault.SOFT_ZONE)
    )

    assert refusal_of(page, settings, posting) is fault


def test_a_key_that_is_there_is_told_before_the_version() -> None:
    posting = open_hold(a_hold(), at=NOON, under_soft_cap=False)

    assert refusal_of(apply(EMPTY, posting), a_tenant(version=9), posting) is Fault.HOLD_THERE
    assert refusal_of(replace(EMPTY, closed={a_hold().key: a_tomb()}), a_tenant(version=9), posting) is Fault.KEY_CLOSED


def test_the_terms_of_a_hold_are_its_limits_less_what_it_asks_raises_included() -> None:
    extra = Raise(
        raise_id="1", window=f"{MONTH}-{DAY}", amount=NanoUsd(5), until=NOON + timedelta(seconds=1), reason=""
    )
    settings = a_tenant(
        daily_token_limit=50, agents={"agent": AgentLimits(monthly=NanoUsd(30))}, raises=(extra,), requests_per_minute=7
    )

    terms = terms_of(settings, open_hold(a_hold("first", 10, agent="agent"), at=NOON, under_soft_cap=True), MONTH)

    assert (terms.month_room, terms.day_room) == (990, 95)
    assert (terms.month_token_room, terms.day_token_room) == (None, 40)
    assert (terms.agent_month_room, terms.agent_day_room) == (20, None)
    assert (terms.month_soft, terms.day_soft, terms.per_minute, terms.in_flight) == (800, 84, 7, 50)


def test_observing_names_version_and_page_size_and_nothing_else() -> None:
    settings = a_tenant(
        mode=Mode.OBSERVE, daily_token_limit=50, agents={"agent": AgentLimits(monthly=NanoUsd(30))}, in_flight_max=3
    )

    terms = terms_of(settings, open_hold(a_hold("first", 10, agent="agent"), at=NOON, under_soft_cap=True), MONTH)

    named = {name for name in terms.__dataclass_fields__ if getattr(terms, name) not in (None, False)}
    assert named == {"version", "in_flight"}


@pytest.mark.parametrize(
    ("at", "minute"), [(NOON, 28494000), (NOON + timedelta(seconds=59), 28494000), (NOON + timedelta(days=1), 28495440)]
)
def test_a_minute_is_one_of_all_time(at: datetime, minute: int) -> None:
    assert open_hold(a_hold(), at=at, under_soft_cap=False).minute == minute


def test_a_settlement_forgets_only_what_is_past_its_time() -> None:
    now = int(NOON.timestamp())
    seen = replace(
        EMPTY,
        minutes={now // 60 - age: 1 for age in range(4)},
        closed={"old_________": a_tomb(until=NOON - timedelta(seconds=1)), "young_______": a_tomb(until=NOON)},
    )

    posting = settle_hold(a_hold(), cost=NanoUsd(1), tokens=1, span=a_span(a_hold(), 1), at=NOON, seen=seen)

    assert posting.minutes == (now // 60 - 3, now // 60 - 2)
    assert posting.keys == ("old_________",)


def test_a_closed_key_is_kept_for_an_hour() -> None:
    assert bar_key("first_______", day=DAY, at=NOON).buries == a_tomb(until=NOON + timedelta(seconds=CLOSED_SECONDS))
    assert timedelta(seconds=CLOSED_SECONDS) == timedelta(hours=1)


@pytest.mark.parametrize(
    "wrong",
    [
        {"used": 5},
        {"span": None},
        {"span": a_span(a_hold(), 6)},
        {"opens": a_hold()},
    ],
)
def test_a_posting_that_does_not_balance_cannot_be_made(wrong: dict[str, Any]) -> None:
    good = settle_hold(a_hold(), cost=NanoUsd(5), tokens=5, span=a_span(a_hold(), 5), at=NOON)

    with pytest.raises(AssertionError):
        replace(good, **wrong)


def test_a_call_never_expires_and_a_check_never_lapses() -> None:
    call, check = a_hold(), a_hold(kind=HoldKind.CHECK)

    with pytest.raises(AssertionError):
        expire_hold(call, span=a_span(call, 0), at=NOON)
    with pytest.raises(AssertionError):
        lapse_hold(check, span=a_span(check, 10), at=NOON)


@pytest.mark.parametrize("wrong", [{"amount": -1}, {"tokens": -1}, {"counted": True}])
def test_a_hold_that_cannot_be_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="hold"):
        replace(a_hold(), **wrong)


def test_the_books_say_where_they_do_not_balance() -> None:
    page = replace(
        EMPTY, use=Use(used=NanoUsd(5)), days={DAY: Use(used=NanoUsd(3))}, holds={a_hold().key: a_hold("first", 3)}
    )

    assert imbalances(page) == {MONTH: 2}
