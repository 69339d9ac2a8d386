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

    @property
    def units(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(work.unit for work in self.works))

    @property
    def client_id(self) -> str:
        return f"local-client-{self.tenant_id}"

    @property
    def client_secret(self) -> str:
        return f"local-secret-{self.tenant_id}"


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

SHOPS: Mapping[int, Shop] = {
    shop.tenant_id: shop
    for shop in (
        Shop(
            tenant_id=1001,
            name="Bluebird Heating & Air",
            trade="HVAC",
            jobs_per_day=14,
            works=HVAC,
            busy_months=frozenset({1, 6, 7, 8, 12}),
        ),
        Shop(
            tenant_id=1002,
            name="Copperline Plumbing & Drain",
            trade="Plumbing",
            jobs_per_day=10,
            works=PLUMBING,
            busy_months=frozenset({1, 2, 11, 12}),
        ),
        Shop(
            tenant_id=1003,
            name="Northlight Electric",
            trade="Electrical",
            jobs_per_day=7,
            works=ELECTRICAL,
            busy_months=frozenset({5, 6, 9}),
        ),
        Shop(
            tenant_id=1004,
            name="Fix-It Fran",
            trade="Handyman",
            jobs_per_day=2,
            works=HANDYMAN,
            busy_months=frozenset({4, 10}),
        ),
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
FIRST_NAMES = ("Ana", "Ben", "Carla", "Dmitri", "Elena", "Frank", "Grace", "Hugo", "Ines", "Jamal", "Kim", "Luis")
LAST_NAMES = ("Abbott", "Barnes", "Castillo", "Duong", "Ellis", "Fofana", "Greene", "Huang", "Ivanova", "Jensen")
STREETS = ("Alder St", "Birch Ave", "Cedar Ln", "Dogwood Dr", "Elm Ct", "Foxglove Way", "Garnet Rd", "Hickory Pl")
