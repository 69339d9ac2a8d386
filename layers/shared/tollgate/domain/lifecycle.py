"""When a model ends, who hears of it before, and what takes its place. Days are UTC."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

WARNED_BEFORE = timedelta(days=60)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lifetime:
    """`shutdown`: the first day on which the model is not served; None where no end is known. `replacement`: its provider's word."""

    model: str
    shutdown: date | None = None
    replacement: str | None = None

    def is_served(self, day: date) -> bool:
        return self.shutdown is None or day < self.shutdown


def ending(lifetime: Lifetime, day: date) -> str | None:
    """A sentence for the operator from 60 days before the end on; None before that."""
    if lifetime.shutdown is None or day < lifetime.shutdown - WARNED_BEFORE:
        return None
    left = (lifetime.shutdown - day).days
    when = f"ends on {lifetime.shutdown} (in {left} days)" if left > 0 else f"ended on {lifetime.shutdown}"
    instead = f"its replacement is {lifetime.replacement}" if lifetime.replacement else "it has no named replacement"
    return f"The model {lifetime.model} {when}; {instead}."


def successor(model: str, day: date, lifetime_of: Callable[[str], Lifetime | None]) -> str | None:
    """The model itself where it is served that day, else the first in its chain of replacements that is; None where there is none."""
    passed: set[str] = set()
    name: str | None = model
    while name is not None and name not in passed:
        passed.add(name)
        lifetime = lifetime_of(name)
        if lifetime is None:
            return None
        if lifetime.is_served(day):
            return name
        name = lifetime.replacement
    return None


def ends_that_differ(shipped: Mapping[str, date | None], told: Mapping[str, date | None]) -> dict[str, date | None]:
    """Of the models that we know, the ends of which their provider says another day than we ship, or that there is none.

    Nothing where it names no day at all: a server that does not know of ends says none of all models.
    """
    if not any(told.values()):
        return {}
    return {name: day for name, day in told.items() if name in shipped and shipped[name] != day}
