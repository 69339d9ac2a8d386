"""Spans a second through the writer, and the CPU time of one: in the writer's process, and in Postgres. Then the same delivered again."""

import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from tests.bench.local_postgres import Server, local_postgres
from tests.bench.table import table
from tests.fakes.spans import NOON, MemoryPoison, a_record, a_span
from tollgate.adapters.ledger_stream import deliveries
from tollgate.adapters.postgres import Postgres
from tollgate.adapters.postgres_spans import PostgresSpans
from tollgate.domain.money import NanoUsd
from tollgate.usecases.write_spans import write_spans

BATCHES = (100, 500, 1_000)
SPANS = 60_000
TENANTS = 500
Record = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pass:
    """`added`: those that were new; CPU time in microseconds for one span that was delivered."""

    added: int
    spans_a_second: float
    writer_us: float
    postgres_us: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    batch: int
    first: Pass
    again: Pass


def a_call(number: int, run: str) -> Record:
    """A call of one of 500 shops, with what the gate puts into its span."""
    span = a_span(
        hold=f"{run}{number:09d}",
        at=NOON + timedelta(seconds=number / 20),
        cost_nanousd=NanoUsd(5_000_000 + number % 997),
        cached=number % 3 * 128,
        reasoning=number % 2 * 64,
        latency_ms=900 + number % 400,
        upstream_ms=850 + number % 400,
        agent=f"booking-agent-{number % 5}",
        run_id=f"run-{number // 7}",
        job_id=f"J-{number // 11}",
        request_id=f"5f0c1f0e-{number:012d}",
        upstream_id=f"chatcmpl-{number:024d}",
        service_tier="default",
    )
    return a_record(span, seq=number // TENANTS + 1, tenant_id=f"{run}-{number % TENANTS}")


def measure(server: Server, *, batch: int, spans: int) -> Measured:
    with closing(Postgres(server.url, user="tollgate_writer")) as postgres:
        # The connection, and all that is loaded with the first batch.
        _pass(server, postgres, [[a_call(number, f"warm-{batch}") for number in range(batch)]])
        records = [a_call(number, f"run-{batch}") for number in range(spans)]
        portions = [records[first : first + batch] for first in range(0, spans, batch)]
        return Measured(batch=batch, first=_pass(server, postgres, portions), again=_pass(server, postgres, portions))


def _pass(server: Server, postgres: Postgres, portions: Sequence[Sequence[Record]]) -> Pass:
    store, poison = PostgresSpans(postgres), MemoryPoison()
    count = sum(map(len, portions))
    postgres_s, writer_s, began = server.cpu_s(), time.process_time(), time.perf_counter()
    added = sum(write_spans(deliveries(portion), spans=store, poison=poison).added for portion in portions)
    took = time.perf_counter() - began
    writer_s, postgres_s = time.process_time() - writer_s, server.cpu_s() - postgres_s
    assert not poison.kept
    return Pass(
        added=added,
        spans_a_second=count / took,
        writer_us=writer_s / count * 1e6,
        postgres_us=postgres_s / count * 1e6,
    )


def report(*, batches: Sequence[int] = BATCHES, spans: int = SPANS) -> Iterator[str]:
    yield f"## writer: {spans:,} spans of {TENANTS} tenants through the writer into the embedded Postgres\n"
    yield "One writer at a time, on a table with the spans of the lines before; a batch is one statement. Microseconds of CPU for a span.\n"
    with local_postgres() as server:
        found = [measure(server, batch=batch, spans=spans) for batch in batches]
    heads = ["batch", "", "spans a second", "writer, µs", "Postgres, µs"]
    yield table(
        heads, [row for each in found for row in (_row(each.batch, "new", each.first), _row("", "again", each.again))]
    )


def _row(batch: object, which: str, measured: Pass) -> list[object]:
    return [
        batch, which, f"{measured.spans_a_second:,.0f}", f"{measured.writer_us:.0f}", f"{measured.postgres_us:.0f}",
    ]  # fmt: skip


def main() -> None:
    print("\n".join(report()))
