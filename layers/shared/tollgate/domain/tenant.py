"""A tenant's settings: what may be spent. What is spent stands on its pages."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import ROUND_FLOOR, Decimal
from enum import StrEnum
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from tollgate.domain.money import NanoUsd
from tollgate.domain.span import check_label
from tollgate.domain.window import ZoneFrom

TENANT_ID = r"^[a-z0-9][a-z0-9-]{0,62}$"
OPENAI_PROJECT = r"^proj_[A-Za-z0-9_-]{1,80}$"

AGENTS_MAX = 20
IN_FLIGHT_MAX = 250
RAISES_MAX = 20
CHAINS_MAX = 20
CHAIN_MODELS_MAX = 5
# Far above any budget, and low enough that DynamoDB's 38 digits and Postgres' BIGINT hold any sum of them.
LIMIT_MAX = NanoUsd(10**9 * 10**9 // 10)
TOKENS_MAX = 10**15


class Mode(StrEnum):
    """`observe` lets every call through and says what enforcing would have done."""

    ENFORCE = "enforce"
    OBSERVE = "observe"


class FitOrder(StrEnum):
    """What is tried first where a call does not fit: fewer output tokens, or a cheaper model."""

    SMALLER_FIRST = "smaller_first"
    CHEAPER_FIRST = "cheaper_first"


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentLimits:
    daily: NanoUsd | None = None
    monthly: NanoUsd | None = None

    def __post_init__(self) -> None:
        _check_limit("dailyBudgetUsd", self.daily)
        _check_limit("monthlyBudgetUsd", self.monthly)
        if self.daily is None and self.monthly is None:
            raise ValueError("an agent's budget needs dailyBudgetUsd or monthlyBudgetUsd")


@dataclass(frozen=True, slots=True, kw_only=True)
class Raise:
    """Adds `amount` to one window's limit while `now < until`, and never to another window.

    `window`: `yyyy-mm` for a month, `yyyy-mm-dd` for a day.
    """

    raise_id: str
    window: str
    amount: NanoUsd
    until: datetime
    reason: str

    def __post_init__(self) -> None:
        if self.amount <= 0:
            raise ValueError("a raise is more than zero")
        if self.until.tzinfo is None:
            raise ValueError("a raise ends at an instant with a time zone")


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantSettings:
    """Money in nano-dollars, limits of tokens in tokens; None where a limit is not set.

    `downgrade_chains`: model -> what may serve in its place, in order; `cheaper_model` for those that it does not name.
    `output_tokens_min`: down to how many output tokens a call may be cut where it does not fit, None where it is not.
    `openai_project`: the OpenAI project whose own key pays for this tenant's calls; None: the key that all share.
    """

    tenant_id: str
    version: int
    zones: tuple[ZoneFrom, ...]
    daily_limit: NanoUsd
    monthly_limit: NanoUsd
    soft_cap: Decimal = Decimal("0.8")
    daily_token_limit: int | None = None
    monthly_token_limit: int | None = None
    requests_per_minute: int = 300
    in_flight_max: int = 50
    default_output_tokens: int = 1024
    output_tokens_max: int = 16384
    output_tokens_min: int | None = None
    cheaper_model: str | None = None
    downgrade_chains: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    fit_order: FitOrder = FitOrder.SMALLER_FIRST
    allowed_models: tuple[str, ...] | None = None
    mode: Mode = Mode.ENFORCE
    suspended: bool = False
    agents: Mapping[str, AgentLimits] = field(default_factory=dict)
    raises: tuple[Raise, ...] = ()
    openai_project: str | None = None

    def __post_init__(self) -> None:
        if not re.fullmatch(TENANT_ID, self.tenant_id):
            raise ValueError(
                "a tenant id has 1 to 63 lower-case letters, digits and hyphens, and begins with a letter or digit"
            )
        if self.openai_project is not None and not re.fullmatch(OPENAI_PROJECT, self.openai_project):
            raise ValueError("openaiProject must be the id of an OpenAI project, such as proj_abc123")
        if self.version < 1 or not self.zones:
            raise ValueError("settings have a version from 1 on and at least one time zone")
        self._check_limits()
        self._check_output_tokens()
        if len(self.agents) > AGENTS_MAX:
            raise ValueError(f"agents: at most {AGENTS_MAX} agents can have a budget")
        for label in self.agents:
            check_label("agents", label)
        if len(self.downgrade_chains) > CHAINS_MAX or any(
            len(chain) > CHAIN_MODELS_MAX for chain in self.downgrade_chains.values()
        ):
            raise ValueError(f"downgradeChains: at most {CHAINS_MAX} chains of at most {CHAIN_MODELS_MAX} models each")

    def _check_limits(self) -> None:
        _check_limit("dailyBudgetUsd", self.daily_limit)
        _check_limit("monthlyBudgetUsd", self.monthly_limit)
        _check_range("dailyTokenBudget", self.daily_token_limit, 0, TOKENS_MAX)
        _check_range("monthlyTokenBudget", self.monthly_token_limit, 0, TOKENS_MAX)
        _check_range("requestsPerMinute", self.requests_per_minute, 0, 100_000)
        _check_range("maxInFlight", self.in_flight_max, 1, IN_FLIGHT_MAX)
        if not 0 <= self.soft_cap <= 1:
            raise ValueError("softCap must be between 0 and 1")

    def _check_output_tokens(self) -> None:
        _check_range("maxOutputTokens", self.output_tokens_max, 1, 1_000_000)
        _check_range("defaultOutputTokens", self.default_output_tokens, 1, self.output_tokens_max)
        _check_range("minOutputTokens", self.output_tokens_min, 1, self.output_tokens_max)

    @property
    def enforces(self) -> bool:
        return self.mode is Mode.ENFORCE

    def cheaper_than(self, model: str) -> tuple[str, ...]:
        """What may serve in its place, in order."""
        return self.downgrade_chains.get(model, (self.cheaper_model,) if self.cheaper_model else ())

    def allows(self, model: str) -> bool:
        return self.allowed_models is None or model in self.allowed_models

    def zone_at(self, month: str) -> str:
        return [entry.zone for entry in self.zones if entry.month <= month or entry is self.zones[0]][-1]

    def limit_of(self, window: str, now: datetime) -> NanoUsd:
        """The limit of a day (`yyyy-mm-dd`) or month (`yyyy-mm`) by this clock, raises included."""
        base = self.monthly_limit if len(window) == len("2026-11") else self.daily_limit
        return NanoUsd(
            base + sum(entry.amount for entry in self.raises if entry.window == window and now < entry.until)
        )

    def soft_amount(self, limit: NanoUsd) -> NanoUsd:
        """Settled money from which on a window is in its soft zone; rounded down, so that the zone begins rather early."""
        return NanoUsd(int((limit * self.soft_cap).to_integral_value(rounding=ROUND_FLOOR)))


def check_zone(name: str) -> str:
    """Raises ValueError for what is not an IANA time zone."""
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f"timezone: {name[:60]!r} is not an IANA time zone such as America/Chicago") from error
    return name


def _check_limit(name: str, limit: NanoUsd | None) -> None:
    _check_range(name, limit, 0, LIMIT_MAX)


def _check_range(name: str, value: int | None, least: int, most: int) -> None:
    if value is not None and not least <= value <= most:
        raise ValueError(f"{name} must be between {least} and {most}")
