"""The ways in which a call may be held, from the one that was asked for to the cheapest, and when each is tried."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from tollgate.domain.money import NanoUsd
from tollgate.domain.posting import Fault
from tollgate.domain.price import Bound, Price, worst_case

MONEY_FAULTS = frozenset({Fault.MONTHLY_BUDGET, Fault.DAILY_BUDGET, Fault.AGENT_BUDGET, Fault.TOKEN_BUDGET})


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """One way to hold a call. `counted`: its input is bounded by a count, not by bytes; `downgrade_reason`: why it is cheaper."""

    price: Price
    bound: Bound
    under_soft_cap: bool
    counted: bool = False
    downgrade_reason: str | None = None

    @property
    def amount(self) -> NanoUsd:
        return worst_case(self.bound, self.price)


@dataclass(frozen=True, slots=True, kw_only=True)
class Menu:
    """`count` gives an offer's tighter bound; it loads a tokenizer, so it is asked only where the bound by bytes does not fit."""

    asked: Offer
    cheaper: Offer | None
    count: Callable[[Offer], Bound]


def menu_of(asked: Offer, cheaper: Offer | None, count: Callable[[Offer], Bound]) -> Menu:
    """Only a model that is really cheaper for this request is a way out of the soft zone; without one the zone bars nobody."""
    useful = cheaper if cheaper is not None and cheaper.amount < asked.amount else None
    return Menu(asked=replace(asked, under_soft_cap=useful is not None), cheaper=useful, count=count)


def next_offer(menu: Menu, tried: Offer, fault: Fault) -> Offer | None:
    """What is tried after a refusal; None where only the refusal is left. A later try never asks for more (LEDGER.md, "Holding")."""
    cheaper = (
        replace(menu.cheaper, downgrade_reason=_why(fault))
        if menu.cheaper and tried.price.model == menu.asked.price.model
        else None
    )
    if cheaper is not None and cheaper.amount >= tried.amount:
        cheaper = replace(cheaper, bound=menu.count(cheaper), counted=True)
    if fault is Fault.SOFT_ZONE:
        return cheaper
    if fault not in MONEY_FAULTS:
        return None
    if not tried.counted:
        counted = replace(tried, bound=menu.count(tried), counted=True)
        if counted.amount < tried.amount or counted.bound.tokens < tried.bound.tokens:
            return counted
    return cheaper if cheaper is not None and cheaper.amount < tried.amount else None


def least_amount(menu: Menu) -> NanoUsd:
    """What the call asks for at the least, whichever way it is held."""
    offers = [menu.asked] + ([menu.cheaper] if menu.cheaper is not None else [])
    return min(worst_case(menu.count(offer), offer.price) for offer in offers)


def _why(fault: Fault) -> str:
    return "soft_cap" if fault is Fault.SOFT_ZONE else fault.value
