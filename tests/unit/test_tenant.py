from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes.ledger_world import NOON, a_tenant
from tollgate.domain.money import NanoUsd
from tollgate.domain.settings_text import settings_from_text, settings_to_text
from tollgate.domain.tenant import (
    AGENTS_MAX,
    LIMIT_MAX,
    TOKENS_MAX,
    AgentLimits,
    Mode,
    Raise,
    TenantSettings,
    check_zone,
)
from tollgate.domain.window import ZoneFrom

MONEY = st.integers(0, LIMIT_MAX).map(NanoUsd)
TOKENS = st.none() | st.integers(0, TOKENS_MAX)
LABELS = st.text(st.characters(exclude_categories=("C", "Z"), exclude_characters='"\\'), min_size=1, max_size=16)
INSTANTS = st.datetimes(datetime(2020, 1, 1), datetime(2040, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
WINDOWS = st.sampled_from(["2026-11", "2026-11-23", "2026-12"])


@st.composite
def tenants(draw: st.DrawFn) -> TenantSettings:
    agents = st.builds(AgentLimits, daily=MONEY, monthly=st.none() | MONEY)
    raises = st.builds(
        Raise,
        raise_id=LABELS,
        window=WINDOWS,
        amount=st.integers(1, 10**12).map(NanoUsd),
        until=INSTANTS,
        reason=st.text(max_size=40),
    )
    zones = st.builds(ZoneFrom, month=st.just("1970-01"), zone=st.sampled_from(["UTC", "Africa/Cairo"]))
    return a_tenant(
        version=draw(st.integers(1, 10**7)),
        daily_limit=draw(MONEY),
        monthly_limit=draw(MONEY),
        soft_cap=draw(st.decimals(0, 1, allow_nan=False)),
        daily_token_limit=draw(TOKENS),
        monthly_token_limit=draw(TOKENS),
        mode=draw(st.sampled_from(Mode)),
        suspended=draw(st.booleans()),
        zones=tuple(draw(st.lists(zones, min_size=1, max_size=3))),
        allowed_models=draw(st.none() | st.lists(LABELS, max_size=3).map(tuple)),
        agents=draw(st.dictionaries(LABELS, agents, max_size=3)),
        raises=tuple(draw(st.lists(raises, max_size=3))),
    )


@given(tenants())
def test_settings_survive_the_way_through_the_account(settings: TenantSettings) -> None:
    assert settings_from_text(settings_to_text(settings)) == settings


@pytest.mark.parametrize("text", ["{}", "[]", "", '{"tenant_id": "shop"}', "null"])
def test_what_is_not_settings_is_not_read_as_such(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        settings_from_text(text)


@pytest.mark.parametrize(
    "fields",
    [
        {"tenant_id": "Shop"},
        {"tenant_id": "-shop"},
        {"tenant_id": "s" * 64},
        {"tenant_id": "shop#1"},
        {"version": 0},
        {"zones": ()},
        {"daily_limit": -1},
        {"daily_limit": LIMIT_MAX + 1},
        {"monthly_token_limit": -1},
        {"in_flight_max": 0},
        {"in_flight_max": 251},
        {"requests_per_minute": -1},
        {"soft_cap": Decimal("1.01")},
        {"soft_cap": Decimal("-0.01")},
        {"default_output_tokens": 20_000},
        {"output_tokens_min": 20_000},
        {"agents": {f"agent{number}": AgentLimits(daily=NanoUsd(1)) for number in range(AGENTS_MAX + 1)}},
        {"agents": {"a\nb": AgentLimits(daily=NanoUsd(1))}},
    ],
)
def test_settings_that_no_ledger_could_keep_are_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        a_tenant(**fields)


def test_the_edges_of_what_settings_may_say_are_let_in() -> None:
    agents = {f"agent{number}": AgentLimits(daily=NanoUsd(0)) for number in range(AGENTS_MAX)}

    settings = a_tenant(
        "s" * 63, daily_limit=LIMIT_MAX, in_flight_max=250, soft_cap=Decimal(0), requests_per_minute=0, agents=agents
    )

    assert settings.enforces


@pytest.mark.parametrize("fields", [{"amount": NanoUsd(0)}, {"until": datetime(2026, 1, 1)}])  # noqa: DTZ001
def test_a_raise_is_more_than_nothing_and_ends_at_an_instant(fields: dict[str, Any]) -> None:
    usual: dict[str, Any] = {"raise_id": "1", "window": "2026-11", "amount": NanoUsd(1), "until": NOON, "reason": ""}

    with pytest.raises(ValueError, match="raise"):
        Raise(**(usual | fields))


def test_an_agent_s_budget_without_any_limit_is_none() -> None:
    with pytest.raises(ValueError, match="BudgetUsd"):
        AgentLimits()


def test_raises_of_one_window_add_up_and_each_ends_by_itself() -> None:
    first = Raise(raise_id="1", window="2026-11-23", amount=NanoUsd(10), until=NOON, reason="")
    second = Raise(raise_id="2", window="2026-11-23", amount=NanoUsd(5), until=NOON + timedelta(hours=1), reason="")
    settings = a_tenant(raises=(first, second))

    limits = [settings.limit_of("2026-11-23", NOON + timedelta(seconds=seconds)) for seconds in (-1, 0, 3600)]

    assert limits == [115, 105, 100]
    assert (settings.limit_of("2026-11-24", NOON), settings.limit_of("2026-11", NOON)) == (100, 1000)


@given(MONEY, st.decimals(0, 1, allow_nan=False, places=4))
def test_the_soft_zone_begins_rather_early_than_late(limit: NanoUsd, soft_cap: Decimal) -> None:
    soft = a_tenant(soft_cap=soft_cap).soft_amount(limit)

    assert limit * soft_cap - 1 < soft <= limit * soft_cap


@pytest.mark.parametrize("name", ["Mars/Olympus", "", "../etc/passwd", "a" * 300, "UTC\0"])
def test_what_is_no_time_zone_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="IANA"):
        check_zone(name)
