"""What a tenant gets who calls more than its page takes: refusals with a reason, or, where the partition is full, patience.

On ministack, whose latency is not DynamoDB's; the limit of a partition is modelled (`partition_limit.py`).
"""

from collections import Counter
from collections.abc import Iterator, Sequence

from tests.bench.stage import Played, Stage, stage
from tests.bench.table import table

CALLERS = 250
CALL_S = 12.0
UNITS_A_SECOND = 1_000


def report(*, callers: int = CALLERS, call_s: float = CALL_S) -> Iterator[str]:
    with stage() as found:
        yield "## crowd: more callers than a page takes; one that is refused comes back after a call's time, an impatient one at once\n"
        yield beyond(_scenes(found, callers, call_s))


def _scenes(found: Stage, callers: int, call_s: float) -> list[Played]:
    """All but the first have a fifth of the callers, and the last a tenth of a partition: ministack is too slow for a whole one."""
    fifth = max(callers // 5, 1)
    quarter_s = call_s / 4
    few = max(fifth // 5, 1)
    return [
        found.play("in-flight-capped", callers, upstream_s=call_s, seconds=call_s, in_flight_max=fifth),
        found.play("impatient", fifth, upstream_s=quarter_s, seconds=call_s, in_flight_max=few, again_s=call_s / 24),
        found.play("rate-capped", fifth, upstream_s=quarter_s, seconds=quarter_s, requests_per_minute=few),
        found.play("throttled", fifth, upstream_s=quarter_s, seconds=call_s, units_a_second=UNITS_A_SECOND / 10),
    ]


def beyond(played: Sequence[Played]) -> str:
    heads = [
        "",
        "callers",
        "seconds a call",
        "calls a second",
        "429 by reason",
        "429 from memory",
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
        f"{played.scene.upstream_s:g}",
        f"{played.calls_a_second:.1f}",
        _counts(Counter(refusal.reason.value for refusal in tally.refused)),
        # The others were told by the page, in a write that failed and was billed.
        max(0, len(tally.refused) - answers["ConditionalCheckFailedException"]),
        len(tally.unavailable),
        len(tally.unsettled),
        _counts(answers),
        played.books,
    ]


def _counts(counter: Counter[str]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counter.most_common()) or "none"


def main() -> None:
    for line in report():
        print(line, flush=True)
