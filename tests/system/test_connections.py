"""Connections on the deployed stack: its table, its vault, and the local ServiceTitan that its functions reach."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from botocore.exceptions import ClientError

from infra.local.servicetitan_server.shops import SHOPS
from tests.system.tollgate_client import Stack, Tenant, Tollgate

SHOP = SHOPS[1003]
ID = f"production-{SHOP.tenant_id}"
PATH = f"/api/connections/{ID}"
CLIENT = {"clientId": SHOP.client_id, "clientSecret": SHOP.client_secret}


@pytest.fixture
def new(tenant: Tenant, admin: Tollgate) -> Iterator[dict[str, str]]:
    """What connects the shop to a tenant of its own; whatever was connected is gone afterwards."""
    yield {"tenantId": tenant.tenant_id, "servicetitanTenantId": str(SHOP.tenant_id), **CLIENT}
    admin.delete(PATH)


def statuses(answer: httpx.Response) -> dict[str, str]:
    assert answer.status_code == 200, answer.text
    return {step["step"]: step["status"] for step in answer.json()["steps"]}


def secret(stack: Stack) -> Any:
    try:
        found = stack.aws("secretsmanager").get_secret_value(SecretId=f"tollgate/local/servicetitan/{ID}")
    except ClientError:
        return None
    return json.loads(found["SecretString"])


def test_a_connection_is_added_checked_rotated_and_removed_with_its_secret(
    new: dict[str, str], admin: Tollgate, stack: Stack
) -> None:
    added = admin.post("/api/connections", new | {"clientSecret": "cs2.wrong"})
    assert added.status_code == 201, added.text
    assert (added.json()["connectionId"], added.json()["timezone"]) == (ID, "UTC")
    assert admin.post("/api/connections", new).json()["error"]["code"] == "connection_exists"

    refused = statuses(admin.post(f"{PATH}/check", None))
    assert (refused["format"], refused["token"], refused["tenant"]) == ("ok", "fix", "skipped")

    rotated = admin.put(PATH, CLIENT, **{"If-Match": '"1"'})
    assert (rotated.status_code, rotated.json()["version"]) == (200, 2)
    assert secret(stack) == CLIENT
    assert set(statuses(admin.post(f"{PATH}/check", None)).values()) == {"ok"}

    assert admin.delete(PATH).status_code == 204
    assert secret(stack) is None
    assert admin.get(PATH).status_code == 404
    assert admin.post("/api/connections", new).status_code == 201


def test_of_many_that_add_the_same_connection_at_once_one_does_and_its_secret_stays(
    new: dict[str, str], admin: Tollgate, stack: Stack
) -> None:
    def add(number: int) -> httpx.Response:
        return admin.post("/api/connections", new | {"clientId": f"cid.{number}", "clientSecret": f"cs2.{number}"})

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(add, range(8)))

    made = [number for number, answer in enumerate(answers) if answer.status_code == 201]
    others = {answer.json()["error"]["code"] for answer in answers if answer.status_code != 201}
    assert len(made) == 1
    assert others <= {"connection_busy", "connection_exists"}
    assert secret(stack) == {"clientId": f"cid.{made[0]}", "clientSecret": f"cs2.{made[0]}"}


def test_the_local_shop_is_the_given_connection_and_works(admin: Tollgate) -> None:
    listed = admin.get("/api/connections", tenantId="bluebird").json()["connections"]

    assert [(each["connectionId"], each["given"], each["timezone"]) for each in listed] == [
        ("production-1001", True, "America/Chicago")
    ]
    assert set(statuses(admin.post("/api/connections/production-1001/check", None)).values()) == {"ok"}
    assert admin.delete("/api/connections/production-1001").json()["error"]["code"] == "connection_given"
