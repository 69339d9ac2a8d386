"""The tenants: who they are, what they sell, and how busy they are."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """A job type: its name, the business unit that does it, and what it brings, in whole dollars."""

    name: str
    unit: str
    dollars_from: int
    dollars_to: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Shop:
    tenant_id: int
    name: str
    trade: str
    jobs_per_day: float
    works: tuple[Work, ...]
    busy_months: frozenset[int]
    client_id: str
    client_secret: str

    @property
    def units(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(work.unit for work in self.works))


def _work(name: str, unit: str, dollars_from: int, dollars_to: int) -> Work:
    return Work(name=name, unit=unit, dollars_from=dollars_from, dollars_to=dollars_to)


HVAC = (
    _work("AC no cooling", "HVAC Service", 180, 1400),
    _work("Furnace no heat", "HVAC Service", 160, 1600),
    _work("Seasonal tune-up", "HVAC Maintenance", 89, 240),
    _work("Heat pump diagnostic", "HVAC Service", 120, 900),
    _work("System replacement", "HVAC Install", 6500, 18500),
    _work("Thermostat install", "HVAC Install", 220, 650),
)
PLUMBING = (
    _work("Drain clearing", "Drains", 140, 620),
    _work("Water heater leak", "Plumbing Service", 250, 1900),
    _work("Water heater replacement", "Plumbing Install", 1600, 4800),
    _work("Slab leak locate", "Plumbing Service", 350, 2400),
    _work("Toilet repair", "Plumbing Service", 120, 480),
    _work("Sewer camera inspection", "Drains", 190, 420),
)
ELECTRICAL = (
    _work("Panel upgrade", "Electrical Install", 2200, 5600),
    _work("Breaker trips", "Electrical Service", 140, 700),
    _work("EV charger install", "Electrical Install", 850, 2900),
    _work("Outlet dead", "Electrical Service", 120, 380),
    _work("Generator maintenance", "Generators", 190, 540),
)
HANDYMAN = (
    _work("Half-day repairs", "Service", 240, 520),
    _work("Gutter cleaning", "Service", 130, 320),
    _work("Door and lock repair", "Service", 95, 410),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trade:
    """What shops of one trade have in common."""

    name: str
    works: tuple[Work, ...]
    jobs_per_day: float
    busy_months: frozenset[int]


TRADES: Mapping[str, Trade] = {
    trade.name: trade
    for trade in (
        Trade(name="HVAC", works=HVAC, jobs_per_day=14, busy_months=frozenset({1, 6, 7, 8, 12})),
        Trade(name="Plumbing", works=PLUMBING, jobs_per_day=10, busy_months=frozenset({1, 2, 11, 12})),
        Trade(name="Electrical", works=ELECTRICAL, jobs_per_day=7, busy_months=frozenset({5, 6, 9})),
        Trade(name="Handyman", works=HANDYMAN, jobs_per_day=2, busy_months=frozenset({4, 10})),
    )
}


def open_shop(
    tenant_id: int, name: str, trade: Trade, *, scale: float = 1, client_id: str = "", client_secret: str = ""
) -> Shop:
    """A shop of a trade; its credentials have the local form unless they are given."""
    return Shop(
        tenant_id=tenant_id,
        name=name,
        trade=trade.name,
        jobs_per_day=trade.jobs_per_day * scale,
        works=trade.works,
        busy_months=trade.busy_months,
        client_id=client_id or f"local-client-{tenant_id}",
        client_secret=client_secret or f"local-secret-{tenant_id}",
    )


SHOPS: Mapping[int, Shop] = {
    shop.tenant_id: shop
    for shop in (
        open_shop(1001, "Bluebird Heating & Air", TRADES["HVAC"]),
        open_shop(1002, "Copperline Plumbing & Drain", TRADES["Plumbing"]),
        open_shop(1003, "Northlight Electric", TRADES["Electrical"]),
        open_shop(1004, "Fix-It Fran", TRADES["Handyman"]),
    )
}

CAMPAIGNS = (
    "Google Local Services",
    "Yard signs",
    "Returning customer",
    "Tollgate booking agent",
    "Direct mail",
    "Radio",
)
