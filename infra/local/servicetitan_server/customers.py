"""Who calls the shop: names, addresses and phone numbers, which stand in the payloads as they do in the real ones."""

from dataclasses import dataclass
from random import Random
from typing import Any

FIRST_NAMES = ("Ana", "Ben", "Carla", "Dmitri", "Elena", "Frank", "Grace", "Hugo", "Ines", "Jamal", "Kim", "Luis")
LAST_NAMES = ("Abbott", "Barnes", "Castillo", "Duong", "Ellis", "Fofana", "Greene", "Huang", "Ivanova", "Jensen")
STREETS = ("Alder St", "Birch Ave", "Cedar Ln", "Dogwood Dr", "Elm Ct", "Foxglove Way", "Garnet Rd", "Hickory Pl")
MERGED_SHARE = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Customer:
    """`merged_into` is the customer who turned out to be the same person, weeks later."""

    id: int
    location_id: int
    name: str
    phone: str
    email: str
    address: dict[str, str]
    summary: dict[str, Any]
    merged_into: int | None


def customers_of(seed: str, *, number: int) -> list[Customer]:
    random = Random(f"{seed}/customers")  # noqa: S311 - repeatable on purpose
    ids = [40_000_000 + 3 * index for index in range(number)]
    return [_customer(random, id_, random.choice(ids) if random.random() < MERGED_SHARE else None) for id_ in ids]


def _customer(random: Random, id_: int, merged_into: int | None) -> Customer:
    first, last = random.choice(FIRST_NAMES), random.choice(LAST_NAMES)
    address = {
        "street": f"{random.randrange(1, 9999)} {random.choice(STREETS)}",
        "city": "Springfield",
        "state": "TX",
        "zip": "75001",
        "country": "USA",
    }
    return Customer(
        id=id_,
        location_id=id_ + 1,
        name=f"{first} {last}",
        phone=f"+1555{random.randrange(10**7):07}",
        email=f"{first}.{last}{id_ % 1000}@example.com".lower(),
        address=address,
        summary={"id": id_, "name": f"{first} {last}", "address": address},
        merged_into=merged_into if merged_into != id_ else None,
    )
