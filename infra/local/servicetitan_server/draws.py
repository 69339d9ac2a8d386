"""Chance, repeatable: each day of a tenant has draws of its own, so the same day is the same after any restart."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from random import Random
from typing import TypeVar

from infra.local.servicetitan_server.customers import Customer

T = TypeVar("T")

ROWS_PER_DAY_MAX = 100_000
FIRST_DAY = date(2000, 1, 1)
# Past what a float keeps exactly: a client that reads ids as floats merges two of these rows into one.
BEYOND_FLOAT = 2**53


class Draws:
    def __init__(self, seed: str, day: date, customers: Sequence[Customer]) -> None:
        self._random = Random(f"{seed}/{day}")  # noqa: S311 - repeatable on purpose
        self._uniform = self._random.random
        self._opening = datetime.combine(day, time(12), tzinfo=UTC)
        self._next_id = (day - FIRST_DAY).days * ROWS_PER_DAY_MAX
        self._last_id = self._next_id + ROWS_PER_DAY_MAX
        self._customers = customers

    def id(self) -> int:
        """Unique for each day, the same after any restart, and not in the order of time for all."""
        assert self._next_id < self._last_id, "a day has at most a hundred thousand rows"
        number = self._next_id
        self._next_id += 1
        return number if number % 7 else number + BEYOND_FLOAT

    def run_id(self) -> str:
        return f"run_{self._random.getrandbits(64):016x}"

    def customer(self) -> Customer:
        return self.one_of(self._customers)

    def moment(self) -> datetime:
        """Some time in the working day of the United States, in UTC, with a fraction for most."""
        moment = self._opening + timedelta(seconds=self.whole(0, 10 * 3600))
        return moment if self.chance(0.2) else moment.replace(microsecond=self.whole(1, 10**6))

    def about(self, wanted: float) -> range:
        """A whole number of times that is right on average."""
        return range(int(wanted) + self.chance(wanted % 1))

    def chance(self, share: float) -> bool:
        return self._uniform() < share

    def whole(self, least: int, below: int) -> int:
        return least + int(self._uniform() * (below - least))

    def minutes(self, least: float, most: float) -> timedelta:
        return timedelta(seconds=int(60 * (least + self._uniform() * (most - least))))

    def one_of(self, choices: Sequence[T]) -> T:
        return choices[int(self._uniform() * len(choices))]

    def weighted(self, choices: Sequence[T], weights: Sequence[int]) -> T:
        return self._random.choices(choices, weights)[0]
