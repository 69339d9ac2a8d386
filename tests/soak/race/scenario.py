"""What a race is: who runs, on which tenants, from when on by the clock of all of them."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from infra.local.services import AWS_ENVIRONMENT
from tests.fakes.ledger_world import UTC_ALWAYS
from tollgate.domain.money import NanoUsd
from tollgate.domain.tenant import IN_FLIGHT_MAX, TenantSettings

DAILY = NanoUsd(1_000_000)
MONTHLY = NanoUsd(1_200_000)
# One call may ask for two fifths of the day, and every gate has several at once.
WORST = 400_000
ANY_RATE = 100_000
OPEN_MAX = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """`calls`: of each gate; `changing`: limits, modes and agents' budgets move meanwhile, and money is spent elsewhere too;
    `planted`: the name of a fault that every gate has (planted.py)."""

    name: str
    seed: int
    gates: int
    calls: int
    tenants: tuple[str, ...]
    starts_at: datetime
    changing: bool
    planted: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """Where a scenario takes place."""

    scenario: Scenario
    endpoint_url: str
    table: str
    journals: Path

    @property
    def environment(self) -> dict[str, str]:
        return {**AWS_ENVIRONMENT, "AWS_ENDPOINT_URL": self.endpoint_url}


class RunningClock:
    """Goes as the real one does, from `starts_at` on."""

    def __init__(self, starts_at: datetime) -> None:
        self._ahead = starts_at - datetime.now(UTC)

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self._ahead


def in_real_time(span: timedelta) -> datetime:
    """For the ledger's own tries, which go by the real clock."""
    return datetime.now(UTC) + span


def first_settings(tenant_id: str) -> TenantSettings:
    return TenantSettings(
        tenant_id=tenant_id,
        version=1,
        zones=UTC_ALWAYS,
        daily_limit=DAILY,
        monthly_limit=MONTHLY,
        requests_per_minute=ANY_RATE,
        in_flight_max=IN_FLIGHT_MAX,
    )
