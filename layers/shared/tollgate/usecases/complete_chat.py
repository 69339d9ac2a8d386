"""The governed call, by whichever route it came: hold the worst case, ask the upstream, settle the true cost."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache, partial

from tollgate.domain.call_labels import CallLabels
from tollgate.domain.call_span import CallFacts, span_of
from tollgate.domain.downgrade import Menu, Offer, menu_of
from tollgate.domain.errors import (
    BreakerOpen,
    ModelNotAllowed,
    ModelNotPriced,
    NotBounded,
    TollgateError,
    UpstreamFailed,
    UpstreamNotReached,
    UpstreamRejected,
    UpstreamUnknown,
)
from tollgate.domain.governed_request import GovernedRequest
from tollgate.domain.model import Model
from tollgate.domain.outcome import Answered, Declined, NotSent, Settlement, Unclear, UpstreamResult, settlement_of
from tollgate.domain.page import HoldKind, Page
from tollgate.domain.price import Bound, Price
from tollgate.domain.tenant import FitOrder, TenantSettings
from tollgate.domain.tokenizer import O200K
from tollgate.domain.watched_call import WatchedCall
from tollgate.domain.window import window_at
from tollgate.ports import Accounts, Ledger, Listener, PriceBook, TokenCounter, Upstream
from tollgate.usecases.guard_call import Call, Guard, GuardedCall, guard_call
from tollgate.usecases.remember_refusals import RefusalMemory
from tollgate.usecases.retry_upstream import ask_with_retries
from tollgate.usecases.settle_hold import Place, settle
from tollgate.usecases.take_hold import Taken, Wanted, take_hold

# What is left of the function's time for the settlement and the answer once the upstream's own limit has run out.
TIME_TO_SETTLE = timedelta(seconds=12)
# A hold outlives the longest life of its holder by this: clocks differ, and a function is not stopped to the second.
EXPIRY_MARGIN = timedelta(seconds=15)
NOT_SENT_RETRY = timedelta(seconds=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatPorts:
    """`new_key` draws twelve characters from the operating system's randomness. Without `guard` no breaker is asked, without `sleep` the
    upstream is asked once. `watch` is told each call that was made."""

    ledger: Ledger
    accounts: Accounts
    prices: PriceBook
    counter: TokenCounter
    upstream: Upstream
    clock: Callable[[], datetime]
    new_key: Callable[[], str]
    memory: RefusalMemory | None = None
    guard: Guard | None = None
    sleep: Callable[[float], None] | None = None
    jitter: Callable[[], float] = lambda: 0.5
    watch: Callable[[WatchedCall], None] = lambda _: None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatReply:
    """`page`: as it stood after the settlement; None where the settlement did not get through (`unsettled`)."""

    answer: Answered
    taken: Taken
    settlement: Settlement
    requested_model: str
    output_tokens: int
    page: Page | None

    @property
    def downgraded(self) -> bool:
        return self.taken.offer.downgrade_reason is not None


def complete_chat(
    chat: GovernedRequest,
    settings: TenantSettings,
    ports: ChatPorts,
    *,
    request_id: str,
    deadline: datetime,
    listen: Callable[[Taken], Listener] | None = None,
) -> ChatReply:
    """Raises BudgetRefused, LedgerUnavailable, ModelNotPriced, RequestInvalid, UpstreamRejected, UpstreamFailed, UpstreamUnknown,
    BreakerOpen, LoopRefused. `deadline`: when the function's time ends (UTC). `listen`: who is to hear a stream while it comes."""
    started, key = ports.clock(), ports.new_key()
    menu = chat_menu(chat, settings, ports.prices, ports.counter, at=started)
    guarded = guard_call(ports.guard, _call(chat, settings, key, deadline), menu, started)
    try:
        taken = _hold(chat, guarded.menu, settings, ports, started, deadline, key)
    except TollgateError:
        guarded.give_back(ports.clock())
        raise
    guarded.note(started)
    asked_at = ports.clock()
    listener = None if listen is None else listen(taken)
    result = _ask_upstream(
        chat, taken, guarded, ports, listener, request_id=request_id, until=deadline - TIME_TO_SETTLE
    )
    answered_at = ports.clock()
    settlement = settlement_of(result, taken.hold, taken.offer.price)
    facts = CallFacts(
        requested=menu.asked.price,
        served=taken.offer.price,
        attribution=chat.attribution,
        request_id=request_id,
        downgrade_reason=taken.offer.downgrade_reason,
        upstream_id=result.upstream_id if isinstance(result, Answered) else None,
        latency_ms=_milliseconds(answered_at - started),
        upstream_ms=_milliseconds(answered_at - asked_at),
        would_have=taken.would_have,
    )
    page = _settle(taken, settlement, facts, ports, deadline)
    ports.watch(_watched(taken, settlement, took=ports.clock() - started, upstream=answered_at - asked_at))
    guarded.tell(taken.offer.price.model, result, ports.clock())
    return ChatReply(
        answer=_answer_or_raise(result, ports.clock()),
        taken=taken,
        settlement=settlement,
        requested_model=chat.model,
        output_tokens=taken.offer.bound.output,
        page=page,
    )


def _watched(taken: Taken, settlement: Settlement, *, took: timedelta, upstream: timedelta) -> WatchedCall:
    return WatchedCall(
        outcome=settlement.outcome,
        held=taken.hold.amount,
        in_flight=len(taken.page.holds),
        ours=took - upstream,
        upstream=upstream,
        downgrade_reason=taken.offer.downgrade_reason,
    )


def _call(chat: GovernedRequest, settings: TenantSettings, key: str, deadline: datetime) -> Call:
    return Call(
        tenant_id=settings.tenant_id,
        agent=chat.attribution.agent,
        fingerprint=chat.fingerprint,
        key=key,
        until=deadline,
    )


def _hold(
    chat: GovernedRequest,
    menu: Menu,
    settings: TenantSettings,
    ports: ChatPorts,
    started: datetime,
    deadline: datetime,
    key: str,
) -> Taken:
    wanted = Wanted(
        tenant_id=settings.tenant_id,
        key=key,
        kind=HoldKind.CALL,
        window=window_at(started, settings.zones),
        expires_at=deadline + EXPIRY_MARGIN,
        attribution=chat.attribution,
    )
    return take_hold(
        wanted,
        menu,
        settings,
        ledger=ports.ledger,
        accounts=ports.accounts,
        clock=ports.clock,
        until=deadline,
        memory=ports.memory,
    )


def chat_menu(
    chat: GovernedRequest, settings: TenantSettings, prices: PriceBook, counter: TokenCounter, *, at: datetime
) -> Menu:
    """The ways to hold this call. Raises ModelNotPriced, RequestInvalid, NotBounded."""
    if not settings.allows(chat.model):
        raise ModelNotAllowed(chat.model)
    price, model = prices.price_of(chat.model, at), prices.model_of(chat.model)
    chat.check(model)
    counted = cache(lambda: counter.count(chat.texts) if chat.texts else 0)
    asked = Offer(price=price, bound=chat.by_bytes(settings, price), under_soft_cap=False)
    return menu_of(
        asked,
        list(_cheaper(chat, settings, prices, counted, at)),
        partial(_count, chat, settings, prices, counted),
        output_floor=settings.output_tokens_min,
        smaller_first=settings.fit_order is FitOrder.SMALLER_FIRST,
        only_as_asked=chat.only_as_asked,
    )


def _cheaper(
    chat: GovernedRequest, settings: TenantSettings, prices: PriceBook, counted: Callable[[], int], at: datetime
) -> Iterator[Offer]:
    """Only models that can serve this very request."""
    for named in settings.cheaper_than(chat.model):
        name = prices.in_place_of(named, at)
        if name is None or name == chat.model or not settings.allows(name):
            continue
        with suppress(ModelNotPriced, NotBounded):
            price, model = prices.price_of(name, at), prices.model_of(name)
            if chat.can_be_served_by(model) and _has_room(chat, settings, price, model, counted):
                yield Offer(price=price, bound=chat.by_bytes(settings, price), under_soft_cap=False)


def _has_room(
    chat: GovernedRequest, settings: TenantSettings, price: Price, model: Model, counted: Callable[[], int]
) -> bool:
    """Whether input and output fit the model together: of some models the context is one window. Counts only where bytes do not fit."""
    room = model.input_max - chat.by_bytes(settings, price).output
    if chat.input_tokens(None, model.name) <= room:
        return True
    return model.tokenizer == O200K and chat.input_tokens(counted(), model.name) <= room


def _count(
    chat: GovernedRequest, settings: TenantSettings, prices: PriceBook, counted: Callable[[], int], offer: Offer
) -> Bound:
    """By bytes where the model's own tokenizer is not the one that counts."""
    if prices.model_of(offer.price.model).tokenizer != O200K:
        return chat.by_bytes(settings, offer.price)
    return chat.by_count(counted(), settings, offer.price)


def _ask_upstream(
    chat: GovernedRequest,
    taken: Taken,
    guarded: GuardedCall,
    ports: ChatPorts,
    listener: Listener | None,
    *,
    request_id: str,
    until: datetime,
) -> UpstreamResult:
    time_left = until - ports.clock()
    if time_left <= timedelta(0):
        return NotSent(message="No time was left to ask the upstream.", ours=True)
    price = taken.offer.price
    body = chat.sent(ports.prices.model_of(price.model), price, output_tokens=taken.offer.bound.output)
    labels = CallLabels(
        tenant_id=taken.page.tenant_id,
        hold_id=str(taken.hold_id),
        attribution=chat.attribution,
        openai_project=taken.settings.openai_project,
        request_id=request_id,
    )
    ask = partial(ports.upstream.complete, body, path=chat.path, labels=labels, listener=listener)
    # A probe asks once: an upstream that is ill is spared.
    if ports.sleep is None or guarded.is_probe(price.model):
        return ask(timeout_s=time_left.total_seconds())
    return ask_with_retries(ask, until=until, clock=ports.clock, sleep=ports.sleep, jitter=ports.jitter)


def _settle(
    taken: Taken, settlement: Settlement, facts: CallFacts, ports: ChatPorts, deadline: datetime
) -> Page | None:
    place = Place(
        tenant_id=taken.page.tenant_id,
        month=taken.hold_id.month,
        hold=taken.hold,
        seen=taken.page,
        unanswered=taken.unanswered,
    )
    span = span_of(settlement, taken.hold, facts, ports.clock())
    if ports.memory is not None:
        ports.memory.forget(place.tenant_id)
    # A second is kept for the answer, which the client gets whether or not the settlement got through.
    return settle(place, settlement, span, ports.ledger, clock=ports.clock, until=deadline - timedelta(seconds=1))


def _answer_or_raise(result: UpstreamResult, now: datetime) -> Answered:
    match result:
        case Answered():
            return result
        case Declined(status=status):
            kind = UpstreamFailed if status >= 500 else UpstreamRejected
            raise kind(result.message, status=status, body=result.body, headers=result.headers)
        case NotSent(message=message, ours=True):
            raise BreakerOpen(f"The call was not made, and nothing was spent: {message}", retry_at=now + NOT_SENT_RETRY)
        case NotSent(message=message):
            raise UpstreamNotReached(
                f"The model's provider cannot be reached: {message}", retry_at=now + NOT_SENT_RETRY
            )
        case Unclear(message=message):
            raise UpstreamUnknown(
                f"{message} The call may have been billed, so its whole hold is booked; do not repeat it blindly."
            )


def _milliseconds(time: timedelta) -> int:
    return max(0, round(time.total_seconds() * 1000))
