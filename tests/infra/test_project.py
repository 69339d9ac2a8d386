"""A project of its own for a tenant: made once, changed when asked, and its key never said."""

import argparse
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import boto3
import httpx
import pytest

from infra.local.configuration import StackError
from infra.local.openai_server.tokens import prepare_tables
from infra.project import Organization, Outputs, set_up
from infra.restore import Deployed
from tests.fakes.ledger_world import TABLE
from tests.fakes.local_openai import ADMIN_KEY, LocalOpenAi, local_openai
from tests.fakes.moto_dynamodb import dynamodb_client
from tollgate.adapters.dynamodb_accounts import DynamoDbAccounts
from tollgate.domain.money import NanoUsd
from tollgate.domain.tenant import TenantSettings
from tollgate.domain.window import ZoneFrom
from tollgate.usecases.change_limits import months_around

SETTINGS = TenantSettings(
    tenant_id="acme-hvac",
    version=1,
    zones=(ZoneFrom(month="1970-01", zone="UTC"),),
    daily_limit=NanoUsd(5 * 10**9),
    monthly_limit=NanoUsd(90 * 10**9),
)
SECRET = "tollgate/test/openai-project/acme-hvac"


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalOpenAi]:
    state: Path = tmp_path_factory.mktemp("openai")
    prepare_tables(state)
    with local_openai(state) as running:
        yield running


@dataclass
class World:
    local: LocalOpenAi
    dynamodb: Any
    secrets: Any
    said: pytest.CaptureFixture[str]

    def run(self, tenant: str = "acme-hvac", **chosen: Any) -> list[str]:
        wanted = {"tenant": tenant, "limit_factor": Decimal("1.1"), "rotate": False, "retire": False} | chosen
        clients = {"dynamodb": self.dynamodb, "secretsmanager": self.secrets}
        deployed = Deployed(client=lambda service: clients[service], physical={"Ledger": TABLE})
        outputs = Outputs(
            ledger_table=TABLE,
            secret_prefix="tollgate/test/openai-project/",
            admin_base_url=f"{self.local.url}/v1",
            admin_key_arn=None,
        )
        http = httpx.Client(
            base_url=outputs.admin_base_url, headers={"Authorization": f"Bearer {ADMIN_KEY}"}, verify=False
        )
        with http:
            set_up(deployed, outputs, Organization(http=http), argparse.Namespace(**wanted))
        return self.said.readouterr().out.splitlines()

    @property
    def accounts(self) -> DynamoDbAccounts:
        return DynamoDbAccounts(self.dynamodb, TABLE)

    @property
    def settings(self) -> TenantSettings:
        found = self.accounts.read("acme-hvac")
        assert found is not None
        return found

    def held(self) -> dict[str, str]:
        held: dict[str, str] = json.loads(self.secrets.get_secret_value(SecretId=SECRET)["SecretString"])
        return held

    def limit(self) -> int:
        path = f"/v1/organization/projects/{self.settings.openai_project}/spend_limit"
        return int(self.local.admin.get(path).json()["threshold_amount"])


@pytest.fixture
def world(local: LocalOpenAi, capsys: pytest.CaptureFixture[str]) -> Iterator[World]:
    with dynamodb_client() as dynamodb:
        world = World(local=local, dynamodb=dynamodb, secrets=boto3.client("secretsmanager"), said=capsys)
        world.accounts.create(SETTINGS, months_around(SETTINGS, datetime.now(UTC)))
        yield world
    for project in local.admin.get("/v1/organization/projects", params={"limit": 100}).json()["data"]:
        if project["name"].startswith("tollgate-"):
            local.admin.post(f"/v1/organization/projects/{project['id']}/archive", json={})


def test_a_tenant_gets_a_project_a_key_and_a_second_wall(world: World) -> None:
    world.run()

    assert world.held()["project"] == world.settings.openai_project
    assert world.local.chat(world.held()["key"]).status_code == 200
    # 90 dollars and a tenth, in cents.
    assert world.limit() == 9_900


def test_run_again_it_changes_nothing(world: World) -> None:
    world.run()
    before = world.settings, world.held(), world.limit()

    world.run()

    assert (world.settings, world.held(), world.limit()) == before


def test_what_it_says_has_no_key_in_it(world: World) -> None:
    said = "\n".join([*world.run(), *world.run(rotate=True)])

    assert world.held()["serviceAccount"] in said
    assert "sk-" not in said


def test_a_changed_month_moves_the_limit(world: World) -> None:
    world.run()

    world.run(limit_factor=Decimal("1.25"))

    assert world.limit() == 11_250


def test_a_rotated_key_leaves_the_old_one_until_it_is_retired(world: World) -> None:
    world.run()
    old = world.held()["key"]

    world.run(rotate=True)
    new = world.held()["key"]
    assert new != old
    assert [world.local.chat(key).status_code for key in (old, new)] == [200, 200]

    world.run(retire=True)
    assert [world.local.chat(key).status_code for key in (old, new)] == [401, 200]


def test_a_project_that_was_made_by_a_run_that_broke_is_taken_up(world: World) -> None:
    made = world.local.admin.post("/v1/organization/projects", json={"name": "tollgate-test-acme-hvac"}).json()["id"]

    world.run()

    assert world.settings.openai_project == made


def test_a_tenant_that_is_not_there_gets_nothing(world: World) -> None:
    with pytest.raises(StackError, match="There is no tenant"):
        world.run("nobody")


def test_a_project_that_was_archived_is_said_and_not_replaced(world: World) -> None:
    world.run()
    world.local.admin.post(f"/v1/organization/projects/{world.settings.openai_project}/archive", json={})

    with pytest.raises(StackError, match="not an active one"):
        world.run()
