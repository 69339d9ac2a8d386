"""Who works in the shop: the users that rows are made by, and the technicians that appointments are assigned to."""

from dataclasses import dataclass
from datetime import date, timedelta
from math import ceil

from infra.local.servicetitan_server.customers import FIRST_NAMES, LAST_NAMES

OFFICE_USER, DISPATCHER_USER, APP_USER, VOICE_AGENT_USER = 501, 502, 777, 778
JOBS_PER_TECHNICIAN = 3
LEAVES_AFTER = timedelta(days=40)


@dataclass(frozen=True, slots=True, kw_only=True)
class Technician:
    id: int
    user_id: int
    name: str
    unit: str
    leaves_on: date | None

    def is_there(self, day: date) -> bool:
        return self.leaves_on is None or day < self.leaves_on


def technicians_of(units: tuple[str, ...], *, jobs_per_day: float, first_day: date) -> tuple[Technician, ...]:
    """Enough for the days' jobs, at least one for each business unit, and one who leaves."""
    number = max(2, len(units), ceil(jobs_per_day / JOBS_PER_TECHNICIAN)) + 1
    return tuple(
        Technician(
            id=2001 + index,
            user_id=6001 + index,
            name=f"{FIRST_NAMES[index % len(FIRST_NAMES)]} {LAST_NAMES[index * 3 % len(LAST_NAMES)]}",
            unit=units[index % len(units)],
            leaves_on=first_day + LEAVES_AFTER if index == number - 1 else None,
        )
        for index in range(number)
    )
