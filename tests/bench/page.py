"""How large a page is, what a write of it takes, and how many calls one page sustains, all by DynamoDB's published rules."""

from bisect import bisect_left
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache

from tests.bench.busy_page import after_settlement, page_with
from tests.bench.busy_shop import a_busy_shop
from tests.bench.item_size import size_of, write_units
from tests.bench.stored_item import item_of
from tests.bench.table import table
from tollgate.adapters.page_item import Item, hold_value
from tollgate.domain.money import NanoUsd
from tollgate.domain.page import Hold, HoldKind
from tollgate.domain.span import BYTES_MAX, LABEL_BYTES_MAX

IN_FLIGHT = (0, 1, 10, 50, 100, 250)
SECONDS = (1, 2, 5, 10, 20)
# What DynamoDB takes on one partition key, on demand or not.
UNITS_A_SECOND = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """A page at one time of its month. The sweep leaves the numbers of three days; thirty are there where it never came."""

    name: str
    agents: int
    day: int
    days_kept: int = 3


MOMENTS = (
    Moment(name="day 1, no agents", agents=0, day=1),
    Moment(name="day 30, no agents", agents=0, day=30),
    Moment(name="day 1, 20 agents", agents=20, day=1),
    Moment(name="day 30, 20 agents", agents=20, day=30),
    Moment(name="day 30, 20 agents, never swept", agents=20, day=30, days_kept=30),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """One call among `in_flight`, itself included. `with_span`: bytes after a settlement that leaves as many in flight."""

    in_flight: int
    size: int
    with_span: int
    hold_units: int
    settle_units: int

    @property
    def calls_a_second(self) -> float:
        return UNITS_A_SECOND / (self.hold_units + self.settle_units)


@cache
def load(moment: Moment, in_flight: int) -> Load:
    """A write finds the span of the settlement before it, more often than not; so both are counted with it."""
    held, settled = _item(moment, in_flight), _settled(moment, in_flight)
    before = _settled(moment, max(in_flight - 1, 0))
    return Load(
        in_flight=in_flight,
        size=size_of(held),
        with_span=size_of(settled),
        hold_units=write_units(before, held),
        settle_units=write_units(settled, before),
    )


def fastest(moment: Moment, seconds: int) -> Load:
    """The most calls in flight that the page sustains where each call takes `seconds`: rate x duration is what is in flight."""
    counts = range(1, IN_FLIGHT[-1] + 1)
    too_many = bisect_left(counts, x=True, key=lambda count: count / seconds > load(moment, count).calls_a_second)
    return load(moment, counts[max(too_many - 1, 0)])


def entry_sizes() -> dict[str, int]:
    """Bytes that one more call in flight adds."""
    counted = {"agent": "booking-agent-07", "counted": True}
    longest = {"agent": "a" * LABEL_BYTES_MAX, "counted": True, "model": "gpt-5.4-mini-2026-03-17"}
    kinds = {"without an agent": {}, "with a counted agent": counted, "the longest labels": longest}
    return {name: _entry_size(**fields) for name, fields in kinds.items()}


def _entry_size(**fields: object) -> int:
    usual = {
        "kind": HoldKind.CALL,
        "tokens": 7224,
        "day": "30",
        "opened_at": 1_796_061_601,
        "expires_at": 1_796_061_675,
        "model": "gpt-5.4",
    }
    hold = Hold(**(usual | {"key": "k" * 12, "amount": NanoUsd(30_860_000)} | fields))
    return size_of({hold.key: hold_value(hold)}) + 1


@cache
def _item(moment: Moment, in_flight: int) -> Item:
    settings = a_busy_shop(agents=moment.agents)
    return item_of(page_with(in_flight, settings, day=moment.day, days_kept=moment.days_kept))


@cache
def _settled(moment: Moment, in_flight: int) -> Item:
    settings = a_busy_shop(agents=moment.agents)
    return item_of(after_settlement(in_flight, settings, day=moment.day, days_kept=moment.days_kept))


def report(*, in_flight: tuple[int, ...] = IN_FLIGHT, seconds: tuple[int, ...] = SECONDS) -> Iterator[str]:
    yield "## page: bytes, write units and calls a second of one page\n"
    yield "Bytes of the page (with the span of the last settlement):\n"
    names = [moment.name for moment in MOMENTS]
    yield table(["calls in flight", *names], _rows(in_flight, lambda found: f"{found.size:,} ({found.with_span:,})"))
    yield f"\nWrite units of a hold + of a settlement (a span is {_span_size()} bytes here, {BYTES_MAX} at most):\n"
    yield table(
        ["calls in flight", *names], _rows(in_flight[1:], lambda found: f"{found.hold_units} + {found.settle_units}")
    )
    yield "\nCalls a second that one page sustains, at 1,000 write units a second:\n"
    yield table(["calls in flight", *names], _rows(in_flight[1:], lambda found: f"{found.calls_a_second:.0f}"))
    yield "\nThe same by how long a call takes: calls a second (calls in flight):\n"
    yield table(
        ["seconds a call", *names],
        [[each, *(_rate(fastest(moment, each), each) for moment in MOMENTS)] for each in seconds],
    )
    yield "\nBytes of one entry of `holds`:\n"
    yield table(["entry", "bytes"], entry_sizes().items())


def _rows(in_flight: tuple[int, ...], cell: Callable[[Load], str]) -> list[list[object]]:
    return [[count, *(cell(load(moment, count)) for moment in MOMENTS)] for count in in_flight]


def _rate(found: Load, seconds: int) -> str:
    return f"{found.in_flight / seconds:.0f} ({found.in_flight})"


def _span_size() -> int:
    return len(_settled(MOMENTS[0], 0)["span"]["S"].encode())


def main() -> None:
    print("\n".join(report()))
