"""A first sync of three ServiceTitan tenants with 50,000 jobs, interrupted ten times and more: every row is there, once, as it is there.

    python -m tests.soak sync [--jobs 50000]

on a stack of its own, deployed: the schedule, the queue, and functions in processes of their own. Runs have 45 seconds each, so that many
end for want of time. Meanwhile functions are killed, ServiceTitan throttles for a while, withdraws tokens, answers with errors, Postgres
goes away, and one tenant's secret is revoked until the others are done.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import psutil
import psycopg

from tests.fakes.servicetitan_truth import TRUTH, columns, told
from tests.system.own_stack import own_stack
from tests.system.tollgate_client import Stack, Tollgate, eventually, new_tenant
from tollgate.domain.job import OLDEST, Feed

SHOPS = (1001, 1002, 1003)
BROKEN = 1003
# Of a day's jobs of the three at scale 1, over the months below.
JOBS_AT_SCALE_1 = 5_600
MONTHS = 6
RUN_SECONDS = 45
# When nothing happens at the shops, so that what is shown 15 minutes late is all there is.
NIGHT = 6
SHOWN_AFTER = timedelta(minutes=15)
DONE_S = 2400.0


@dataclass(slots=True)
class Shops:
    """The local ServiceTitan's controls."""

    http: httpx.Client

    def get(self, path: str) -> Any:
        return self.http.get(f"/_local/{path}").raise_for_status().json()

    def post(self, path: str, body: object) -> None:
        self.http.post(f"/_local/{path}", json=body).raise_for_status()

    def delete(self, path: str) -> None:
        self.http.delete(f"/_local/{path}").raise_for_status()


@dataclass(slots=True)
class Trial:
    stack: Stack
    admin: Tollgate
    shops: Shops
    done: list[str] = field(default_factory=list)
    # By the shops' clock; and how many rows changed too late before it to be held against.
    began: datetime = OLDEST
    fresh: int = 0

    def connect(self, servicetitan: int) -> None:
        tenant = new_tenant(self.admin, self.stack, timezone="America/Chicago")
        body = {
            "tenantId": tenant.tenant_id,
            "servicetitanTenantId": str(servicetitan),
            "clientId": f"local-client-{servicetitan}",
            "clientSecret": f"local-secret-{servicetitan}",
        }
        answer = self.admin.post("/api/connections", body)
        assert answer.status_code == 201, answer.text

    def states(self) -> dict[int, str | None]:
        """What the API says of each; None before its first run."""
        listed = self.admin.get("/api/connections").raise_for_status().json()["connections"]
        return {int(each["servicetitanTenantId"]): (each["sync"] or {}).get("state") for each in listed}

    def count(self) -> int:
        with suppress(psycopg.OperationalError):
            return int(self.stack.rows("SELECT count(*) FROM servicetitan_jobs")[0][0])
        return 0

    def is_current(self, *shops: int) -> bool:
        states = self.states()
        return all(states.get(shop) == "current" for shop in shops)

    def interrupt(self, name: str, how: Callable[[], None]) -> None:
        """As soon as rows come in again."""
        before = self.count()
        eventually(self.count, until=lambda rows: rows > before or self.is_current(1001, 1002), seconds=180)
        how()
        self.done.append(name)

    # ---- what happens to it -------------------------------------------------------------------------------------------------

    def kill(self, function: str) -> Callable[[], None]:
        def how() -> None:
            victims = eventually(lambda: self.stack.workers(function), until=bool, seconds=60)
            for process in victims:
                with suppress(psutil.NoSuchProcess):
                    process.kill()

        return how

    def fault(self, **fault: object) -> Callable[[], None]:
        return lambda: self.shops.post("faults", fault)

    def withdraw_tokens(self) -> None:
        self.shops.delete("tokens")

    def revoke_secret(self) -> None:
        self.shops.post(f"tenants/{BROKEN}", {"clientSecret": "another"})
        self.shops.delete(f"tenants/{BROKEN}/tokens")

    def end_places(self) -> None:
        self.shops.delete("tenants/1002/places")

    def postgres_away(self) -> None:
        self.stack.command("postgres", "stop")
        time.sleep(20)
        self.stack.command("postgres", "start")

    def all_interruptions(self) -> None:
        storm = {"kind": "429", "times": 40}
        for name, how in (
            ("killed", self.kill("SyncConnection")),
            ("tokens withdrawn", self.withdraw_tokens),
            ("throttled, no word how long", self.fault(**storm, form="bare", tenant=1001)),
            ("secret revoked", self.revoke_secret),
            ("killed", self.kill("SyncConnection")),
            ("store killed", self.kill("StoreJobs")),
            ("throttled by date", self.fault(**storm, form="date", tenant=1002)),
            ("places refused", self.end_places),
            ("broken answers", self.fault(kind="reset", times=2, tenant=1002)),
            ("errors in HTML", self.fault(kind="html", times=2, tenant=1001)),
            ("Postgres away", self.postgres_away),
            ("tokens withdrawn", self.withdraw_tokens),
            ("killed", self.kill("SyncConnection")),
        ):
            self.interrupt(name, how)

    # ---- what is left -------------------------------------------------------------------------------------------------------

    def differences(self, shop: int) -> list[str]:
        """Of the rows that must be there. Calls are read from 90 days ago on, so the edge of that day is left out; and so is what changed
        last before the first read: a feed that is read hourly may show it only to the second."""
        found = []
        since = datetime.fromisoformat(self.now()).astimezone(UTC) - timedelta(days=89)
        for feed in Feed:
            names = ", ".join(columns(feed))
            query = f"SELECT id, {names} FROM servicetitan_{feed} WHERE connection_id = %s ORDER BY id"
            kept = self.stack.rows(query, f"production-{shop}")
            wanted = told(feed, self.shops.get(f"tenants/{shop}/rows/{TRUTH[feed][0]}"))
            if feed is Feed.CALLS:
                place = 1 + columns(feed).index("modified_on")
                kept, wanted = ([row for row in rows if row[place] >= since] for rows in (kept, wanted))
            kept, wanted = self.settled(feed, kept, wanted)
            if kept != wanted:
                odd = sorted({*map(str, kept)} ^ {*map(str, wanted)})[:2]
                found.append(f"{shop} {feed}: {len(kept)} rows, {len(wanted)} wanted; for example {odd}")
        return found

    def settled(self, feed: Feed, kept: list[Any], wanted: list[Any]) -> tuple[list[Any], list[Any]]:
        place = 1 + columns(feed).index("modified_on")
        fresh = {row[0] for row in wanted if row[place] is not None and row[place] > self.began - SHOWN_AFTER}
        self.fresh += len(fresh)
        return [row for row in kept if row[0] not in fresh], [row for row in wanted if row[0] not in fresh]

    def now(self) -> str:
        answer = self.shops.http.post("/_local/clock", json={"advanceSeconds": 0}).raise_for_status()
        return str(answer.json()["now"])

    def rows_of(self, shop: int) -> int:
        return sum(
            int(
                self.stack.rows(
                    f"SELECT count(*) FROM servicetitan_{feed} WHERE connection_id = %s", f"production-{shop}"
                )[0][0]
            )
            for feed in Feed
        )


def trial(stack: Stack) -> tuple[list[str], dict[str, Any]]:
    broken: list[str] = []
    with httpx.Client(base_url=stack.facts["servicetitanBaseUrl"], timeout=120) as http:
        it = Trial(stack=stack, admin=Tollgate(stack, stack.admin_key), shops=Shops(http))
        it.began = move_to_night(it)
        began = time.monotonic()
        for shop in SHOPS:
            it.connect(shop)
        it.all_interruptions()
        others = eventually(it.states, until=lambda _: it.is_current(1001, 1002), seconds=DONE_S)
        if not it.is_current(1001, 1002):
            broken.append(f"the others do not come to an end: {others}")
        if it.states()[BROKEN] != "refused":
            broken.append(f"the one whose secret was revoked is {it.states()[BROKEN]}")
        half = it.rows_of(BROKEN)
        rotated = it.admin.put(
            f"/api/connections/production-{BROKEN}", {"clientId": f"local-client-{BROKEN}", "clientSecret": "another"}
        )
        assert rotated.status_code == 200, rotated.text
        eventually(lambda: it.is_current(*SHOPS), until=bool, seconds=DONE_S)
        took = time.monotonic() - began
        broken += [f"{shop} is {state}" for shop, state in it.states().items() if state != "current"]
        for shop in SHOPS:
            broken += it.differences(shop)
        stats = it.shops.get("stats")
        broken += peaks_too_high(stats)
        figures = {
            "jobs": it.count(),
            "rows": {shop: it.rows_of(shop) for shop in SHOPS},
            "rows_of_the_revoked_before": half,
            "rows_too_fresh_to_compare": it.fresh,
            "interruptions": it.done,
            "runs_out_of_time": ends(stack, "more"),
            "runs_done": ends(stack, "done"),
            "runs_not_stored": ends(stack, "not_stored"),
            "took_s": round(took),
            "stats": {name: value for name, value in stats.items() if name != "requests"},
        }
    return broken, figures


def move_to_night(it: Trial) -> datetime:
    now = datetime.fromisoformat(it.now())
    night = now.replace(hour=NIGHT, minute=0, second=0, microsecond=0)
    it.shops.post("clock", {"advanceSeconds": (night - now).total_seconds()})
    return night.astimezone(UTC)


def peaks_too_high(stats: dict[str, Any]) -> list[str]:
    peaks = {name: value for name, value in stats.items() if name.startswith("peakCallsPerSecond")}
    assert peaks, "the local ServiceTitan counts"
    return [
        f"{name} of {shop}: {peak}" for name, by_shop in peaks.items() for shop, peak in by_shop.items() if peak > 60
    ]


def ends(stack: Stack, end: str) -> int:
    """How many runs say of themselves that they ended so."""
    log = (stack.state / "logs" / "ministack.log").read_text(encoding="utf-8", errors="replace")
    return log.count(f'"end":"{end}"')


def main(words: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.soak sync", description=__doc__)
    parser.add_argument("--jobs", type=int, default=50_000)
    chosen = parser.parse_args(words)
    size = {
        "SERVICETITAN_SCALE": str(round(chosen.jobs / JOBS_AT_SCALE_1, 2)),
        "SERVICETITAN_MONTHS": str(MONTHS),
        "SYNC_TIMEOUT_SECONDS": str(RUN_SECONDS),
    }
    with tempfile.TemporaryDirectory(prefix="tollgate-soak-") as folder, own_stack(Path(folder), **size) as stack:
        broken, figures = trial(stack)
    print(json.dumps(figures))
    for fault in broken:
        print(f"BROKEN: {fault}")
    return 1 if broken else 0
