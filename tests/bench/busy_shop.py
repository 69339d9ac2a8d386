"""The shop of the benchmarks: every limit set and none near, and calls of a usual size, so that each write is as long as it gets."""

import base64
import os
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from tollgate.adapters.price_book import FilePriceBook
from tollgate.domain.call_span import CallFacts, span_of
from tollgate.domain.downgrade import Menu, Offer, menu_of
from tollgate.domain.money import NanoUsd
from tollgate.domain.outcome import Answered, Settlement, settlement_of
from tollgate.domain.page import Hold, HoldKind
from tollgate.domain.price import Bound
from tollgate.domain.span import Attribution, Span
from tollgate.domain.tenant import AgentLimits, TenantSettings
from tollgate.domain.usage import Usage
from tollgate.domain.window import ZoneFrom, window_at
from tollgate.usecases.take_hold import Wanted

TENANT_ID = "north-side-plumbing"
MODEL, CHEAPER_MODEL = "gpt-5.4", "gpt-5.4-mini"
BOUND = Bound(input=6_200, output=1024)
USAGE = Usage(uncached=913, cached=640, output=187)
PLENTY = NanoUsd(10**9 * 1_000_000)
LIFE = timedelta(seconds=75)


def agent_label(number: int) -> str:
    return f"booking-agent-{number:02}"


def a_busy_shop(*, agents: int = 0, **fields: Any) -> TenantSettings:
    usual: dict[str, Any] = {
        "tenant_id": TENANT_ID,
        "version": 1,
        "zones": (ZoneFrom(month="1970-01", zone="America/Chicago"),),
        "daily_limit": PLENTY,
        "monthly_limit": PLENTY,
        "daily_token_limit": 10**12,
        "monthly_token_limit": 10**12,
        "requests_per_minute": 100_000,
        "in_flight_max": 250,
        "cheaper_model": CHEAPER_MODEL,
        "agents": {agent_label(number): AgentLimits(daily=PLENTY, monthly=PLENTY) for number in range(agents)},
    }
    return TenantSettings(**(usual | fields))


def a_menu(at: datetime) -> Menu:
    """A dear model with a cheaper one behind it, so that the soft zone is in the hold's condition."""
    prices = FilePriceBook()
    asked, cheaper = (
        Offer(price=prices.price_of(model, at), bound=BOUND, under_soft_cap=False) for model in (MODEL, CHEAPER_MODEL)
    )
    return menu_of(asked, [cheaper], lambda offer: offer.bound)


def new_key() -> str:
    return base64.urlsafe_b64encode(os.urandom(9)).decode()


def wanted(settings: TenantSettings, at: datetime, *, number: int = 0, life: timedelta = LIFE) -> Wanted:
    """The call of one of the shop's agents, in turn; of an agent without a budget where the shop has none."""
    return Wanted(
        tenant_id=settings.tenant_id,
        key=new_key(),
        kind=HoldKind.CALL,
        window=window_at(at, settings.zones),
        expires_at=at + life,
        attribution=labels(settings, number),
    )


def labels(settings: TenantSettings, number: int) -> Attribution:
    agents: Sequence[str] = list(settings.agents) or ["booking-agent"]
    return Attribution(
        agent=agents[number % len(agents)], run_id="run_01J9ZK4M7Q", job_id="48213377", call_id="call_5f0c2a91"
    )


def settlement(hold: Hold, menu: Menu, attribution: Attribution, at: datetime) -> tuple[Settlement, Span]:
    """Of a call that was answered, with every field that such a span usually has."""
    answered = Answered(body={}, usage=USAGE, tier="default", upstream_id="chatcmpl-CfN3kUq1xQ9WvYb7Zr2LtEoA5sHjD")
    settled = settlement_of(answered, hold, menu.asked.price)
    facts = CallFacts(
        requested=menu.asked.price,
        served=menu.asked.price,
        attribution=attribution,
        request_id="7f1d2c3b-0a49-4c55-9e21-6b8d3f7a1c20",
        upstream_id=answered.upstream_id,
        latency_ms=2_315,
        upstream_ms=2_288,
    )
    return settled, span_of(settled, hold, facts, at)
