"""The ways in which a call may be held, from the one that was asked for to the least, and when each is tried."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum

from tollgate.domain.money import NanoUsd
from tollgate.domain.posting import Fault, Left
from tollgate.domain.price import Bound, Price, worst_case

MONEY_FAULTS = frozenset({Fault.MONTHLY_BUDGET, Fault.DAILY_BUDGET, Fault.AGENT_BUDGET, Fault.TOKEN_BUDGET})


class Way(IntEnum):
    """How a model is asked for: its input bounded by bytes, counted, or counted and with fewer output tokens than were asked for."""

    BY_BYTES = 0
    COUNTED = 1
    SMALLER = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """One way to hold a call. `choice`: the model's place in the menu, 0 for the one that was asked for.

    `downgrade_reason`: why another model serves; `fit_reason`: why fewer output tokens than were asked for.
    """

    price: Price
    bound: Bound
    under_soft_cap: bool
    choice: int = 0
    way: Way = Way.BY_BYTES
    downgrade_reason: str | None = None
    fit_reason: str | None = None

    @property
    def amount(self) -> NanoUsd:
        return worst_case(self.bound, self.price)

    @property
    def counted(self) -> bool:
        return self.way is not Way.BY_BYTES


@dataclass(frozen=True, slots=True, kw_only=True)
class Menu:
    """`count` gives an offer's tighter bound; it loads a tokenizer, so it is asked only where the bound by bytes does not fit.

    `output_floor`: the fewest output tokens that the call may be cut down to, None where it is not; `smaller_first`: whether it is cut
    down before a cheaper model is taken, or after.
    """

    asked: Offer
    cheaper: tuple[Offer, ...]
    count: Callable[[Offer], Bound]
    output_floor: int | None = None
    smaller_first: bool = True


def menu_of(
    asked: Offer,
    cheaper: Sequence[Offer],
    count: Callable[[Offer], Bound],
    *,
    output_floor: int | None = None,
    smaller_first: bool = True,
    only_as_asked: bool = False,
) -> Menu:
    """Only a model that is really cheaper for this request is a way out of the soft zone; without one the zone bars nobody.

    `only_as_asked`: the caller takes no other model and no smaller call: where these would serve, he is refused.
    """
    useful = [offer for offer in cheaper if offer.amount < asked.amount]
    return Menu(
        asked=replace(asked, under_soft_cap=bool(useful)),
        cheaper=() if only_as_asked else _numbered(useful),
        count=count,
        output_floor=None if only_as_asked else output_floor,
        smaller_first=smaller_first,
    )


def with_cheaper(menu: Menu, left: Sequence[Offer]) -> Menu:
    """With those of its cheaper models that can be asked now. Without any the soft zone bars nobody; the caps do."""
    if len(left) == len(menu.cheaper):
        return menu
    asked = menu.asked if left else replace(menu.asked, under_soft_cap=False)
    return replace(menu, asked=asked, cheaper=_numbered(left))


def without_asked(menu: Menu, left: Sequence[Offer], *, reason: str) -> Menu:
    """The first of these serves in place of the model that was asked for."""
    first = replace(left[0], choice=0, under_soft_cap=False, downgrade_reason=reason)
    return replace(menu, asked=first, cheaper=_numbered(left[1:]))


def _numbered(offers: Sequence[Offer]) -> tuple[Offer, ...]:
    return tuple(replace(offer, choice=number) for number, offer in enumerate(offers, 1))


def next_offer(menu: Menu, tried: Offer, fault: Fault, left: Left) -> Offer | None:
    """What is tried after a refusal, with `left` on the page that refused; None where only the refusal is left.

    A later try never asks for more (LEDGER.md, "Holding").
    """
    if fault is not Fault.SOFT_ZONE and fault not in MONEY_FAULTS:
        return None
    for choice, way in _after(menu, tried):
        # The zone bars the model, however little of it is asked for.
        if fault is Fault.SOFT_ZONE and choice == tried.choice:
            continue
        offer = _offer(menu, choice, way, tried, fault, left)
        if offer is not None and _is_less(offer, tried):
            return offer
    return None


def least_amount(menu: Menu) -> NanoUsd:
    """What the call asks for at the least, whichever way it is held."""
    return min(worst_case(_least_bound(menu, offer), offer.price) for offer in (menu.asked, *menu.cheaper))


def _least_bound(menu: Menu, offer: Offer) -> Bound:
    bound = menu.count(offer)
    return bound if menu.output_floor is None else replace(bound, output=min(bound.output, menu.output_floor))


def _after(menu: Menu, tried: Offer) -> Iterator[tuple[int, Way]]:
    """The ways that come after this one."""
    choices = range(len(menu.cheaper) + 1)
    whole = (Way.BY_BYTES, Way.COUNTED)
    if menu.output_floor is None:
        order = [(choice, way) for choice in choices for way in whole]
    elif menu.smaller_first:
        order = [(choice, way) for choice in choices for way in Way]
    else:
        order = [(choice, way) for choice in choices for way in whole] + [(choice, Way.SMALLER) for choice in choices]
    yield from order[order.index((tried.choice, tried.way)) + 1 :]


def _offer(menu: Menu, choice: int, way: Way, tried: Offer, fault: Fault, left: Left) -> Offer | None:
    offer = menu.asked if choice == 0 else menu.cheaper[choice - 1]
    if choice:
        offer = replace(offer, downgrade_reason=tried.downgrade_reason or _why(fault))
    match way:
        case Way.BY_BYTES:
            return offer
        case Way.COUNTED:
            return replace(offer, bound=menu.count(offer), way=way)
        case Way.SMALLER:
            bound = _fitted(menu, replace(offer, bound=menu.count(offer)), left)
            return replace(offer, bound=bound, way=way, fit_reason=_why(fault)) if bound is not None else None


def _fitted(menu: Menu, offer: Offer, left: Left) -> Bound | None:
    """As many output tokens as what is left buys, down to the floor; None where it does not buy even those."""
    assert menu.output_floor is not None

    def fits(output: int) -> bool:
        bound = replace(offer.bound, output=output)
        cost_fits = left.money is None or worst_case(bound, offer.price) <= left.money
        return cost_fits and (left.tokens is None or bound.tokens <= left.tokens)

    low, high = min(menu.output_floor, offer.bound.output), offer.bound.output
    if not fits(low):
        return None
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if fits(middle) else (low, middle - 1)
    return replace(offer.bound, output=low)


def _is_less(offer: Offer, tried: Offer) -> bool:
    asked, before = (offer.amount, offer.bound.tokens), (tried.amount, tried.bound.tokens)
    return asked != before and asked[0] <= before[0] and asked[1] <= before[1]


def _why(fault: Fault) -> str:
    return "soft_cap" if fault is Fault.SOFT_ZONE else fault.value
