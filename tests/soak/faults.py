"""Thousands of calls over a DynamoDB that drops answers, carries writes out late, throttles, conflicts and hangs up; processes
are killed on the way. No call may be double-held, double-settled or free, and phantom holds stand only where a process was killed
or could not reach the table until its time ended.

    python -m tests.soak.faults --seed 1 --calls 4000
"""

import argparse
import json
import os
import random
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.fakes.fault_proxy import Fate, FaultProxy, Request, Sentence, fault_proxy, no_fault
from tests.fakes.function_process import ROOT
from tests.fakes.ledger_world import a_tenant, books_in_dynamodb
from tests.fakes.local_dynamodb import HOST, dynamodb_at, local_dynamodb, stream_records
from tests.soak.fault_deeds import Orders, as_text
from tests.soak.fault_judge import Books, Call, Judgement, judge, read_journal
from tollgate.domain.money import NanoUsd
from tollgate.usecases.change_limits import months_around
from tollgate.usecases.sweep_holds import sweep_holds

# In a hundred requests each.
ODDS = {
    Fate.PASSED: 76,
    Fate.LOST: 6,
    Fate.LATE: 4,
    Fate.THROTTLED: 4,
    Fate.BROKEN: 2,
    Fate.BROKEN_AFTER: 2,
    Fate.CONFLICT: 3,
    Fate.CUT: 3,
}
KEPT_BACK_S = 4.0
# Calls whose gate can't get through from some request on, whatever it tries.
OUT_OF_REACH = 0.008
KEY = re.compile(rb"k\d{11}")
LAST_SWEEPS = (timedelta(minutes=10), timedelta(minutes=80), timedelta(hours=4))
# Tombstones stay an hour, a page takes 500, and each of them makes every write dearer.
CALLS_PER_TENANT = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    seed: int
    calls: int
    processes: int
    threads: int
    kills: int
    read_timeout_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    judgement: Judgement
    calls: Mapping[int, Call]
    books: Books
    failures: Mapping[str, int]
    fates: Counter[tuple[str, Fate]]
    seconds: float


class SeededPlan:
    """By seed, key and number of the request alone: the same call meets the same faults, whatever runs beside it."""

    def __init__(self, trial: Trial) -> None:
        self._seed = trial.seed
        self._limit_s = trial.read_timeout_s

    def __call__(self, request: Request) -> Sentence:
        mine = random.Random(f"{self._seed}:{request.subject}")
        if request.subject.startswith("k") and mine.random() < OUT_OF_REACH and request.number >= mine.randint(0, 2):
            return Sentence(mine.choice((Fate.CUT, Fate.LOST, Fate.THROTTLED)))
        chance = random.Random(f"{self._seed}:{request.subject}:{request.number}")
        [fate] = chance.choices(list(ODDS), list(ODDS.values()))
        if fate is Fate.CONFLICT and request.operation in ("GetItem", "Query"):
            fate = Fate.THROTTLED
        return Sentence(fate, self._limit_s + chance.uniform(0.05, KEPT_BACK_S))


def subject_of(body: bytes) -> str:
    found = KEY.search(body)
    return found.group().decode() if found else ""


def soak(trial: Trial, state: Path) -> Outcome:
    began = time.monotonic()
    tenants = [f"shop-{number}" for number in range(max(3, trial.calls // CALLS_PER_TENANT))]
    with (
        local_dynamodb(state) as port,
        fault_proxy((HOST, port), plan=SeededPlan(trial), subject=subject_of) as proxy,
    ):
        url = f"http://{HOST}:{port}"
        client = dynamodb_at(url)
        books = books_in_dynamodb(client)
        for tenant_id in tenants:
            settings = a_tenant(
                tenant_id,
                daily_limit=NanoUsd(20_000),
                monthly_limit=NanoUsd(10**9),
                cheaper_model="cheap",
                requests_per_minute=100_000,
                in_flight_max=250,
            )
            assert books.accounts.create(settings, months_around(settings, datetime.now(UTC)))
        journal = state / "journal"
        journal.touch()
        Crew(trial, proxy.url, journal, tenants).work()
        proxy.plan = no_fault
        proxy.wait_until_all_landed(within_s=60)
        for after in LAST_SWEEPS:
            for _ in range(2):
                sweep_holds(books.ledger, books.accounts, clock=lambda after=after: datetime.now(UTC) + after)
        client.close()
        return _judged(proxy, journal, Books(stream_records(url)), time.monotonic() - began)


def _judged(proxy: FaultProxy, journal: Path, books: Books, seconds: float) -> Outcome:
    calls, failures = read_journal(journal), dict(proxy.failures)
    return Outcome(
        judgement=judge(calls, books, failures),
        calls=calls,
        books=books,
        failures=failures,
        fates=proxy.counts,
        seconds=seconds,
    )


class Crew:
    """The processes that make the calls; now and then one is killed, and another goes on with what it had not begun."""

    def __init__(self, trial: Trial, url: str, journal: Path, tenants: list[str]) -> None:
        self._trial = trial
        self._url = url
        self._journal = journal
        self._tenants = tenants

    def work(self) -> None:
        trial = self._trial
        shares = [list(range(first, trial.calls, trial.processes)) for first in range(trial.processes)]
        running = [self._start(share) for share in shares]
        for kill in range(trial.kills):
            self._wait_for_calls(trial.calls * (kill + 1) // (trial.kills + 1), running)
            victim = kill % trial.processes
            running[victim].kill()
            running[victim].wait()
            begun = self._begun()
            running[victim] = self._start([number for number in shares[victim] if number not in begun])
        codes = [process.wait() for process in running]
        assert codes == [0] * len(codes), f"a process broke: {codes}"
        assert self._begun() == set(range(trial.calls))

    def _start(self, numbers: list[int]) -> subprocess.Popen[bytes]:
        orders = Orders(
            url=self._url,
            seed=self._trial.seed,
            journal=str(self._journal),
            tenants=self._tenants,
            numbers=numbers,
            threads=self._trial.threads,
            read_timeout_s=self._trial.read_timeout_s,
        )
        path = os.pathsep.join((str(ROOT / "layers" / "shared"), str(ROOT)))
        return subprocess.Popen(
            [sys.executable, "-m", "tests.soak.fault_deeds", as_text(orders)],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": path},
        )

    def _wait_for_calls(self, count: int, running: list[subprocess.Popen[bytes]]) -> None:
        while self._journal.read_bytes().count(b'{"event": "begun"') < count:
            assert any(process.poll() is None for process in running), "every process has ended"
            time.sleep(0.05)

    def _begun(self) -> set[int]:
        lines = self._journal.read_text(encoding="utf-8").splitlines()
        return {said["number"] for said in map(json.loads, lines) if said["event"] == "begun"}


def report(trial: Trial, outcome: Outcome) -> str:
    told, fates = outcome.judgement, Counter[Fate]()
    for (_, fate), count in outcome.fates.items():
        fates[fate] += count
    lines = [
        f"seed {trial.seed}: {told.calls} calls in {outcome.seconds:.0f} s, by {trial.processes} processes of {trial.threads} threads",
        f"{trial.kills} processes killed, with {told.killed} calls in flight; read_timeout {trial.read_timeout_s} s",
        f"{sum(fates.values())} requests: " + "; ".join(f"{fates[fate]} {fate.value}" for fate in Fate),
        f"deeds: {_counted(told.deeds)}",
        f"endings: {_counted(told.endings)}",
        f"{told.spans} spans on {len(outcome.books.pages)} pages: {_counted(told.postings)}",
        f"phantom holds: {told.phantoms_killed} of killed processes, {told.phantoms_out_of_reach} of gates out of reach to the last",
        f"in full, not at cost: {told.in_full_killed} of killed processes, {told.in_full_out_of_reach} of gates out of reach",
        f"broken promises: {len(told.wrong)}",
    ]
    return "\n".join([*lines, *(f"  WRONG {fault}" for fault in told.wrong[:40])])


def _counted(counts: Counter[str]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counts.most_common())


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="faults", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--calls", type=int, default=4_000)
    parser.add_argument("--processes", type=int, default=3)
    parser.add_argument("--threads", type=int, default=8)
    parser.add_argument("--kills", type=int, default=8)
    parser.add_argument("--read-timeout", type=float, default=2.0, help="the client's time limit in seconds")
    asked = parser.parse_args(argv)
    trial = Trial(
        seed=asked.seed,
        calls=asked.calls,
        processes=asked.processes,
        threads=asked.threads,
        kills=asked.kills,
        read_timeout_s=asked.read_timeout,
    )
    with tempfile.TemporaryDirectory(prefix="tollgate-faults-") as state:
        outcome = soak(trial, Path(state))
    print(report(trial, outcome))
    return 1 if outcome.judgement.wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
