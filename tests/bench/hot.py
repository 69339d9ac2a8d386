"""One page at many numbers of calls in flight, on ministack: latency and throughput.

ministack takes one write at a time and none of DynamoDB's limits, so its latencies compare pages of different sizes with each other
and say nothing of DynamoDB's. What carries over is the write units, which the server reports for each write.
"""

from collections.abc import Iterator, Sequence
from statistics import median, quantiles

from tests.bench.stage import Played, Stage, stage
from tests.bench.table import table

IN_FLIGHT = (1, 10, 100, 250)
# Writers at one time; ministack carries them out one by one.
AT_ONCE = 4
CALLS_A_SECOND = 4.0
SECONDS = 5.0


def report(*, in_flight: Sequence[int] = IN_FLIGHT, seconds: float = SECONDS) -> Iterator[str]:
    with stage() as found:
        yield "## hot: one page under load, on ministack (its latency is not DynamoDB's)\n"
        yield f"{CALLS_A_SECOND:.0f} calls a second at each number in flight; milliseconds:\n"
        yield latencies([_steady(found, number, seconds) for number in in_flight])
        yield f"\nAs fast as {AT_ONCE} callers go, beside those that are in flight already:\n"
        yield latencies([_flat_out(found, number, seconds) for number in in_flight])


def _steady(found: Stage, number: int, seconds: float) -> Played:
    """So few writes that none waits for another: what is compared is pages."""
    callers = min(number, AT_ONCE)
    upstream_s = callers / CALLS_A_SECOND
    return found.play(f"steady-{number}", callers, beside=number - callers, upstream_s=upstream_s, seconds=seconds)


def _flat_out(found: Stage, number: int, seconds: float) -> Played:
    callers = min(number, AT_ONCE)
    return found.play(f"flat-{number}", callers, beside=number - callers, upstream_s=0, seconds=seconds)


def latencies(played: Sequence[Played]) -> str:
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
        played.books,
    ]


def _percentiles(latencies: Sequence[float]) -> list[str]:
    if len(latencies) < 2:
        return ["-"] * 3
    hundredths = quantiles(latencies, n=100, method="inclusive")
    return [f"{hundredths[percent - 1] * 1000:.0f}" for percent in (50, 95, 99)]


def main() -> None:
    for line in report():
        print(line, flush=True)
