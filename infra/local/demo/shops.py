"""The four shops, what each may spend, and who of its agents works this morning."""

from dataclasses import dataclass
from random import Random

from infra.local.demo.conversation import Conversation, Customer, Script, tell
from infra.local.demo.scripts import electrical, handyman, hvac, plumbing

NANO_PER_USD = 1_000_000_000
# A month's budget is that of so many days.
MONTH_OF_DAYS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Shop:
    """`desks`: how many of its conversations go on at the same time; `conversations`: how many it has in all.

    `budget`: nano-dollars a day; `floods`: one of its agents is caught in a loop.
    """

    id: str
    name: str
    city: str
    timezone: str
    budget: int
    soft_cap: float
    scripts: tuple[Script, ...]
    customers: tuple[Customer, ...]
    desks: int
    conversations: int
    floods: bool = False

    def tellings(self, random: Random) -> list[Conversation]:
        """Every script in turn, each time for another customer."""
        return [
            tell(
                self.scripts[number % len(self.scripts)],
                self.customers[(number + number // len(self.customers)) % len(self.customers)],
                shop=self.name,
                city=self.city,
                random=random,
            )
            for number in range(self.conversations)
        ]


def usd(cents: float) -> int:
    return round(cents * NANO_PER_USD / 100)


# At gpt-4o these conversations cost about 10, 8, 3 and 2 cents: the first shop and the last have room, the second comes
# into its soft zone, and the third would be fine without its loop.
SHOPS = (
    Shop(
        id="sunrise-hvac",
        name="Sunrise Heating & Air",
        city="Phoenix",
        timezone="America/Phoenix",
        budget=usd(50),
        soft_cap=0.8,
        scripts=hvac.SCRIPTS,
        customers=hvac.CUSTOMERS,
        desks=3,
        conversations=11,
    ),
    Shop(
        id="clearwater-plumbing",
        name="Clearwater Plumbing",
        city="Chicago",
        timezone="America/Chicago",
        budget=usd(7),
        soft_cap=0.75,
        scripts=plumbing.SCRIPTS,
        customers=plumbing.CUSTOMERS,
        desks=2,
        conversations=8,
    ),
    Shop(
        id="ridgeline-electric",
        name="Ridgeline Electric",
        city="Denver",
        timezone="America/Denver",
        budget=usd(12),
        soft_cap=0.95,
        scripts=electrical.SCRIPTS,
        customers=electrical.CUSTOMERS,
        desks=1,
        conversations=4,
        floods=True,
    ),
    Shop(
        id="casco-bay-handyman",
        name="Casco Bay Handyman",
        city="Portland, Maine",
        timezone="America/New_York",
        budget=usd(4),
        soft_cap=0.8,
        scripts=handyman.SCRIPTS,
        customers=handyman.CUSTOMERS,
        desks=1,
        conversations=3,
    ),
)
