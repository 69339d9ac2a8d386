"""AWS prices on demand, in US dollars, each with where it was read and how sure that is. No free tier, no volume tier, no discount."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from pathlib import Path

FILE = Path(__file__).with_name("prices.json")


class Basis(StrEnum):
    """`documented`: read on AWS's own page. `secondary`: somebody else's page says so. `remembered`: not looked up again."""

    DOCUMENTED = "documented"
    SECONDARY = "secondary"
    REMEMBERED = "remembered"


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """`usd` for `per` of the unit."""

    usd: Decimal
    per: int
    unit: str
    basis: Basis
    source: str

    def __post_init__(self) -> None:
        if self.usd <= 0 or self.per <= 0:
            raise ValueError(f"a price of {self.usd} dollars for {self.per} {self.unit} is none")

    def of(self, quantity: Decimal) -> Decimal:
        return quantity * self.usd / self.per


def read_prices() -> Mapping[str, Price]:
    return {
        name: Price(
            usd=Decimal(entry["usd"]),
            per=entry["per"],
            unit=entry["unit"],
            basis=Basis(entry["basis"]),
            source=entry["source"],
        )
        for name, entry in json.loads(FILE.read_text(encoding="utf-8"))["prices"].items()
    }
