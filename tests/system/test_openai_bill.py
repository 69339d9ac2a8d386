"""OpenAI's own figures against the spans, on the deployed stack: tenants with projects of their own, and a call that was lost."""

import json
import os
import subprocess
import sys
import threading
from datetime import UTC, date, datetime
from typing import Any

import httpx
import pytest

from tests.fakes.local_openai import ADMIN_KEY
from tests.system.tollgate_client import Stack, Tenant, Tollgate, eventually, nano, new_tenant, published_cost

PROMPT = "The water heater at 4 Elm Street leaks. Who is free?"


def give_project(tenant: Tenant, *more: str) -> str:
    """What `make project` says."""
    stack = tenant.stack
    path = os.pathsep.join((str(stack.root / "layers" / "shared"), str(stack.root)))
    done = subprocess.run(
        [sys.executable, "-m", "infra.project", tenant.tenant_id, "--local", *more],
        cwd=stack.root, env=stack.environment | {"PYTHONPATH": path}, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def fetch(stack: Stack, day: date) -> dict[str, Any]:
    name = stack.facts["functions"]["FetchOpenAiBill"]
    answer = stack.aws("lambda").invoke(FunctionName=name, Payload=json.dumps({"from": day.isoformat()}).encode())
    text = answer["Payload"].read().decode()
    assert "FunctionError" not in answer, text
    told: dict[str, Any] = json.loads(text)
    assert told["compared"] == [day.isoformat()], told
    return told


def drifts(tenant: Tenant) -> list[tuple[Any, ...]]:
    return tenant.stack.rows(
        "SELECT kind, found_nanousd - expected_nanousd FROM drifts WHERE tenant_id = %s AND closed_at IS NULL",
        tenant.tenant_id,
    )


def lose_a_call(tenant: Tenant, openai: httpx.Client) -> dict[str, Any]:
    """OpenAI does the work and bills it, and the function dies before its answer. Its hold is left."""
    fault = {"kind": "hang", "times": 1, "match": {"contains": tenant.tenant_id}}
    openai.post("/_local/faults", json=fault).raise_for_status()
    text = f"A call of {tenant.tenant_id} that nobody will finish."
    caller = threading.Thread(target=_ignore_errors, args=(tenant, text), daemon=True)
    caller.start()
    told = eventually(
        lambda: openai.get("/_local/faults").json()["faults"], until=lambda faults: faults[0]["hits"] == 1, seconds=20
    )
    assert told[0]["hits"] == 1
    for worker in tenant.stack.workers("CreateChatCompletion"):
        worker.kill()
    caller.join(timeout=60)
    [hold] = tenant.api.get(f"/api/cost/budget/{tenant.tenant_id}/holds").json()["holds"]
    return dict(hold)


def _ignore_errors(tenant: Tenant, text: str) -> None:
    try:
        tenant.chat(text, max_tokens=8_000)
    except httpx.HTTPError:
        return


@pytest.fixture(scope="module")
def shops(admin: Tollgate, stack: Stack) -> tuple[Tenant, Tenant]:
    good, bad = (new_tenant(admin, stack, dailyBudgetUsd=5, monthlyBudgetUsd=100) for _ in range(2))
    for shop in (good, bad):
        give_project(shop)
    return good, bad


def test_each_tenant_s_calls_are_billed_to_its_own_project(
    shops: tuple[Tenant, Tenant], admin: Tollgate, local_openai: httpx.Client
) -> None:
    day = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    projects = [admin.get(f"/api/cost/budget/{shop.tenant_id}").json()["settings"]["openaiProject"] for shop in shops]
    assert len(set(projects)) == 2
    for shop in shops:
        assert shop.chat(PROMPT, max_tokens=60).status_code == 200

    answer = local_openai.get(
        "/v1/organization/costs",
        params={"start_time": int(day.timestamp()), "group_by[]": "project_id"},
        headers={"authorization": f"Bearer {ADMIN_KEY}"},
    ).json()

    billed = {result["project_id"]: result["amount"]["value"] for result in answer["data"][0]["results"]}
    for shop, project in zip(shops, projects, strict=True):
        assert nano(billed[project]) == nano(shop.budget()["monthly"]["spentUsd"])


def test_a_lost_call_is_a_drift_of_its_tenant_alone_until_it_is_corrected(
    shops: tuple[Tenant, Tenant], admin: Tollgate, stack: Stack, local_openai: httpx.Client
) -> None:
    (good, bad), day = shops, datetime.now(UTC).date()
    before = local_openai.get("/_local/health").json()["served"]
    for shop in (good, good, bad):
        assert shop.chat(PROMPT, max_tokens=60).status_code == 200
    hold = lose_a_call(bad, local_openai)
    closed = admin.delete(f"/api/cost/budget/{bad.tenant_id}/holds/{hold['id']}")
    assert (closed.status_code, closed.json()["outcome"]) == (200, "lapsed")
    for shop in shops:
        spent = nano(shop.budget()["monthly"]["spentUsd"])
        rows = eventually(shop.spans, until=lambda rows, spent=spent: sum(row[2] for row in rows) == spent, seconds=60)
        assert sum(row[2] for row in rows) == spent
    served = local_openai.get("/_local/served", params={"since": before}).json()["served"]
    lost = published_cost([entry for entry in served if entry["outcome"] == "billed_unseen"])

    fetch(stack, day)

    assert drifts(good) == []
    assert drifts(bad) == [("openai_cost", nano(hold["amountUsd"]) - lost)]

    correction = {"tenantId": bad.tenant_id, "correctionId": "lost-1", "reason": "OpenAI's usage of the minute"}
    corrected = admin.post("/api/cost/corrections", correction | {"holdId": hold["id"], "costUsd": lost / 10**9})
    assert corrected.status_code == 201, corrected.text
    spent = nano(bad.budget()["monthly"]["spentUsd"])
    rows = eventually(bad.spans, until=lambda rows: sum(row[2] for row in rows) == spent, seconds=60)
    assert rows[-1][1] == "corrected"
    fetch(stack, day)

    assert drifts(bad) == []


def test_a_call_is_refused_and_costs_nothing_where_the_project_has_no_key(
    admin: Tollgate, stack: Stack, local_openai: httpx.Client
) -> None:
    shop = new_tenant(admin, stack, dailyBudgetUsd=5)
    changed = admin.put(f"/api/cost/budget/{shop.tenant_id}", {"openaiProject": "proj_nobody"})
    assert changed.status_code == 200, changed.text
    before = local_openai.get("/_local/health").json()["served"]

    refused = shop.chat(PROMPT)

    assert refused.status_code == 503, refused.text
    assert "proj_nobody" in refused.json()["error"]["message"]
    assert local_openai.get("/_local/health").json()["served"] == before
    assert shop.budget()["daily"]["spentUsd"] == 0
    assert shop.budget()["inFlight"] == 0


def test_the_project_s_own_limit_is_a_second_wall(admin: Tollgate, stack: Stack, local_openai: httpx.Client) -> None:
    shop = new_tenant(admin, stack, dailyBudgetUsd=5, monthlyBudgetUsd=20)

    assert "$22.00 a month" in give_project(shop)
    # A cent, as if the tenant's budget were far too large.
    assert "$0.01 a month" in give_project(shop, "--limit-factor", "0.0005")

    spent = shop.chat(f"[[local: outputTokens=1200]] {PROMPT}", max_tokens=1_200)
    refused = shop.chat(PROMPT, max_tokens=10)
    assert (spent.status_code, refused.status_code) == (200, 429)
    assert refused.json()["error"]["code"] == "project_spend_limit_exceeded"
