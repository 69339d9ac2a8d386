"""The public id of a hold: `<yyyy-mm>.<dd>.<key>`. It carries its page and day, so a call that crosses midnight settles without a read.

The first letter of a key tells its kind, so that the id of a call is known for one also when its hold is long gone.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from string import ascii_uppercase

from tollgate.domain.errors import HoldNotYours, RequestInvalid
from tollgate.domain.page import HoldKind

PATTERN = re.compile(r"(\d{4}-(?:0[1-9]|1[0-2]))\.(0[1-9]|[12]\d|3[01])\.([A-Za-z0-9_-]{12})", re.ASCII)


@dataclass(frozen=True, slots=True)
class HoldId:
    month: str
    day: str
    key: str

    def __str__(self) -> str:
        return f"{self.month}.{self.day}.{self.key}"

    @property
    def kind(self) -> HoldKind:
        return kind_of(self.key)


def kind_of(key: str) -> HoldKind:
    return HoldKind.CALL if key[0] in ascii_uppercase else HoldKind.CHECK


def draw_key(kind: HoldKind, draw: Callable[[], str]) -> str:
    """Draws twelve random characters until their first tells the kind: two or three times at the most, as a rule."""
    while True:
        key = draw()
        if kind_of(key) is kind:
            return key


def parse_hold_id(text: str) -> HoldId:
    """Raises RequestInvalid for what cannot be a hold's id."""
    found = PATTERN.fullmatch(text)
    if found is None:
        raise RequestInvalid(
            "holdId must be an id that a check or a chat gave, such as 2026-11.23.Zk3vQ0a1xY_9.", param="holdId"
        )
    return HoldId(*found.groups())


def parse_check_id(text: str) -> HoldId:
    """What can be recorded from outside. Raises RequestInvalid; HoldNotYours for the id of a call."""
    hold_id = parse_hold_id(text)
    if hold_id.kind is HoldKind.CALL:
        raise HoldNotYours("This hold belongs to a call that the gate makes; the gate settles it itself.")
    return hold_id
