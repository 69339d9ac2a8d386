"""The public id of a hold: `<yyyy-mm>.<dd>.<key>`. It carries its page and day, so a call that crosses midnight settles without a read."""

import re
from dataclasses import dataclass

from tollgate.domain.errors import RequestInvalid

PATTERN = re.compile(r"(\d{4}-(?:0[1-9]|1[0-2]))\.(0[1-9]|[12]\d|3[01])\.([A-Za-z0-9_-]{12})", re.ASCII)


@dataclass(frozen=True, slots=True)
class HoldId:
    month: str
    day: str
    key: str

    def __str__(self) -> str:
        return f"{self.month}.{self.day}.{self.key}"


def parse_hold_id(text: str) -> HoldId:
    """Raises RequestInvalid for what cannot be a hold's id."""
    found = PATTERN.fullmatch(text)
    if found is None:
        raise RequestInvalid(
            "holdId must be an id that a check or a chat gave, such as 2026-11.23.Zk3vQ0a1xY_9.", param="holdId"
        )
    return HoldId(*found.groups())
