"""Faults planted on purpose: each takes one rule of the ledger out, and a test by name must notice.

The first table plants faults in the rules, and histories of the real use cases find them. The second plants them in the renderer,
where the contract of the ledger finds them in DynamoDB. Both also run every such test with nothing planted.
"""

import inspect
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import count
from typing import Any

import pytest

from tests.contract import test_ledger_contract as contract
from tests.fakes.ledger_desk import Desk
from tests.fakes.ledger_world import a_tenant, books_in_dynamodb, books_in_memory, keys
from tests.fakes.memory_ledger import MemoryTable
from tests.fakes.moto_dynamodb import dynamodb_client
from tests.property import shop as shops
from tests.property import test_histories as histories
from tests.property.shop import shop_in_memory
from tollgate.adapters.posting_write import Write
from tollgate.domain import posting as rules
from tollgate.domain.page import Hold, Page
from tollgate.domain.posting import Fault, Posting
from tollgate.domain.tenant import TenantSettings
from tollgate.domain.window import window_at
from tollgate.usecases import cancel_hold, change_limits, record_cost, settle_hold, take_hold

Plant = Callable[[pytest.MonkeyPatch], None]


# ---- faults in the rules -----------------------------------------------------------------------------------------------------


def _terms(**changes: Callable[[Any], Any]) -> Plant:
    """Terms of a hold that are a little off."""
    true_terms = rules.terms_of

    def plant(patch: pytest.MonkeyPatch) -> None:
        def terms_of(settings: TenantSettings, posting: Posting, month: str) -> rules.Terms:
            terms = true_terms(settings, posting, month)
            named = {name: getattr(terms, name) for name in changes if getattr(terms, name) is not None}
            return replace(terms, **{name: changes[name](value) for name, value in named.items()})

        patch.setattr(rules, "terms_of", terms_of)

    return plant


def _one_more(room: int) -> int:
    return room + 1


def no_version(patch: pytest.MonkeyPatch) -> None:
    truth = rules._hold_fault
    patch.setattr(
        rules,
        "_hold_fault",
        lambda page, settings, posting: truth(replace(page, version=settings.version), settings, posting),
    )


def any_amount_settles(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(rules, "_close_fault", lambda page, posting: None if posting.key in page.holds else Fault.HOLD_GONE)


def a_missing_hold_settles(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(rules, "_close_fault", lambda page, posting: None)


def nothing_is_closed(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(rules, "_closed_after", lambda page, posting: page.closed)


def closed_bars_no_key(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(rules, "_there", lambda page, key: Fault.HOLD_THERE if key in page.holds else None)


def a_key_for_each_try(patch: pytest.MonkeyPatch) -> None:
    truth, new_key = take_hold._Holding._try, keys("again")

    def _try(holding: Any) -> Any:
        holding.wanted = replace(holding.wanted, key=new_key())
        return truth(holding)

    patch.setattr(take_hold._Holding, "_try", _try)


def a_window_for_each_try(patch: pytest.MonkeyPatch) -> None:
    truth = take_hold._Holding._try

    def _try(holding: Any) -> Any:
        holding.wanted = replace(holding.wanted, window=window_at(holding.clock(), holding.settings.zones))
        return truth(holding)

    patch.setattr(take_hold._Holding, "_try", _try)


def a_reusable_key(patch: pytest.MonkeyPatch) -> None:
    truth = shops._started

    def started(*arguments: Any) -> shops.Shop:
        shop = truth(*arguments)
        shop.new_key = lambda: "same________"
        return shop

    patch.setattr(shops, "_started", started)


def no_cap_on_calls_in_flight(patch: pytest.MonkeyPatch) -> None:
    truth = rules._cap_fault
    patch.setattr(rules, "_cap_fault", lambda page, posting, terms: truth(replace(page, holds={}), posting, terms))


def a_minute_without_a_date(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Posting, "minute", property(lambda posting: int(posting.at.timestamp()) // 60 % 1440))


def a_record_forgets_its_id(patch: pytest.MonkeyPatch) -> None:
    numbers, truth = count(), record_cost._entry
    patch.setattr(
        record_cost,
        "_entry",
        lambda spent, now: replace(truth(spent, now), record_id=f"{spent.record_id}{next(numbers)}"),
    )


def nothing_is_cancelled(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(take_hold, "cancel", lambda *_, **__: True)


def a_cancel_opens_no_page(patch: pytest.MonkeyPatch) -> None:
    truth = cancel_hold.cancel

    def cancel(hold: Hold, month: str, settings: TenantSettings, ledger: Any, **rest: Any) -> bool:
        return (
            True
            if ledger.read_page(settings.tenant_id, month) is None
            else truth(hold, month, settings, ledger, **rest)
        )

    patch.setattr(take_hold, "cancel", cancel)


def a_settlement_without_its_hold_is_done(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(settle_hold, "_next", lambda *_: None)


def a_settlement_buries_nothing(patch: pytest.MonkeyPatch) -> None:
    truth = rules.settle_hold
    patch.setattr(settle_hold, "settle_hold", lambda hold, **rest: truth(hold, **rest | {"bury": False}))


def any_hold_there_is_ours(patch: pytest.MonkeyPatch) -> None:
    """What is asked now is taken for what stands there."""
    patch.setattr(take_hold._Holding, "_earlier_try", lambda holding, page: holding._taken(holding._hold(), page))


def every_hold_counts_for_its_agent(patch: pytest.MonkeyPatch) -> None:
    """By what the page has now, not by what the hold says."""
    truth = rules._agents_after

    def agents_after(page: Page, posting: Posting) -> Any:
        agent = posting.closes.agent if posting.closes else posting.agent
        return truth(page, replace(posting, agent=agent if agent in page.agents else None))

    patch.setattr(rules, "_agents_after", agents_after)


def the_month_before_keeps_its_version(patch: pytest.MonkeyPatch) -> None:
    truth = change_limits.months_around
    patch.setattr(change_limits, "months_around", lambda settings, now: truth(settings, now)[1:])


IN_THE_RULES: dict[str, tuple[Plant, Callable[..., None]]] = {
    "one too many on the day": (_terms(day_room=_one_more), histories.test_no_call_passes_what_is_left_of_the_day),
    "one too few on the day": (
        _terms(day_room=lambda room: room - 1),
        histories.test_no_call_passes_what_is_left_of_the_day,
    ),
    "one too many on the month": (
        _terms(month_room=_one_more),
        histories.test_no_call_passes_what_is_left_of_the_month,
    ),
    "one too few on the month": (
        _terms(month_room=lambda room: room - 1),
        histories.test_no_call_passes_what_is_left_of_the_month,
    ),
    "no version": (no_version, histories.test_a_gate_with_old_settings_holds_nothing_by_them),
    "no version, late": (no_version, histories.test_a_late_hold_of_old_settings_does_not_land),
    "no version, suspended": (no_version, histories.test_a_suspended_tenant_holds_nothing_by_old_settings_either),
    "an amount that is not named": (any_amount_settles, contract.test_a_settlement_names_amount_day_and_kind),
    "a hold that is taken for ours": (
        any_hold_there_is_ours,
        histories.test_an_earlier_dearer_try_that_landed_is_the_hold,
    ),
    "a settlement twice": (a_missing_hold_settles, histories.test_a_settlement_sent_again_counts_once),
    "no `closed`": (nothing_is_closed, histories.test_a_hold_that_lands_after_it_was_cancelled_is_refused),
    "`closed` that bars no key": (closed_bars_no_key, histories.test_the_late_twin_of_a_settled_hold_is_refused),
    "a settlement that buries nothing": (
        a_settlement_buries_nothing,
        histories.test_the_late_twin_of_a_settled_hold_is_refused,
    ),
    "a key for each try": (a_key_for_each_try, histories.test_every_try_of_one_call_has_one_key),
    "a window for each try": (
        a_window_for_each_try,
        histories.test_a_later_try_after_the_month_s_turn_goes_to_the_page_of_the_first,
    ),
    "a key that comes again": (a_reusable_key, histories.test_two_calls_have_two_holds),
    "no cap on calls in flight": (no_cap_on_calls_in_flight, histories.test_only_so_many_calls_are_in_flight),
    "a minute without a date": (a_minute_without_a_date, histories.test_yesterday_s_minute_refuses_nothing_today),
    "a record that forgets its id": (
        a_record_forgets_its_id,
        histories.test_a_record_with_a_check_counts_once_whenever_it_comes,
    ),
    "no cancel": (nothing_is_cancelled, histories.test_a_hold_whose_answers_were_lost_is_cancelled),
    "no cancel of a lapse": (
        nothing_is_cancelled,
        histories.test_a_hold_that_was_never_answered_for_and_lapsed_is_taken_back,
    ),
    "a cancel that opens no page": (
        a_cancel_opens_no_page,
        histories.test_a_hold_that_may_land_on_a_page_to_come_is_cancelled_there,
    ),
    "no late settlement": (
        a_settlement_without_its_hold_is_done,
        histories.test_a_holder_that_comes_back_books_what_it_really_cost,
    ),
    "an agent by the page": (
        every_hold_counts_for_its_agent,
        histories.test_an_agent_s_entry_goes_by_what_its_hold_says,
    ),
    "two months of three": (
        the_month_before_keeps_its_version,
        histories.test_a_limit_lowered_at_a_turn_counts_on_both_sides_of_it,
    ),
}

CHOICES: dict[str, Any] = {"turn": "the month", "cost": 7, "expires": True, "fates": [], "wrong": {"amount": 39}}


def _run(test: Callable[..., None]) -> None:
    """A test of the tables above, with one of its choices where it has some."""
    given: dict[str, Callable[[], Any]] = {"shop": shop_in_memory, "open_desk": _desk_in_memory}
    test(**{name: given[name]() if name in given else CHOICES[name] for name in inspect.signature(test).parameters})


def _desk_in_memory() -> Desk:
    desk = Desk(books=books_in_memory(MemoryTable()), settings=a_tenant())
    desk.start()
    return desk


@pytest.mark.parametrize("name", IN_THE_RULES)
def test_a_rule_that_is_taken_out_is_missed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    plant, test = IN_THE_RULES[name]
    _run(test)

    plant(monkeypatch)

    with pytest.raises(AssertionError):
        _run(test)


# ---- faults in the renderer --------------------------------------------------------------------------------------------------


def _without(*paths: str) -> Plant:
    """The terms that name one of these attributes fall out of the condition."""

    def plant(patch: pytest.MonkeyPatch) -> None:
        truth = Write.request

        def request(write: Write, table: str, key: Any) -> dict[str, object]:
            gone = {placeholder for placeholder, name in write.names.items() if name in paths}
            write.terms = [term for term in write.terms if not gone & set(_words(term))]
            made = truth(write, table, key)
            used = set(_words(f"{made['UpdateExpression']} {made['ConditionExpression']}"))
            for placeholders in ("ExpressionAttributeNames", "ExpressionAttributeValues"):
                made[placeholders] = {name: value for name, value in made[placeholders].items() if name in used}  # type: ignore[attr-defined]
            return made

        patch.setattr(Write, "request", request)

    return plant


def _words(expression: str) -> list[str]:
    return "".join(letter if letter.isalnum() or letter in "#:" else " " for letter in expression).split()


IN_THE_RENDERER: dict[str, tuple[Plant, Callable[..., None], dict[str, Any]]] = {
    "no version": (_without("version"), contract.test_settings_of_an_older_version_decide_nothing, {}),
    "no month": (
        _without("used"),
        contract.test_a_hold_of_exactly_what_is_left_of_the_month_is_the_last,
        {"amount": 41, "fault": Fault.MONTHLY_BUDGET},
    ),
    "no day": (
        _without("used_05"),
        contract.test_a_hold_of_exactly_what_is_left_of_the_day_is_the_last,
        {"amount": 41, "fault": Fault.DAILY_BUDGET},
    ),
    "no soft cap": (
        _without("spent", "spent_05"),
        contract.test_a_soft_cap_of_nothing_bars_a_day_that_nobody_has_touched,
        {},
    ),
    "no cap on calls in flight": (_without("holds"), contract.test_only_so_many_calls_are_in_flight, {"in_flight": 1}),
    "no minute": (_without("r28494000"), contract.test_only_so_many_calls_begin_in_one_minute, {"per_minute": 1}),
    "no `closed`": (_without("closed"), contract.test_a_barred_key_opens_no_hold, {}),
    "no amount": (_without("a"), contract.test_a_settlement_names_amount_day_and_kind, {"wrong": {"amount": 39}}),
    "no day of the hold": (
        _without("d"),
        contract.test_a_settlement_names_amount_day_and_kind,
        {"wrong": {"day": "04"}},
    ),
    "no word of what is booked": (_without("c"), contract.test_a_correction_goes_by_what_is_booked_and_counts_once, {}),
}

NUMBERS = count(1)


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    with dynamodb_client() as client:
        yield client


@pytest.mark.parametrize("name", IN_THE_RENDERER)
def test_a_term_that_is_not_rendered_is_missed(name: str, client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    plant, test, choices = IN_THE_RENDERER[name]
    desk = Desk(books=books_in_dynamodb(client), settings=a_tenant(f"planted-{next(NUMBERS)}"))
    if "open_desk" in inspect.signature(test).parameters:
        desk.start()
        choices = choices | {"open_desk": desk}
    else:
        choices = choices | {"desk": desk}

    plant(monkeypatch)

    with pytest.raises(AssertionError):
        test(**choices)
