"""One page that many call at once, on ministack: latency, throughput, what is refused, and what a full partition does.

ministack takes one write at a time and none of DynamoDB's limits, so its latencies compare pages of different sizes with each other
and say nothing of DynamoDB's. What carries over is the write units, which the server reports for each write, and what callers see.
"""

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from multiprocessing import get_context
from statistics import median, quantiles

from tests.bench.busy_shop import a_busy_shop, a_menu, wanted
from tests.bench.callers import LIFE, TABLE, Scene, Tally, begin_process, call
from tests.bench.local_dynamodb import local_dynamodb
from tests.bench.table import table
from tollgate.adapters.dynamodb_accounts import DynamoDbAccounts
from tollgate.adapters.dynamodb_client import new_client
from tollgate.adapters.dynamodb_ledger import DynamoDbLedger
from tollgate.domain.page import Page, imbalances
from tollgate.domain.tenant import IN_FLIGHT_MAX, TenantSettings
from tollgate.domain.window import window_at
from tollgate.usecases.take_hold import take_hold

IN_FLIGHT = (1, 10, 100, 250)
PROCESSES = 4
AGENTS = 5
# Writers at one time; ministack carries them out one by one.
AT_ONCE = 4
CALLS_A_SECOND = 4.0
CROWD = 250
CALL_S = 6.0
SECONDS = 5.0
START_S = 1.0
UNITS_A_SECOND = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """`page`: as it was left, with nothing in flight; `seconds`: how long was counted."""

    scene: Scene
    tally: Tally
    page: Page
    seconds: float

    @property
    def calls_a_second(self) -> float:
        return len(self.tally.settlements) / self.seconds

    @property
    def is_right(self) -> bool:
        """Every call's cost stands in the books, once, and what is held is what nobody could settle."""
        only_those_held = len(self.page.holds) == self.scene.beside + len(self.tally.unsettled)
        return only_those_held and not imbalances(self.page) and self.page.use.spent == sum(self.tally.costs)


class Stage:
    """Plays scenes on one server, each with a tenant of its own."""

    def __init__(self, url: str, pool: ProcessPoolExecutor, processes: int) -> None:
        self._url, self._pool, self._processes = url, pool, processes
        client = new_client()
        self._ledger, self._accounts = DynamoDbLedger(client, TABLE), DynamoDbAccounts(client, TABLE)

    def play(
        self,
        name: str,
        callers: int,
        *,
        upstream_s: float,
        seconds: float,
        beside: int = 0,
        units_a_second: float | None = None,
        **limits: int,
    ) -> Played:
        settings = a_busy_shop(agents=AGENTS, tenant_id=name, **limits)
        month = window_at(datetime.now(UTC), settings.zones).month
        assert self._accounts.create(settings, (month,))
        assert self._ledger.open_page(settings, month)
        self._park(settings, month, beside)
        begins_at = time.monotonic() + START_S + upstream_s
        scene = Scene(
            url=self._url,
            settings=settings,
            callers=callers,
            beside=beside,
            upstream_s=upstream_s,
            begins_at=begins_at,
            ends_at=begins_at + seconds,
            units_a_second=units_a_second,
        )
        tally = self._run(scene)
        page = self._ledger.read_page(name, month)
        assert page is not None
        return Played(scene=scene, tally=tally, page=page, seconds=seconds)

    def _park(self, settings: TenantSettings, month: str, count: int) -> None:
        """Calls that are in flight all along."""
        at = datetime.now(UTC)
        for number in range(count):
            asked, menu = wanted(settings, at, number=number, life=LIFE), a_menu(at)
            take_hold(
                asked,
                menu,
                settings,
                ledger=self._ledger,
                accounts=self._accounts,
                clock=lambda: at,
                until=at + LIFE,
            )

    def _run(self, scene: Scene) -> Tally:
        shares = [range(first, scene.callers, self._processes) for first in range(self._processes)]
        tally = Tally()
        for found in self._pool.map(call, [scene] * len(shares), shares):
            tally.add(found)
        return tally


@contextmanager
def stage(processes: int = PROCESSES) -> Iterator[Stage]:
    context = get_context("spawn")
    pool = ProcessPoolExecutor(
        processes, mp_context=context, initializer=begin_process, initargs=(context.Value("d", 0.0),)
    )
    with local_dynamodb(TABLE, in_flight_max=IN_FLIGHT_MAX) as url, pool:
        found = Stage(url, pool, processes)
        # A process is started, and its libraries loaded, with its first piece of work.
        found.play("warm-up", processes, upstream_s=0.1, seconds=0.1)
        yield found


def report(
    *, in_flight: Sequence[int] = IN_FLIGHT, crowd: int = CROWD, call_s: float = CALL_S, seconds: float = SECONDS
) -> Iterator[str]:
    with stage() as found:
        yield "## hot: one page under load, on ministack (its latency is not DynamoDB's)\n"
        yield f"{CALLS_A_SECOND:.0f} calls a second at each number in flight; milliseconds:\n"
        yield _latencies([_steady(found, number, seconds) for number in in_flight])
        yield f"\nAs fast as {AT_ONCE} callers go, beside those that are in flight already:\n"
        yield _latencies([_flat_out(found, number, seconds) for number in in_flight])
        yield f"\n{crowd} callers, calls of {call_s:g} s; one that is refused comes back after as long:\n"
        yield _beyond(_crowded(found, crowd, call_s, seconds))


def _steady(found: Stage, number: int, seconds: float) -> Played:
    """So few writes that none waits for another: what is compared is pages."""
    callers = min(number, AT_ONCE)
    upstream_s = callers / CALLS_A_SECOND
    return found.play(f"steady-{number}", callers, beside=number - callers, upstream_s=upstream_s, seconds=seconds)


def _flat_out(found: Stage, number: int, seconds: float) -> Played:
    callers = min(number, AT_ONCE)
    return found.play(f"flat-{number}", callers, beside=number - callers, upstream_s=0, seconds=seconds)


def _crowded(found: Stage, callers: int, call_s: float, seconds: float) -> list[Played]:
    """The last has a fifth of the callers and a tenth of a partition: ministack is too slow for a whole one."""
    fifth = max(callers // 5, 1)
    return [
        found.play("in-flight-capped", callers, upstream_s=call_s, seconds=seconds, in_flight_max=fifth),
        found.play("rate-capped", callers, upstream_s=call_s, seconds=seconds, requests_per_minute=fifth),
        found.play("throttled", fifth, upstream_s=call_s / 4, seconds=seconds, units_a_second=UNITS_A_SECOND / 10),
    ]


def _latencies(played: Sequence[Played]) -> str:
    heads = [
        "in flight",
        "calls a second",
        "hold p50",
        "p95",
        "p99",
        "settle p50",
        "p95",
        "p99",
        "units of a write",
        "books",
    ]
    return table(heads, [_latency_row(each) for each in played])


def _latency_row(played: Played) -> list[object]:
    tally = played.tally
    units = sorted(answer.units for answer in tally.answers if answer.units is not None)
    return [
        played.scene.callers + played.scene.beside,
        f"{played.calls_a_second:.1f}",
        *_percentiles(tally.holds),
        *_percentiles(tally.settlements),
        f"{median(units):.0f}",
        _books(played),
    ]


def _percentiles(latencies: Sequence[float]) -> list[str]:
    if len(latencies) < 2:
        return ["-"] * 3
    hundredths = quantiles(latencies, n=100, method="inclusive")
    return [f"{hundredths[percent - 1] * 1000:.0f}" for percent in (50, 95, 99)]


def _beyond(played: Sequence[Played]) -> str:
    heads = [
        "",
        "callers",
        "calls a second",
        "429 by reason",
        "of them asked the page",
        "503",
        "unsettled",
        "answers",
        "books",
    ]
    return table(heads, [_beyond_row(each) for each in played])


def _beyond_row(played: Played) -> list[object]:
    tally = played.tally
    answers = Counter(answer.code for answer in tally.answers)
    return [
        played.scene.settings.tenant_id,
        played.scene.callers,
        f"{played.calls_a_second:.1f}",
        _counts(Counter(refusal.reason.value for refusal in tally.refused)),
        answers["ConditionalCheckFailedException"],
        len(tally.unavailable),
        len(tally.unsettled),
        _counts(answers),
        _books(played),
    ]


def _counts(counter: Counter[str]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counter.most_common()) or "none"


def _books(played: Played) -> str:
    return "equal" if played.is_right else "WRONG"


def main() -> None:
    for line in report():
        print(line, flush=True)
