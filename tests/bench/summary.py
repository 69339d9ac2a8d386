"""What a summary takes over few and many spans of 500 tenants: SUMMARY_SPANS='10000 1000000' for some; the plans with SUMMARY_PLANS=1."""

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import psycopg
from psycopg.rows import DictRow

from infra.local import daemons, postgres
from infra.local.configuration import Configuration
from tests.bench.made_spans import NOW, TENANTS, copy_spans, tenant
from tests.bench.table import table
from tests.fakes.local_dynamodb import free_port
from tests.fakes.memory_refusals import MemoryRefusals
from tollgate.adapters.postgres import Postgres
from tollgate.adapters.postgres_rollups import PostgresRollups
from tollgate.adapters.postgres_schema import PostgresSchema, migrations
from tollgate.domain.money import NanoUsd
from tollgate.domain.tenant import TenantSettings
from tollgate.domain.window import ZoneFrom
from tollgate.usecases.migrate_database import migrate_database
from tollgate.usecases.report_spend import SummaryRequest, report_spend
from tollgate.usecases.report_spend_of_all import TenantsRequest, report_spend_of_all

SPANS = (10_000, 1_000_000, 10_000_000)
ROUNDS = 200
# What arrives between two roll-ups, five minutes apart, where a month has so many times as many spans.
BETWEEN_ROLL_UPS = 8640


class Shops:
    """Every tenant has the same settings."""

    def read(self, tenant_id: str) -> TenantSettings:
        return TenantSettings(
            tenant_id=tenant_id,
            version=1,
            zones=(ZoneFrom(month="2026-01", zone="America/Chicago"),),
            daily_limit=NanoUsd(10**11),
            monthly_limit=NanoUsd(2 * 10**12),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    name: str
    ask: Callable[[PostgresRollups, str], object]


def _of_tenant(**asked: str) -> Callable[[PostgresRollups, str], object]:
    def ask(rollups: PostgresRollups, tenant_id: str) -> object:
        request = SummaryRequest(tenant_id=tenant_id, **asked)
        return report_spend(request, accounts=Shops(), rollups=rollups, refusals=MemoryRefusals(), now=NOW)  # type: ignore[arg-type]

    return ask


def _of_all(rollups: PostgresRollups, tenant_id: str) -> object:
    return report_spend_of_all(TenantsRequest(cursor=tenant_id), rollups=rollups, now=NOW)


TODAY = f"{NOW - timedelta(hours=6):%Y-%m-%d}"
QUESTIONS = (
    Question(name="month by model", ask=_of_tenant(group_by="model")),
    Question(name="month by job", ask=_of_tenant(group_by="job")),
    Question(name="this day by hour", ask=_of_tenant(group_by="hour", first=TODAY, last=TODAY)),
    Question(name="admin page", ask=_of_all),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """Milliseconds by the name of the question."""

    spans: int
    p50: Mapping[str, float]
    p95: Mapping[str, float]


class Explained(PostgresRollups):
    """Keeps the plans of the statements that it asks."""

    plan = ""

    def _rows(self, statement: bytes, parameters: Mapping[str, Any]) -> list[DictRow]:
        explained = b"EXPLAIN (ANALYZE, BUFFERS, COSTS OFF) " + statement
        lines = self._postgres.run(
            lambda connection: psycopg.ClientCursor(connection).execute(explained, parameters).fetchall()
        )
        self.plan += "\n".join(line[0] for line in lines) + "\n"
        return super()._rows(statement, parameters)


@contextmanager
def server() -> Iterator[str]:
    """The address of a migrated database that goes away with all its data."""
    with TemporaryDirectory(prefix="tollgate-bench-") as folder:
        state = Path(folder)
        configuration = Configuration(state=state, builds=state, environment={"POSTGRES_PORT": str(free_port())})
        (state / "run").mkdir()
        postgres.prepare(configuration)
        daemon = postgres.postgres(configuration)
        try:
            daemons.start(daemon, state)
            daemons.wait_until_ready(daemon, state)
            postgres.create_database(configuration)
            url = postgres.url(configuration)
            with closing(Postgres(url)) as database:
                migrate_database(migrations(), PostgresSchema(database))
            yield url
        finally:
            daemons.stop(state, daemon.name, stop_signal=daemon.stop_signal, grace_s=daemon.grace_s)
            postgres.forget(state)


def fill(url: str, first: int, last: int, spans: int) -> None:
    """Stores the spans from number `first` to `last` (excluded) of so many, and adds all but the newest to the rollups."""
    newest = spans // BETWEEN_ROLL_UPS + 1
    copy_spans(url, first, min(last, spans - newest), spans)
    with closing(Postgres(url)) as database:
        rollups = PostgresRollups(database)
        while not rollups.add_new().is_last:
            pass
    if last == spans:
        copy_spans(url, spans - newest, spans, spans)
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("SET statement_timeout = 0")
            connection.execute("VACUUM ANALYZE")


def measure(url: str, spans: int, *, rounds: int = ROUNDS) -> Measured:
    random = Random(spans)
    took: dict[str, list[float]] = {question.name: [] for question in QUESTIONS}
    with closing(Postgres(url)) as database:
        rollups = PostgresRollups(database)
        for number in range(rounds + rounds // 10):
            for question in QUESTIONS:
                tenant_id = tenant(random.randrange(TENANTS))
                begun = time.perf_counter()
                question.ask(rollups, tenant_id)
                if number >= rounds // 10:
                    took[question.name].append((time.perf_counter() - begun) * 1000)
    return Measured(
        spans=spans,
        p50={name: sorted(each)[len(each) // 2] for name, each in took.items()},
        p95={name: sorted(each)[len(each) * 95 // 100] for name, each in took.items()},
    )


def plans(url: str) -> Mapping[str, str]:
    found = {}
    with closing(Postgres(url)) as database:
        explained = Explained(database)
        for question in QUESTIONS:
            for _ in range(2):
                explained.plan = ""
                question.ask(explained, tenant(7))
            found[question.name] = explained.plan
    return found


def report(measured: list[Measured]) -> str:
    rows = [
        [
            question.name,
            *(f"{each.p50[question.name]:.1f} / {each.p95[question.name]:.1f}" for each in measured),
            f"{measured[-1].p50[question.name] / measured[0].p50[question.name]:.1f}",
        ]
        for question in QUESTIONS
    ]
    heads = ["p50 / p95, ms, of spans", *(f"{each.spans:,}" for each in measured), "last / first p50"]
    return table(heads, rows)


def main() -> None:
    sizes = [int(size) for size in os.environ.get("SUMMARY_SPANS", "").split()] or SPANS
    measured = []
    for size in sizes:
        begun = datetime.now(UTC)
        with server() as url:
            fill(url, 0, size, size)
            print(
                f"{size:,} spans stored and rolled up in {(datetime.now(UTC) - begun).total_seconds():.0f} s\n",
                flush=True,
            )
            measured.append(measure(url, size))
            if os.environ.get("SUMMARY_PLANS"):
                for name, plan in plans(url).items():
                    print(f"### {name}, {size:,} spans\n\n```\n{plan}\n```\n", flush=True)
    print(report(measured))
