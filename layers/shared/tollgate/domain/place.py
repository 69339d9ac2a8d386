"""Where a span stands in the books, `(tenant, month, epoch, seq)`: by which it is stored once, however often sent."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import date
from typing import Any

from tollgate.domain.money import NanoUsd
from tollgate.domain.span import Span

MONTH = re.compile(r"\d{4}-(0[1-9]|1[0-2])")
BIGINT_MAX = 2**63 - 1
INTEGER_MAX = 2**31 - 1
TEXTS = frozenset({"posting", "hold", "day"})
NUMBERS = frozenset({
    "cost_nanousd", "held_nanousd", "saved_nanousd", "uncached", "cached", "written", "output", "reasoning",
})  # fmt: skip
OPTIONAL_NUMBERS = frozenset({"latency_ms", "upstream_ms"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """`month`: `yyyy-mm` of the page; `epoch`: how often the page was restored; `seq`: from 1 on."""

    tenant_id: str
    month: str
    epoch: int
    seq: int

    def __post_init__(self) -> None:
        if not self.tenant_id or not is_text(self.tenant_id):
            raise ValueError("a place names its tenant")
        if not MONTH.fullmatch(self.month):
            raise ValueError(f"{self.month!r} is not a month such as 2026-11")
        if not 0 <= self.epoch <= INTEGER_MAX or not 1 <= self.seq <= BIGINT_MAX:
            raise ValueError(f"epoch {self.epoch} and seq {self.seq} are not those of a posting")

    @property
    def first_of_month(self) -> date:
        return date.fromisoformat(f"{self.month}-01")


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedSpan:
    """A span in its place, fit to be stored: whatever a table would refuse is refused here, by the field's name."""

    place: Place
    span: Span

    def __post_init__(self) -> None:
        for field in fields(self.span):
            check_field(field.name, getattr(self.span, field.name))
        if self.span.at.tzinfo is None:
            raise ValueError("at must have a time zone")
        _ = self.day

    @property
    def day(self) -> date:
        """The tenant's day whose budget the span counts in. Raises ValueError where the month has no such day."""
        return date.fromisoformat(f"{self.place.month}-{self.span.day}")

    @property
    def input_tokens(self) -> int:
        return self.span.uncached + self.span.cached + self.span.written


def check_field(name: str, value: Any) -> None:
    """Raises ValueError for a value of another type than the span's, or one that no column takes."""
    if name in NUMBERS or (name in OPTIONAL_NUMBERS and value is not None):
        if type(value) is not int or abs(value) > BIGINT_MAX:
            raise ValueError(f"{name} must be a whole number of at most 63 bits")
        if value < 0 and not name.endswith("nanousd"):
            raise ValueError(f"{name} cannot be negative")
    elif name in TEXTS:
        if not is_text(value):
            raise ValueError(f"{name} must be text")
    elif name not in ("at", "opened_at", "outcome") and value is not None and not is_text(value):
        raise ValueError(f"{name} must be text or absent")


def is_text(value: Any) -> bool:
    """False for what UTF-8 cannot carry (half a surrogate pair) and for NUL, which Postgres refuses in text."""
    return isinstance(value, str) and "\0" not in value and value.encode(errors="ignore").decode() == value


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One record of the ledger's stream: the span that it carries, or why there is none to be had.

    `name`: where it is put aside if it cannot be stored; `record`: the whole of it, as it came.
    """

    name: str
    record: Mapping[str, Any]
    placed: PlacedSpan | None = None
    fault: str | None = None

    def __post_init__(self) -> None:
        if (self.placed is None) == (self.fault is None):
            raise ValueError("a delivery has a span or a fault")


@dataclass(frozen=True, slots=True, kw_only=True)
class PageSpend:
    """What the stored spans say of one page: their sum, the last number, and how many numbers before it are missing."""

    tenant_id: str
    month: str
    spent: NanoUsd
    seq: int
    missing: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """Numbers of a page that no span has: lost, late, or put aside. Both ends included."""

    tenant_id: str
    month: str
    epoch: int
    first: int
    last: int
