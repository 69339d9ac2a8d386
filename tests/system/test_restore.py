"""The runbook (infra/runbooks/restore.md) on the deployed stack: a ledger that goes back to an old state comes to what it was."""

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.fakes.ledger_world import a_hold, a_span
from tests.system.tollgate_client import Stack, Tenant, Tollgate, eventually, nano, new_tenant
from tollgate.adapters.dynamodb_accounts import DynamoDbAccounts
from tollgate.adapters.dynamodb_ledger import DynamoDbLedger
from tollgate.adapters.page_item import Item
from tollgate.domain.page import Hold, Page, imbalances
from tollgate.domain.posting import Fault, lapse_hold, open_hold, refusal_of
from tollgate.domain.span import Outcome
from tollgate.domain.tenant import TenantSettings
from tollgate.domain.window import window_at
from tollgate.ports import Posted, Refused

AGENT = {"agent": "booking-agent"}
BACKUP = "backup-of-the-ledger"
LONGEST = "l" * 64


@dataclass(frozen=True, kw_only=True)
class Vault:
    """The ledger's table itself, and a backup of some tenants' items in another."""

    stack: Stack
    table: str
    client: Any

    @property
    def ledger(self) -> DynamoDbLedger:
        return DynamoDbLedger(self.client, self.table)

    def account(self, tenant: Tenant) -> TenantSettings:
        settings = DynamoDbAccounts(self.client, self.table).read(tenant.tenant_id)
        assert settings is not None
        return settings

    def month(self, tenant: Tenant) -> str:
        return window_at(datetime.now(UTC), self.account(tenant).zones).month

    def page(self, tenant: Tenant) -> Page:
        page = self.ledger.read_page(tenant.tenant_id, self.month(tenant))
        assert page is not None
        return page

    def items(self, *tenants: Tenant) -> list[Item]:
        found: list[Item] = self.client.scan(TableName=self.table, ConsistentRead=True)["Items"]
        return [item for item in found if any(tenant.tenant_id in item["pk"]["S"] for tenant in tenants)]

    def back_up(self, *tenants: Tenant) -> None:
        keys = [("pk", "HASH"), ("sk", "RANGE")]
        self.client.create_table(
            TableName=BACKUP,
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name, _ in keys],
            KeySchema=[{"AttributeName": name, "KeyType": kind} for name, kind in keys],
        )
        for item in self.items(*tenants):
            self.client.put_item(TableName=BACKUP, Item=item)

    def delete(self, item: Item) -> None:
        self.client.delete_item(TableName=self.table, Key={name: item[name] for name in ("pk", "sk")})

    def hold(self, tenant: Tenant, settings: TenantSettings, key: str) -> Hold | Fault:
        """As a gate that knows these settings."""
        now, month = datetime.now(UTC), self.month(tenant)
        day = window_at(now, settings.zones).day
        posting = open_hold(
            a_hold(key, 1000, day=day, expires_at=int(now.timestamp()) + 3000), at=now, under_soft_cap=False
        )
        result = self.ledger.post(posting, settings, tenant_id=tenant.tenant_id, month=month)
        if isinstance(result, Posted):
            return result.page.holds[posting.key]
        assert isinstance(result, Refused)
        fault = refusal_of(result.page, settings, posting)
        assert fault is not None
        return fault

    def lapse(self, tenant: Tenant, hold: Hold) -> None:
        now = datetime.now(UTC)
        span = replace(a_span(hold, hold.amount, at=now, posting="lapse", outcome=Outcome.LAPSED), agent=hold.agent)
        posting = lapse_hold(hold, span=span, at=now)
        result = self.ledger.post(posting, None, tenant_id=tenant.tenant_id, month=self.month(tenant))
        assert isinstance(result, Posted)

    def restore(self, *words: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "infra.restore", "--local", *words],
            cwd=self.stack.root,
            env=self.stack.environment,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, f"{words}: {done.stdout[-2000:]}{done.stderr[-2000:]}"
        return done.stdout


@pytest.fixture
def vault(stack: Stack) -> Iterator[Vault]:
    outputs = stack.aws("cloudformation").describe_stacks(StackName="tollgate")["Stacks"][0]["Outputs"]
    table = next(out["OutputValue"] for out in outputs if out["OutputKey"] == "LedgerTable")
    vault = Vault(stack=stack, table=table, client=stack.aws("dynamodb"))
    try:
        yield vault
    finally:
        vault.restore("open")
        vault.client.delete_table(TableName=BACKUP)


def said(tenant: Tenant, text: str) -> None:
    answer = tenant.api.post("/api/chat", {"messages": [{"role": "user", "content": text}], "metadata": AGENT})
    assert answer.status_code == 200, answer.text


def check_hold(tenant: Tenant) -> str:
    body = {"model": "gpt-4o", "inputTokens": 900, "maxOutputTokens": 100, "hold": True, "metadata": AGENT}
    answer = tenant.api.post("/api/cost/check", body)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["hold"]["id"])


def recorded(tenant: Tenant, **body: Any) -> dict[str, Any]:
    answer = tenant.api.post("/api/cost/record", body)
    assert answer.status_code in (200, 201), answer.text
    result: dict[str, Any] = answer.json()
    return result


def used(tokens: int) -> dict[str, Any]:
    return {"model": "gpt-4o", "usage": {"prompt_tokens": tokens, "completion_tokens": 20, "total_tokens": tokens + 20}}


def comparable(page: Page) -> Page:
    """Without what a restore makes anew, and the hour's memory of keys, which it need not have."""
    return replace(page, version=0, epoch=0, span=None, minutes={}, due=None, closed={})


@dataclass(frozen=True, kw_only=True)
class Morning:
    """`shop` is in the backup with half of its morning, `empty` without a page, `newcomer` not at all.

    `settles`, `stays`: check holds of before the backup, of which one was recorded after it; `late`: what a record of after it cost;
    `before`: the pages at last; `settings`: what a gate of the shop knows.
    """

    shop: Tenant
    empty: Tenant
    newcomer: Tenant
    settles: str
    stays: str
    settled: dict[str, Any]
    late: dict[str, Any]
    before: dict[str, Page]
    settings: TenantSettings

    @property
    def tenants(self) -> tuple[Tenant, ...]:
        return self.shop, self.empty, self.newcomer


@pytest.fixture
def morning(admin: Tollgate, stack: Stack, vault: Vault) -> Morning:
    shop = new_tenant(admin, stack, dailyBudgetUsd=5, agents={"booking-agent": {"dailyBudgetUsd": 4}})
    empty = new_tenant(admin, stack, dailyBudgetUsd=5)
    said(shop, "Before the backup.")
    settles, stays = check_hold(shop), check_hold(shop)
    lapses = vault.hold(shop, vault.account(shop), "lapses")
    assert isinstance(lapses, Hold)
    recorded(shop, recordId="early", costUsd=0.25)
    vault.back_up(shop, empty)

    said(shop, "After the backup.")
    settled = recorded(shop, holdId=settles, **used(800))
    late = recorded(shop, recordId=LONGEST, costUsd=0.5)
    vault.lapse(shop, lapses)
    said(empty, "A page that the backup does not have.")
    newcomer = new_tenant(admin, stack, dailyBudgetUsd=5)
    said(newcomer, "A tenant that the backup does not have.")
    before = {tenant.tenant_id: vault.page(tenant) for tenant in (shop, empty, newcomer)}
    for tenant in (shop, empty, newcomer):
        assert len(arrived(tenant, before[tenant.tenant_id].seq)) == before[tenant.tenant_id].seq
    return Morning(
        shop=shop, empty=empty, newcomer=newcomer, settles=settles, stays=stays, settled=settled, late=late,
        before=before, settings=vault.account(shop),
    )  # fmt: skip


def arrived(tenant: Tenant, count: int) -> list[tuple[Any, ...]]:
    return eventually(tenant.spans, until=lambda rows: len(rows) == count, seconds=60)


def test_an_old_state_and_the_spans_after_it_make_the_books_again(morning: Morning, stack: Stack, vault: Vault) -> None:
    stored = stack.rows("SELECT count(*) FROM spans")

    vault.restore("close", "--wait", "1")
    assert morning.shop.chat("While gates are off.").status_code >= 429
    lose(morning, vault)
    vault.restore("copy", "--from-table", BACKUP)
    assert vault.page(morning.shop).seq == 2, "the old state is back"
    told = vault.restore("replay")

    assert f"{morning.newcomer.tenant_id} is younger" in told
    for tenant in morning.tenants:
        page = vault.page(tenant)
        assert comparable(page) == comparable(morning.before[tenant.tenant_id])
        assert not imbalances(page)
        assert (page.epoch, page.version) == (1, vault.account(tenant).version)
        assert page.version > 1_000_000
    assert set(vault.page(morning.shop).holds) == {morning.stays.rpartition(".")[2]}
    assert stack.rows("SELECT count(*) FROM spans") == stored, "no span came a second time"
    vault.restore("open")
    nothing_counts_twice_and_calls_go_on(morning, vault)


def lose(morning: Morning, vault: Vault) -> None:
    """All but the accounts that the backup has, which are older there."""
    for item in vault.items(*morning.tenants):
        if item["sk"]["S"] != "ACCOUNT" or morning.newcomer.tenant_id in item["pk"]["S"]:
            vault.delete(item)


def nothing_counts_twice_and_calls_go_on(morning: Morning, vault: Vault) -> None:
    shop = morning.shop
    assert vault.hold(shop, morning.settings, "stale") is Fault.VERSION
    again = recorded(shop, recordId=LONGEST, costUsd=0.75)
    assert (again["recorded"], again["costUsd"]) == (False, morning.late["costUsd"])
    again = recorded(shop, holdId=morning.settles, **used(800))
    assert (again["recorded"], again["costUsd"]) == (False, morning.settled["costUsd"])
    refused = morning.newcomer.chat("Nobody has given limits yet.")
    assert (refused.status_code, refused.headers["x-tollgate-refusal-reason"]) == (429, "suspended")

    said(shop, "A new call.")
    recorded(shop, holdId=morning.stays, **used(100))

    seq = morning.before[shop.tenant_id].seq
    rows = arrived(shop, seq + 2)
    assert [row[0] for row in rows] == list(range(1, seq + 3))
    assert sum(row[2] for row in rows) == vault.page(shop).use.spent == nano(shop.budget()["monthly"]["spentUsd"])
    counted = "SELECT epoch, count(*) FROM spans WHERE tenant_id = %s GROUP BY 1 ORDER BY 1"
    assert vault.stack.rows(counted, shop.tenant_id) == [(0, seq), (1, 2)]
