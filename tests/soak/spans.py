"""Ten thousand postings through the deployed stack, while Postgres is killed twice and one of them is poison: each span is stored once.

    python -m tests.soak spans [--spans 10000] [--kills 2]

on a stack of its own. Records are booked by the real use case, straight on the stack's table, because the way from the table on is what
this is about; each tenant's first posting is a call through the API. Postgres dies by SIGKILL, all of its processes at once, and stays
away while records go on. The poison's data is refused by a constraint, which then goes, as a migration would do it, and the poison is
replayed: alone, and as a batch that Lambda gave up on.
"""

import argparse
import json
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from typing import Any

import psutil
import psycopg

from infra.local import daemons, postgres
from infra.restore import physical_of
from tests.system.own_stack import own_stack
from tests.system.tollgate_client import Stack, Tenant, Tollgate, eventually, new_tenant
from tollgate.adapters.dynamodb_accounts import DynamoDbAccounts
from tollgate.adapters.dynamodb_ledger import DynamoDbLedger
from tollgate.domain.money import NanoUsd
from tollgate.domain.span import Attribution, Outcome
from tollgate.domain.usage import Usage
from tollgate.domain.window import window_at
from tollgate.usecases.record_cost import Spent, record

TENANTS = 8
POISON = "poison"
RULE = "spans_soak_refuses_poison"
ARRIVE_S = 300.0


@dataclass(slots=True)
class Progress:
    """How many records were booked by now."""

    booked: int = 0
    lock: Lock = field(default_factory=Lock)

    def add(self) -> None:
        with self.lock:
            self.booked += 1

    def wait_for(self, count: int) -> None:
        eventually(lambda: self.booked, until=lambda booked: booked >= count, seconds=ARRIVE_S)


@dataclass(frozen=True, slots=True, kw_only=True)
class Storm:
    """`broken`: promises that were not kept; `figures`: what happened."""

    broken: Sequence[str]
    figures: dict[str, Any]


def storm(stack: Stack, admin: Tollgate, *, spans: int, kills: int) -> Storm:
    """`spans`: of all tenants together, the poison and one call of each tenant included."""
    shops = [new_tenant(admin, stack, dailyBudgetUsd=5000, monthlyBudgetUsd=90000) for _ in range(TENANTS)]
    for shop in shops:
        shop.chat("Is anybody free?", max_tokens=5).raise_for_status()
    began = time.monotonic()
    with rule_against_poison(stack):
        starts = book(stack, shops, spans - TENANTS, kills)
        booked_s = time.monotonic() - began
        broken = arrived(shops, spans - 1)
        arrived_s = time.monotonic() - began
        kept = poison_in(stack)
        broken += [f"in the bucket: {sorted(kept)}"] if len(kept) != 1 else []
        broken += still_fails(stack)
    broken += mended(stack, shops, spans, kept)
    figures = {"spans": spans, "kills": starts, "booked_s": round(booked_s, 1), "arrived_s": round(arrived_s, 1)}
    return Storm(broken=broken, figures=figures)


# ---- records, and Postgres beside them --------------------------------------------------------------------------------------


def book(stack: Stack, shops: Sequence[Tenant], count: int, kills: int) -> int:
    """All records, a thread for each tenant; returns how often Postgres was killed and started again."""
    progress = Progress()
    shares = [range(first, count, TENANTS) for first in range(TENANTS)]
    with ThreadPoolExecutor(TENANTS) as pool:
        work = [
            pool.submit(book_share, stack, shop, share, progress) for shop, share in zip(shops, shares, strict=True)
        ]
        for number in range(1, kills + 1):
            progress.wait_for(count * number // (kills + 1))
            kill_postgres(stack)
            progress.wait_for(min(count, progress.booked + count // (kills + 3)))
            stack.command("postgres", "start")
        for each in work:
            each.result()
    return kills


def book_share(stack: Stack, shop: Tenant, share: Sequence[int], progress: Progress) -> None:
    client, table = stack.aws("dynamodb"), stack.facts["ledgerTable"]
    ledger, accounts = DynamoDbLedger(client, table), DynamoDbAccounts(client, table)
    settings = accounts.read(shop.tenant_id)
    assert settings is not None
    for number in share:
        spent = a_record(number, is_poison=number == share[len(share) // 2] and share[0] == 0)
        assert record(spent, settings, ledger=ledger, accounts=accounts, clock=now).is_new
        progress.add()


def a_record(number: int, *, is_poison: bool) -> Spent:
    return Spent(
        record_id=f"soak-{secrets.token_hex(8)}",
        content_hash=f"{number}",
        hold_id=None,
        cost=NanoUsd(1_000_000 + number),
        usage=Usage(uncached=100, output=20),
        model="gpt-4o",
        outcome=Outcome.RECORDED,
        attribution=Attribution(agent=f"agent-{number % 5}", run_id=POISON if is_poison else f"run-{number // 9}"),
        request_id=f"request-{number}",
    )


def now() -> datetime:
    return datetime.now(UTC)


def kill_postgres(stack: Stack) -> None:
    server = daemons.running(stack.state, postgres.NAME)
    assert server is not None, "Postgres runs when it is killed"
    everybody = [server, *server.children(recursive=True)]
    for process in everybody:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(everybody, timeout=20)


# ---- the poison -------------------------------------------------------------------------------------------------------------


@contextmanager
def rule_against_poison(stack: Stack) -> Iterator[None]:
    execute(stack, f"ALTER TABLE spans ADD CONSTRAINT {RULE} CHECK (run_id IS DISTINCT FROM '{POISON}')")
    try:
        yield
    finally:
        stack.command("postgres", "start")
        execute(stack, f"ALTER TABLE spans DROP CONSTRAINT {RULE}")


def execute(stack: Stack, statement: str) -> None:
    with psycopg.connect(stack.facts["databaseUrl"], autocommit=True) as connection:
        connection.execute(statement.encode())


def poison_in(stack: Stack) -> dict[str, str]:
    """Key -> text of what lies in the bucket."""
    client, bucket = stack.aws("s3"), bucket_of(stack)
    listed = eventually(lambda: client.list_objects_v2(Bucket=bucket).get("Contents", []), until=bool, seconds=ARRIVE_S)
    return {each["Key"]: client.get_object(Bucket=bucket, Key=each["Key"])["Body"].read().decode() for each in listed}


def bucket_of(stack: Stack) -> str:
    return physical_of(stack.aws("cloudformation"), "tollgate")["UnwrittenSpans"]


def still_fails(stack: Stack) -> list[str]:
    code, told = replay(stack)
    return [] if code == 1 and RULE in told else [f"a replay of what still fails ended with {code}: {told}"]


def mended(stack: Stack, shops: Sequence[Tenant], spans: int, kept: dict[str, str]) -> list[str]:
    """The rule is gone. The poison lies there twice by now, once in each form, and is stored once."""
    client, bucket = stack.aws("s3"), bucket_of(stack)
    batch = {
        "requestContext": {"condition": "RetryAttemptsExhausted", "approximateInvokeCount": 1001},
        "DDBStreamBatchInfo": {"batchSize": len(kept)},
        "payload": json.dumps({"Records": [json.loads(text)["record"] for text in kept.values()]}),
    }
    client.put_object(Bucket=bucket, Key="aws/lambda/mapping/shard/batch.json", Body=json.dumps(batch).encode())
    code, told = replay(stack)
    broken = [f"the replay ended with {code}: {told}"] if code else []
    left = client.list_objects_v2(Bucket=bucket).get("Contents", [])
    broken += [f"still in the bucket: {each['Key']}" for each in left]
    return broken + arrived(shops, spans) + [fault for shop in shops for fault in faults_of(shop)]


def replay(stack: Stack) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-m", "infra.replay", "--local"],
        cwd=stack.root,
        env=stack.environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


# ---- the books --------------------------------------------------------------------------------------------------------------


def arrived(shops: Sequence[Tenant], count: int) -> list[str]:
    asked = "SELECT count(*), count(DISTINCT (tenant_id, month, epoch, seq)) FROM spans WHERE tenant_id = ANY (%s)"
    names = [shop.tenant_id for shop in shops]

    def ask() -> tuple[int, int]:
        with suppress(psycopg.OperationalError):
            return shops[0].stack.rows(asked, names)[0]
        return 0, 0

    found = eventually(ask, until=lambda found: found[0] >= count, seconds=ARRIVE_S)
    return [] if found == (count, count) else [f"{count} spans should be there once; (all, distinct): {found}"]


def faults_of(shop: Tenant) -> list[str]:
    """The page's own figures against those of its spans."""
    client, table = shop.stack.aws("dynamodb"), shop.stack.facts["ledgerTable"]
    settings = DynamoDbAccounts(client, table).read(shop.tenant_id)
    assert settings is not None
    page = DynamoDbLedger(client, table).read_page(shop.tenant_id, window_at(now(), settings.zones).month)
    assert page is not None
    rows = shop.spans()
    broken = [] if [row[0] for row in rows] == list(range(1, page.seq + 1)) else [f"{shop.tenant_id}: a gap in seq"]
    spent = sum(row[2] for row in rows)
    return broken + ([] if spent == page.use.spent else [f"{shop.tenant_id}: spent {page.use.spent}, spans {spent}"])


def main(words: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.soak spans", description=__doc__)
    parser.add_argument("--spans", type=int, default=10_000)
    parser.add_argument("--kills", type=int, default=2)
    chosen = parser.parse_args(words)
    with tempfile.TemporaryDirectory(prefix="tollgate-soak-") as folder, own_stack(Path(folder)) as stack:
        done = storm(stack, Tollgate(stack, stack.admin_key), spans=chosen.spans, kills=chosen.kills)
    print(json.dumps(done.figures))
    for fault in done.broken:
        print(f"BROKEN: {fault}")
    return 1 if done.broken else 0
