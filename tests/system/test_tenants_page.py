"""infra/runbooks/tenants.md, line by line as an operator would paste it."""

import os
import re
import subprocess
from pathlib import Path
from uuid import uuid4

from tests.infra.markdown import FENCED, text
from tests.system.tollgate_client import Stack, Tollgate, eventually, nano

PAGE = Path("infra/runbooks/tenants.md")
YOURS = re.compile(r"^(URL|TENANT)=.*$", re.MULTILINE)


def blocks() -> list[str]:
    """The page's shell, with the addresses and names that are the reader's own left to the environment."""
    fences = [fence[0] for fence in FENCED.finditer(text(PAGE)) if fence[0].lstrip().startswith("```sh\n")]
    return [YOURS.sub("", "\n".join(line.strip() for line in fence.splitlines()[1:-1])) for fence in fences]


def paste(script: str, stack: Stack, tenant_id: str) -> str:
    """What it prints. A line that fails ends it."""
    own = {"URL": stack.api_url, "ADMIN": stack.admin_key, "TENANT": tenant_id}
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script.replace("curl ", "curl --fail-with-body -sS ")],
        env=os.environ | own,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_page_makes_a_tenant_that_calls_records_and_is_suspended_and_let_go_on(
    stack: Stack, admin: Tollgate
) -> None:
    tenant_id = f"pasted-{uuid4().hex[:8]}"
    names, *steps, suspension = blocks()

    said = paste("\n".join([names, *steps]), stack, tenant_id)

    budget = admin.get(f"/api/cost/budget/{tenant_id}").json()
    cost = re.search(r"x-tollgate-cost-usd: ([\d.]+)", said)
    assert cost is not None
    # 880 tokens in and 120 out of gpt-4o, recorded, are $0.0034.
    assert nano(budget["daily"]["spentUsd"]) == nano(float(cost[1])) + nano(0.0034)
    assert budget["daily"]["heldUsd"] == 0
    assert budget["mode"] == "enforce"

    def groups() -> list[str]:
        found = admin.get(f"/api/cost/summary/{tenant_id}", groupBy="agent").json()
        return [group["key"] for group in found["groups"]]

    assert "booking-agent" in eventually(groups, until=lambda found: "booking-agent" in found, seconds=60)

    first, last = suspension.strip().splitlines()
    paste(f"{names}\n{first}", stack, tenant_id)
    assert admin.get(f"/api/cost/budget/{tenant_id}").json()["state"] == "suspended"
    paste(f"{names}\n{last}", stack, tenant_id)
    assert admin.get(f"/api/cost/budget/{tenant_id}").json()["state"] == "ok"
