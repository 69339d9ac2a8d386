"""What a month's summary takes with what its runs led to, for one shop of 12,000 jobs a month and thirteen months of business.

The time is the whole summary's; the CPU is that of Postgres alone. OUTCOMES_RUNS='2000 20000' for other numbers of runs.
"""

import os
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import psycopg

from tests.bench.made_business import SHOP, copy_runs, make_business
from tests.bench.made_spans import NOW
from tests.bench.summary import Shops, fill, server
from tests.bench.table import table
from tests.fakes.memory_refusals import MemoryRefusals
from tollgate.adapters.postgres import Postgres
from tollgate.adapters.postgres_rollups import PostgresRollups
from tollgate.domain.summary import Summary
from tollgate.usecases.report_spend import SummaryRequest, report_spend

RUNS, OTHERS, ROUNDS = (2_000, 20_000), 20_000, 20
# So slow is this machine just now: milliseconds of CPU for a statement that everybody can repeat.
YARDSTICK = "SELECT sum(number) FROM generate_series(1, 1000000) AS number"
Ask = Callable[[PostgresRollups], object]


def _summary(group_by: str) -> Callable[[PostgresRollups], Summary]:
    request = SummaryRequest(tenant_id=SHOP, group_by=group_by)
    return lambda rollups: report_spend(
        request,
        accounts=Shops(),  # type: ignore[arg-type]
        rollups=rollups,
        refusals=MemoryRefusals(),
        now=NOW,
    )


def summary_of(group_by: str, url: str) -> Summary:
    with closing(Postgres(url)) as database:
        return _summary(group_by)(PostgresRollups(database))


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """Milliseconds."""

    p50: float
    p95: float
    cpu: float


def measure(url: str, *, rounds: int = ROUNDS) -> Mapping[str, Measured]:
    with closing(Postgres(url)) as database:
        rollups = PostgresRollups(database)
        pid = database.run(lambda connection: connection.info.backend_pid)

        def yardstick(_: PostgresRollups) -> object:
            return database.run(lambda connection: connection.execute(YARDSTICK).fetchall())

        questions: Mapping[str, Ask] = {
            "month by model, with outcomes": _summary("model"),
            "month by job, with outcomes": _summary("job"),
            "the yardstick": yardstick,
        }
        return {name: _measured(rollups, ask, pid, rounds) for name, ask in questions.items()}


def _measured(rollups: PostgresRollups, ask: Ask, pid: int, rounds: int) -> Measured:
    took, cpu = [], []
    for _ in range(rounds + 1):
        begun, used = time.perf_counter(), _cpu_ms(pid)
        ask(rollups)
        took.append((time.perf_counter() - begun) * 1000)
        cpu.append(_cpu_ms(pid) - used)
    ordered, costs = sorted(took[1:]), sorted(cpu[1:])
    return Measured(p50=ordered[rounds // 2], p95=ordered[rounds * 95 // 100], cpu=costs[rounds // 2])


def _cpu_ms(pid: int) -> float:
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1_000_000


def prepare(url: str, runs: int, others: int = OTHERS) -> None:
    fill(url, 0, others, others)
    make_business(url)
    copy_runs(url, runs)
    with closing(Postgres(url)) as database:
        rollups = PostgresRollups(database)
        while not rollups.add_new().is_last:
            pass
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SET statement_timeout = 0")
        connection.execute("VACUUM ANALYZE")


def report(runs: int, measured: Mapping[str, Measured]) -> str:
    rows = [[name, f"{each.p50:.0f} / {each.p95:.0f}", f"{each.cpu:.0f}"] for name, each in measured.items()]
    return table([f"{runs:,} runs", "p50 / p95, ms", "CPU of Postgres, ms"], rows)


def main() -> None:
    for runs in [int(size) for size in os.environ.get("OUTCOMES_RUNS", "").split()] or RUNS:
        with server() as url:
            prepare(url, runs)
            print(report(runs, measure(url)) + "\n", flush=True)
