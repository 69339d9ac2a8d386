"""CPU time and round trips of one hold and one settlement, by the real use cases, adapter and client; and whose time it is."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tests.bench.aws_environment import ENVIRONMENT, aws_at
from tests.bench.botocore_steps import steps
from tests.bench.busy_page import page_with
from tests.bench.busy_shop import a_busy_shop
from tests.bench.cpu_time import Rounds, measure_rounds
from tests.bench.signed_request import SignedRequest
from tests.bench.stored_item import item_of
from tests.bench.stub_dynamodb import stub_dynamodb
from tests.bench.table import table
from tests.bench.two_deeds import DAY, Deed, Parts, two_deeds
from tollgate.adapters.dynamodb_client import new_client
from tollgate.adapters.page_item import Item, page_of

IN_FLIGHT = (10, 50, 250)
ROUNDS, CALLS = 31, 4
AGENTS = 5
WHOLE, BOTOCORE, FLOOR = "whole", "botocore: update_item", "floor: signed by hand, http.client"
READING = "reading: page_of"
STEP = "of it "
LAST_STEP = STEP + "parse"


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """`round_trips`: requests that the server had for one."""

    deed: Deed
    rounds: Rounds
    round_trips: int

    @property
    def around_botocore(self) -> float:
        return self.rounds.median_of(lambda of: of[BOTOCORE] - sum(of[name] for name in of if name.startswith(STEP)))

    @property
    def around_all(self) -> float:
        """What is left for the use case itself. `update_of` has `terms_of` in it."""
        inside = [name for name in self.deed.parts if name != "domain: terms_of"] + [BOTOCORE, READING]
        return self.rounds.median_of(lambda of: of[WHOLE] - sum(of[name] for name in inside))

    def ratio(self, upper: str, lower: str) -> float:
        return self.rounds.median_of(lambda of: of[upper] / of[lower])


def measure(*, in_flight: int, rounds: int, calls: int) -> list[Measured]:
    settings = a_busy_shop(agents=AGENTS)
    page = page_with(in_flight, settings, day=DAY, days_kept=3)
    answer = item_of(page)
    with stub_dynamodb(answer) as (url, requests), aws_at(url):
        client, floor = new_client(), _floor(url)
        found = []
        for deed in two_deeds(client, settings, page):
            before = requests.value
            deed.whole()
            round_trips = requests.value - before
            spent = measure_rounds(_parts(deed, client, floor, answer), rounds=rounds, calls=calls)
            found.append(Measured(deed=deed, rounds=spent, round_trips=round_trips))
        floor.close()
        client.close()
    return found


def _floor(url: str) -> SignedRequest:
    return SignedRequest(
        url,
        key_id=ENVIRONMENT["AWS_ACCESS_KEY_ID"],
        secret=ENVIRONMENT["AWS_SECRET_ACCESS_KEY"],
        token=ENVIRONMENT["AWS_SESSION_TOKEN"],
        region=ENVIRONMENT["AWS_REGION"],
    )


def _parts(deed: Deed, client: Any, floor: SignedRequest, answer: Item) -> Parts:
    request = {**deed.request, "ReturnValues": "ALL_NEW"}
    return {
        WHOLE: deed.whole,
        **deed.parts,
        BOTOCORE: lambda: client.update_item(**request),
        **{STEP + name: step for name, step in steps(client, request).items()},
        READING: lambda: page_of(answer),
        **deed.aside,
        FLOOR: lambda: floor.update_item(**request),
    }


def report(*, in_flight: tuple[int, ...] = IN_FLIGHT, rounds: int = ROUNDS, calls: int = CALLS) -> Iterator[str]:
    yield "## hold: CPU time of a hold and of a settlement\n"
    yield f"Microseconds of this process's CPU, medians of {rounds} rounds of {calls}; {AGENTS} agents on the page.\n"
    for each in zip(*(measure(in_flight=count, rounds=rounds, calls=calls) for count in in_flight), strict=True):
        yield from tables(each, in_flight)


def tables(measured: tuple[Measured, ...], in_flight: tuple[int, ...]) -> Iterator[str]:
    """One deed at several numbers of calls in flight."""
    yield f"One {measured[0].deed.name} ({', '.join(str(found.round_trips) for found in measured)} round trips):\n"
    yield table(["part", *(f"{count} in flight" for count in in_flight)], _rows(measured))
    yield ""


def _rows(measured: tuple[Measured, ...]) -> Iterator[list[object]]:
    deed = measured[0].deed
    for name in measured[0].rounds.parts:
        if name not in deed.aside:
            yield [name, *(f"{found.rounds.median(name):.0f}" for found in measured)]
        if name == LAST_STEP:
            yield [f"{STEP}the rest: events, retries, context", *(f"{found.around_botocore:.0f}" for found in measured)]
        if name == READING:
            yield ["the use case around them", *(f"{found.around_all:.0f}" for found in measured)]
    for name in deed.aside:
        yield [f"not in it: {name}", *(f"{found.rounds.median(name):.0f}" for found in measured)]
    for name in (BOTOCORE, FLOOR):
        yield [f"whole / {name}", *(f"{found.ratio(WHOLE, name):.2f}" for found in measured)]
    yield ["botocore's share of the whole", *(f"{found.ratio(BOTOCORE, WHOLE):.0%}" for found in measured)]


def main() -> None:
    print("\n".join(report()))
