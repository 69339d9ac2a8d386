"""A small world around a ledger: a tenant, a clock that is told what to say, prices of one nano-dollar a token, and both ledgers.

Money is small and exact: a token of `dear` costs one nano-dollar, one of `cheap` half of that.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from tests.fakes.memory_ledger import Carry, DirectCarry, MemoryAccounts, MemoryLedger, MemoryTable
from tollgate.adapters.dynamodb_accounts import DynamoDbAccounts
from tollgate.adapters.dynamodb_ledger import DynamoDbLedger
from tollgate.domain.call_labels import CallLabels
from tollgate.domain.downgrade import Menu, Offer, menu_of
from tollgate.domain.errors import ModelNotPriced
from tollgate.domain.lifecycle import Lifetime
from tollgate.domain.model import Capability, Kind, Model
from tollgate.domain.model import Taken as UpstreamTakes
from tollgate.domain.money import NanoUsd
from tollgate.domain.outcome import Settlement, UpstreamResult
from tollgate.domain.page import Closed, Hold, HoldKind
from tollgate.domain.posting import CLOSED_SECONDS
from tollgate.domain.price import TOKENS_PER_MTOK, Bound, Price, Rates
from tollgate.domain.span import Attribution, Outcome, Span
from tollgate.domain.tenant import TenantSettings
from tollgate.domain.window import ZoneFrom
from tollgate.ports import Accounts, Ledger, Listener

TABLE = "ledger"
NOON = datetime(2024, 3, 5, 12, tzinfo=UTC)
MONTH, DAY = "2024-03", "05"
EXPIRY = timedelta(minutes=2)
UTC_ALWAYS = (ZoneFrom(month="1970-01", zone="UTC"),)


def a_price(model: str, *, per_token: int = TOKENS_PER_MTOK) -> Price:
    rates = Rates(input=per_token, cached=per_token, output=per_token)
    return Price(model=model, rates=rates, input_max=10**9, output_max=10**9)


DEAR = a_price("dear")
CHEAP = a_price("cheap", per_token=TOKENS_PER_MTOK // 2)


class TwoPrices:
    """PriceBook: `dear` and `cheap`."""

    def price_of(self, model: str, at: datetime) -> Price:
        found = {"dear": DEAR, "cheap": CHEAP}.get(model)
        if found is None:
            raise ModelNotPriced(model)
        return found

    price_of_spent = price_of

    def model_of(self, model: str) -> Model:
        price = self.price_of(model, NOON)
        return Model(
            name=model,
            kind=Kind.CHAT,
            input_max=price.input_max,
            output_max=price.output_max,
            lifetime=Lifetime(model=model),
            capabilities=frozenset(Capability) - {Capability.REASONING},
            chat_tools=UpstreamTakes.ALWAYS,
            temperature=UpstreamTakes.ALWAYS,
            tokenizer="o200k_base",
        )

    def in_place_of(self, model: str, at: datetime) -> str | None:
        return model


class CountsLetters:
    """TokenCounter: a token for every letter, where `bound_by_bytes` counts a letter beyond ASCII as two to four."""

    def count(self, texts: Sequence[str]) -> int:
        return sum(len(text) for text in texts)


@dataclass(slots=True)
class ScriptedUpstream:
    """Upstream: gives the next result; `meanwhile` happens while it is asked. `asked` keeps the bodies."""

    results: list[UpstreamResult] = field(default_factory=list)
    meanwhile: Callable[[], None] | None = None
    asked: list[Mapping[str, Any]] = field(default_factory=list)

    def complete(
        self,
        request: Mapping[str, Any],
        *,
        path: str,
        labels: CallLabels,
        timeout_s: float,
        listener: Listener | None = None,
    ) -> UpstreamResult:
        self.asked.append(request)
        if self.meanwhile is not None:
            self.meanwhile()
        return self.results.pop(0)


@dataclass(slots=True)
class TellingClock:
    now: datetime = NOON

    def __call__(self) -> datetime:
        return self.now

    def pass_by(self, time: timedelta) -> None:
        self.now += time


def a_tenant(tenant_id: str = "shop", **fields: Any) -> TenantSettings:
    """A hundred nano-dollars a day, a thousand a month."""
    usual: dict[str, Any] = {
        "version": 1,
        "zones": UTC_ALWAYS,
        "daily_limit": NanoUsd(100),
        "monthly_limit": NanoUsd(1000),
    }
    return TenantSettings(**(usual | {"tenant_id": tenant_id} | fields))


def a_hold(key: str = "first", amount: int = 10, **fields: Any) -> Hold:
    """Tokens as many as nano-dollars, for one is the price of the other."""
    usual: dict[str, Any] = {
        "kind": HoldKind.CALL,
        "tokens": amount,
        "day": DAY,
        "opened_at": int(NOON.timestamp()),
        "expires_at": int((NOON + EXPIRY).timestamp()),
        "model": "dear",
    }
    if fields.get("agent") is not None:
        usual["counted"] = True
    return Hold(**(usual | {"key": key.ljust(12, "_"), "amount": NanoUsd(amount)} | fields))


def a_span(
    hold: Hold | str, cost: int, *, at: datetime = NOON, posting: str = "settle", outcome: Outcome = Outcome.OK
) -> Span:
    key, day, held = (hold, DAY, NanoUsd(0)) if isinstance(hold, str) else (hold.key, hold.day, hold.amount)
    return Span(
        posting=posting, hold=key, at=at, day=day, outcome=outcome, cost_nanousd=NanoUsd(cost), held_nanousd=held
    )


def a_tomb(booked: int = 0, *, until: datetime | None = None, **fields: Any) -> Closed:
    end = int(until.timestamp()) if until else int(NOON.timestamp()) + CLOSED_SECONDS
    usual: dict[str, Any] = {"booked": NanoUsd(booked), "tokens": booked, "day": DAY, "until": end}
    return Closed(**(usual | fields))


def a_settlement(cost: int, *, tokens: int | None = None, outcome: Outcome = Outcome.OK) -> Settlement:
    return Settlement(cost=NanoUsd(cost), tokens=cost if tokens is None else tokens, outcome=outcome)


def a_menu(amount: int, *, cheaper: bool = False, counted: int | None = None, output: int = 0, **how: Any) -> Menu:
    """Asks for `amount` of `dear`, of which `output` are output tokens; `counted`: the input tokens that a tokenizer would find."""
    bound = Bound(input=amount - output, output=output)
    asked = Offer(price=DEAR, bound=bound, under_soft_cap=False)
    cheap = [Offer(price=CHEAP, bound=bound, under_soft_cap=False)] if cheaper else []
    found = bound.input if counted is None else min(counted, bound.input)
    return menu_of(asked, cheap, lambda offer: replace(offer.bound, input=found), **how)


def labels(agent: str | None = None) -> Attribution:
    return Attribution(agent=agent)


def keys(prefix: str = "k") -> Callable[[], str]:
    """Twelve characters, a new one each time."""
    numbers = count(1)
    return lambda: f"{prefix}{next(numbers):0{12 - len(prefix)}}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Books:
    """One of the two ledgers, with the accounts beside it."""

    ledger: Ledger
    accounts: Accounts


def books_in_memory(table: MemoryTable, carry: Carry | None = None, *, tries: int = 3) -> Books:
    carry = carry or DirectCarry(table)
    return Books(ledger=MemoryLedger(carry, tries=tries), accounts=MemoryAccounts(carry, tries=tries))


def books_in_dynamodb(client: Any) -> Books:
    return Books(
        ledger=DynamoDbLedger(client, TABLE, sleep=lambda _: None),
        accounts=DynamoDbAccounts(client, TABLE, sleep=lambda _: None),
    )


def make_table(client: Any, name: str = TABLE) -> None:
    """As in template.yaml."""
    client.create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[
            {"AttributeName": attribute, "AttributeType": kind}
            for attribute, kind in (("pk", "S"), ("sk", "S"), ("due_shard", "S"), ("due", "N"))
        ],
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        GlobalSecondaryIndexes=[
            {
                "IndexName": "due",
                "KeySchema": [
                    {"AttributeName": "due_shard", "KeyType": "HASH"},
                    {"AttributeName": "due", "KeyType": "RANGE"},
                ],
                "Projection": {"ProjectionType": "KEYS_ONLY"},
            }
        ],
    )
