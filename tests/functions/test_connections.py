"""The routes of connections, from the event to the answer: a table, a vault and the local ServiceTitan behind them."""

import json
import logging
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import boto3
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from moto import mock_aws

from infra.local.servicetitan_server.access import APP_KEY, SCOPES
from infra.local.servicetitan_server.clock import Clock
from infra.local.servicetitan_server.faults import Fault
from infra.local.servicetitan_server.server import running
from infra.local.servicetitan_server.shops import SHOPS
from infra.local.servicetitan_server.world import World
from tests.fakes.ledger_world import TABLE, a_tenant, make_table
from tests.fakes.local_dynamodb import free_port
from tests.fakes.moto_dynamodb import NOBODY
from tests.functions.test_bad_requests import load
from tollgate import wiring
from tollgate.adapters import secrets as vaults
from tollgate.adapters.dynamodb_accounts import DynamoDbAccounts
from tollgate.domain.job import Feed
from tollgate.domain.sync_plan import SyncState, SyncStatus
from tollgate.domain.window import ZoneFrom
from tollgate.usecases import check_connection as checking

PLATFORM, PREFIX = "tollgate/test/servicetitan-platform", "tollgate/test/servicetitan/"
BLUEBIRD, COPPERLINE = SHOPS[1001], SHOPS[1002]
PATH = "/api/connections/production-1001"
NEW = {
    "tenantId": "bluebird",
    "servicetitanTenantId": "1001",
    "clientId": BLUEBIRD.client_id,
    "clientSecret": BLUEBIRD.client_secret,
}
ROUTES = {
    "create_connection": ("POST", "/api/connections"),
    "list_connections": ("GET", "/api/connections"),
    "get_connection": ("GET", PATH),
    "put_connection": ("PUT", PATH),
    "delete_connection": ("DELETE", PATH),
    "check_connection": ("POST", f"{PATH}/check"),
}
CACHED = ("settings", "connections", "leases", "connection_secrets", "accounts", "given_connection", "syncs")
ADMIN, TENANT = {"keyId": "key-1", "role": "admin"}, {"keyId": "key-2", "role": "tenant", "tenantId": "bluebird"}


@dataclass
class Told:
    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def body(self) -> Any:
        return json.loads(self.text)

    @property
    def code(self) -> str:
        return str(self.body["error"]["code"])


@dataclass
class Desk:
    """An admin before the routes, and what is behind them."""

    dynamodb: Any
    vault: Any
    world: World
    monkeypatch: pytest.MonkeyPatch
    answers: list[str] = field(default_factory=list)

    def setting(self, **variables: str) -> None:
        for name, value in variables.items():
            self.monkeypatch.setenv(name, value)
        forget()

    def ask(
        self,
        folder: str,
        body: Any = None,
        *,
        path: str | None = None,
        caller: Mapping[str, str] = ADMIN,
        query: Mapping[str, str] | None = None,
        **headers: str,
    ) -> Told:
        method, usual = ROUTES[folder]
        event = {
            "path": path or usual,
            "httpMethod": method,
            "headers": headers,
            "queryStringParameters": query,
            "multiValueQueryStringParameters": {name: [value] for name, value in (query or {}).items()} or None,
            "requestContext": {"requestId": "request-1", "authorizer": dict(caller)},
            "body": json.dumps(body) if body is not None else None,
        }
        context = SimpleNamespace(aws_request_id="request-1", get_remaining_time_in_millis=lambda: 28_000)
        told = load(folder).handle(event, context)
        named = {name: values[0] for name, values in told["multiValueHeaders"].items()}
        self.answers.append(f"{named}{told['body']}")
        return Told(status=told["statusCode"], headers=named, text=told["body"])

    def add(self, **changed: Any) -> Told:
        return self.ask("create_connection", NEW | changed)

    def warm_up(self) -> None:
        """The local ServiceTitan makes up its days when it is first asked for them."""
        self.add()
        assert set(statuses(self.check()).values()) == {"ok"}

    def check(self, path: str = f"{PATH}/check") -> dict[str, tuple[str, str]]:
        """Status and message by step."""
        told = self.ask("check_connection", path=path)
        assert told.status == 200, told.text
        assert told.body["ok"] == all(step["status"] == "ok" for step in told.body["steps"])
        return {step["step"]: (step["status"], step["message"]) for step in told.body["steps"]}

    def secret(self, name: str = "production-1001") -> Any:
        try:
            return json.loads(self.vault.get_secret_value(SecretId=f"{PREFIX}{name}")["SecretString"])
        except ClientError:
            return None

    def keep_platform(self, **held: str) -> None:
        self.vault.put_secret_value(SecretId=PLATFORM, SecretString=json.dumps(held))


def forget() -> None:
    for name in CACHED:
        getattr(wiring, name).cache_clear()


def statuses(steps: Mapping[str, tuple[str, str]]) -> dict[str, str]:
    return {name: status for name, (status, _) in steps.items()}


STEPS = ["format", "token", "tenant", "app", *(f"feed:{feed.value}" for feed in Feed)]


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    for name in [name for name in os.environ if name.startswith("SERVICETITAN_")]:
        monkeypatch.delenv(name)
    world = World(Clock(), months=1, rows_max=50)
    with running(world) as found, patch.dict(os.environ, NOBODY), mock_aws():
        dynamodb, vault = boto3.client("dynamodb"), boto3.client("secretsmanager")
        make_table(dynamodb)
        vault.create_secret(Name=PLATFORM, SecretString=json.dumps({"appKey": APP_KEY}))
        zones = (ZoneFrom(month="1970-01", zone="America/Chicago"),)
        for tenant_id in ("bluebird", "copperline"):
            assert DynamoDbAccounts(dynamodb, TABLE).create(a_tenant(tenant_id, zones=zones), [])
        monkeypatch.setattr(wiring, "dynamodb", lambda: dynamodb)
        monkeypatch.setattr(vaults, "new_vault", lambda **_: vault)
        desk = Desk(dynamodb=dynamodb, vault=vault, world=world, monkeypatch=monkeypatch)
        desk.setting(
            LEDGER_TABLE=TABLE,
            SERVICETITAN_SECRET_ARN=PLATFORM,
            SERVICETITAN_BASE_URL=found.base_url,
            SERVICETITAN_AUTH_URL=found.auth_url,
            SERVICETITAN_CONNECTION_SECRET_PREFIX=PREFIX,
        )
        yield desk
        forget()


# ---- a connection's life --------------------------------------------------------------------------------------------------


def test_a_connection_is_added_seen_changed_and_removed(desk: Desk) -> None:
    added = desk.add()
    assert (added.status, added.headers["ETag"]) == (201, '"1"')
    assert datetime.fromisoformat(added.body.pop("addedAt")) <= datetime.now(UTC)
    assert added.body | {"addedAt": None} == {
        "connectionId": "production-1001",
        "tenantId": "bluebird",
        "servicetitanTenantId": "1001",
        "environment": "production",
        "timezone": "America/Chicago",
        "paused": False,
        "given": False,
        "addedAt": None,
        "version": 1,
        "sync": None,
    }
    assert desk.secret() == {"clientId": BLUEBIRD.client_id, "clientSecret": BLUEBIRD.client_secret}
    assert desk.ask("get_connection").body == added.body

    changed = desk.ask("put_connection", {"paused": True, "timezone": "America/Denver"}, **{"If-Match": '"1"'})
    assert changed.body == added.body | {"paused": True, "timezone": "America/Denver", "version": 2}
    stale = desk.ask("put_connection", {"paused": False}, **{"If-Match": '"1"'})
    assert (stale.status, stale.code) == (412, "version_stale")
    assert desk.ask("put_connection", {"client_id": "cid.new", "client_secret": "cs2.new"}).body["version"] == 3
    assert desk.secret() == {"clientId": "cid.new", "clientSecret": "cs2.new"}

    assert desk.ask("delete_connection").status == 204
    gone = desk.ask("get_connection")
    assert (gone.status, gone.code) == (404, "connection_not_found")
    assert desk.secret() is None
    assert desk.add().status == 201


def test_a_connection_says_how_its_last_run_ended_and_one_that_is_added_anew_was_never_read(desk: Desk) -> None:
    desk.add()
    status = SyncStatus(
        state=SyncState.FAILING,
        ended_at=datetime(2026, 11, 23, 12, 0, 1, tzinfo=UTC),
        next_due_at=datetime(2026, 11, 23, 12, 5, tzinfo=UTC),
        connection_version=1,
        caught_up_at=datetime(2026, 11, 23, 11, tzinfo=UTC),
        problems={"calls": "ServiceTitan answered 403: this feed is not granted to the application"},
    )
    wiring.syncs().write("production-1001", status)

    sync = desk.ask("get_connection").body["sync"]

    assert sync == {
        "state": "failing",
        "caughtUpAt": "2026-11-23T11:00:00Z",
        "endedAt": "2026-11-23T12:00:01Z",
        "nextDueAt": "2026-11-23T12:05:00Z",
        "problems": [{"feed": "calls", "message": status.problems["calls"]}],
    }
    assert [each["sync"] for each in desk.ask("list_connections").body["connections"]] == [sync]
    assert desk.ask("put_connection", {"paused": True}).body["sync"] == sync
    desk.ask("delete_connection")
    assert desk.add().body["sync"] is None
    assert desk.ask("get_connection").body["sync"] is None


def test_connections_are_listed_of_all_tenants_or_of_one(desk: Desk) -> None:
    desk.add()
    desk.add(tenantId="copperline", servicetitanTenantId="1002", environment="integration", timezone="UTC")

    every = desk.ask("list_connections").body["connections"]
    one = desk.ask("list_connections", query={"tenantId": "bluebird"}).body["connections"]

    assert [each["connectionId"] for each in every] == ["integration-1002", "production-1001"]
    assert [each["connectionId"] for each in one] == ["production-1001"]
    assert desk.ask("list_connections", query={"tenantId": "No One"}).status == 400


@pytest.mark.parametrize(
    ("changed", "status", "says"),
    [
        ({"tenantId": "nobody"}, 404, "no tenant"),
        ({"timezone": "Chicago"}, 400, "IANA"),
        ({"servicetitanTenantId": "12 "}, 400, "servicetitanTenantId"),
        ({"servicetitanTenantId": 1001}, 400, "servicetitanTenantId"),
        ({"environment": "staging"}, 400, "environment"),
        ({"clientSecret": f"{BLUEBIRD.client_secret}\n"}, 400, "clientSecret has spaces, a line break"),
        ({"clientId": f" {BLUEBIRD.client_id}"}, 400, "clientId has spaces"),
        ({"clientSecret": ""}, 400, "clientSecret"),
        ({"clientSecret": None}, 400, "clientSecret"),
        ({"baseUrl": "https://evil.example"}, 400, "Unknown field 'baseUrl'"),
        ({"authUrl": "https://evil.example"}, 400, "Unknown field 'authUrl'"),
    ],
)
def test_what_cannot_be_connected_is_told_and_leaves_nothing(
    desk: Desk, changed: dict[str, Any], status: int, says: str
) -> None:
    told = desk.add(**changed)

    assert told.status == status, told.text
    assert says in told.body["error"]["message"]
    assert BLUEBIRD.client_secret not in told.text
    assert desk.ask("list_connections").body == {"connections": []}
    assert desk.secret() is None


def test_a_second_connection_of_the_same_tenant_is_refused_and_the_first_keeps_its_secret(desk: Desk) -> None:
    desk.add()

    told = desk.add(tenantId="copperline", clientSecret="cs2.other")

    assert (told.status, told.code) == (409, "connection_exists")
    assert desk.secret()["clientSecret"] == BLUEBIRD.client_secret


def test_without_a_platform_secret_it_is_said_what_to_deploy(desk: Desk) -> None:
    desk.setting(SERVICETITAN_SECRET_ARN="")

    told = desk.add()

    assert (told.status, told.code) == (409, "app_key_missing")
    assert "ServiceTitanSecretArn" in told.body["error"]["message"]
    assert desk.secret() is None


def test_one_half_of_a_client_is_not_rotated(desk: Desk) -> None:
    desk.add()

    for half, missing in (("clientId", "clientSecret"), ("clientSecret", "clientId")):
        told = desk.ask("put_connection", {half: "cid.new"})
        assert (told.status, told.body["error"]["param"]) == (400, missing)
    assert desk.secret()["clientId"] == BLUEBIRD.client_id


@pytest.mark.parametrize("folder", ROUTES)
def test_a_tenant_s_key_is_refused_by_each_route(desk: Desk, folder: str) -> None:
    desk.add()
    body = {"create_connection": NEW, "put_connection": {"paused": True}}.get(folder)

    told = desk.ask(folder, body, caller=TENANT)

    assert (told.status, told.code) == (403, "forbidden")
    assert desk.ask("get_connection").body["version"] == 1


@pytest.mark.parametrize("folder", ["get_connection", "put_connection", "delete_connection", "check_connection"])
def test_one_that_is_not_there_is_a_404(desk: Desk, folder: str) -> None:
    told = desk.ask(folder, {"paused": True} if folder == "put_connection" else None)

    assert (told.status, told.code) == (404, "connection_not_found")


def test_whoever_comes_while_it_is_changed_or_checked_is_told_to_wait(desk: Desk) -> None:
    desk.add()
    now = datetime.now(UTC)
    for deed in ("change", "check"):
        assert wiring.leases().take(f"{deed}/production-1001", now=now, until=now + timedelta(minutes=5))

    for folder in ("put_connection", "delete_connection", "check_connection"):
        told = desk.ask(folder, {"paused": True} if folder == "put_connection" else None)
        assert (told.status, told.code) == (409, "connection_busy")
        assert (told.headers["Retry-After"], told.headers["x-should-retry"]) == ("5", "true")


def test_a_vault_that_is_away_is_a_503_and_leaves_no_record(desk: Desk) -> None:
    def away(**_: Any) -> Any:
        raise EndpointConnectionError(endpoint_url="http://vault.test")

    desk.monkeypatch.setattr(desk.vault, "put_secret_value", away)
    told = desk.add()

    assert (told.status, told.code, told.headers["Retry-After"]) == (503, "secrets_unavailable", "1")
    assert desk.ask("list_connections").body == {"connections": []}


def test_no_answer_record_or_log_holds_a_secret(
    desk: Desk, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG, logger="tollgate")
    desk.add()
    desk.ask("list_connections")
    desk.ask("get_connection")
    desk.ask("put_connection", {"clientId": "cid.new", "clientSecret": "cs2.wrong-secret"})
    desk.check()
    desk.add(clientSecret="cs2.wrong-secret\n")
    desk.ask("put_connection", {"clientId": BLUEBIRD.client_id, "clientSecret": BLUEBIRD.client_secret})
    desk.check()
    items = desk.dynamodb.scan(TableName=TABLE)["Items"]
    written = capsys.readouterr()

    text = " ".join([*desk.answers, json.dumps(items), caplog.text, written.out, written.err])

    assert "production-1001" in text
    for secret in (BLUEBIRD.client_secret, "cs2.wrong-secret", APP_KEY, "Bearer ey"):
        assert secret not in text
    assert BLUEBIRD.client_id not in " ".join([*desk.answers, json.dumps(items)])


# ---- the environment's own -------------------------------------------------------------------------------------------------


def test_the_given_connection_is_listed_checked_and_changed_by_no_route(desk: Desk) -> None:
    desk.setting(SERVICETITAN_TENANT_ID="1001", SERVICETITAN_TOLLGATE_TENANT="bluebird")
    desk.keep_platform(appKey=APP_KEY, clientId=BLUEBIRD.client_id, clientSecret=BLUEBIRD.client_secret)

    assert [each["given"] for each in desk.ask("list_connections").body["connections"]] == [True]
    assert desk.ask("get_connection").body["tenantId"] == "bluebird"
    assert statuses(desk.check()) == dict.fromkeys(STEPS, "ok")
    for folder in ("put_connection", "delete_connection"):
        told = desk.ask(folder, {"paused": True} if folder == "put_connection" else None)
        assert (told.status, told.code) == (409, "connection_given")
        assert "SERVICETITAN_TENANT_ID" in told.body["error"]["message"]


# ---- the check ------------------------------------------------------------------------------------------------------------


def test_a_connection_that_works_passes_every_step_with_one_token(desk: Desk) -> None:
    desk.add()

    steps = desk.check()

    assert statuses(steps) == dict.fromkeys(STEPS, "ok")
    assert list(steps) == STEPS
    stats = desk.world.stats()
    assert stats["tokens"]["1001"] == 1
    assert sum(stats["requests"]["1001"].values()) == len(Feed)


def test_a_check_keeps_a_tenth_of_a_second_between_its_calls_so_that_a_worker_can_run_beside_it(desk: Desk) -> None:
    desk.warm_up()
    started = datetime.now(UTC)

    desk.check()

    # The token, and then every feed.
    assert datetime.now(UTC) - started >= len(Feed) * timedelta(seconds=0.1)


def test_a_wrong_secret_is_told_and_a_rotated_one_is_taken_up_at_once(desk: Desk) -> None:
    desk.add(clientSecret="cs2.wrong")

    steps = desk.check()
    assert statuses(steps) == dict.fromkeys(STEPS, "skipped") | {"format": "ok", "token": "fix"}
    assert "invalid_client" in steps["token"][1]
    assert "production environment" in steps["token"][1]

    desk.ask("put_connection", {"clientId": BLUEBIRD.client_id, "clientSecret": BLUEBIRD.client_secret})
    assert statuses(desk.check()) == dict.fromkeys(STEPS, "ok")


def test_another_tenant_s_secret_is_told_from_a_wrong_one(desk: Desk) -> None:
    desk.add(clientId=COPPERLINE.client_id, clientSecret=COPPERLINE.client_secret)

    steps = desk.check()

    assert statuses(steps) == dict.fromkeys(STEPS, "skipped") | {"format": "ok", "token": "ok", "tenant": "fix"}
    assert "tenant 1002, and this connection is of 1001" in steps["tenant"][1]
    assert desk.world.stats()["requests"]["1001"] == {}


def test_a_scope_that_is_missing_is_named_and_the_other_feeds_are_read(desk: Desk) -> None:
    desk.add()
    desk.world.access.scopes[1001] = tuple(scope for scope in SCOPES if scope != "tn.tlc.calls:r")

    steps = desk.check()

    assert statuses(steps) == dict.fromkeys(STEPS, "ok") | {"feed:calls": "fix"}
    assert "tn.tlc.calls:r" in steps["feed:calls"][1]
    assert "API Application Access" in steps["feed:calls"][1]


def test_a_disabled_application_is_told_once_and_not_for_each_feed(desk: Desk) -> None:
    desk.add()
    desk.world.access.enabled[1001] = False

    steps = desk.check()

    feeds = dict.fromkeys(STEPS[4:], "skipped")
    assert statuses(steps) == dict.fromkeys(STEPS, "ok") | {"app": "fix"} | feeds
    assert "not connected to tenant 1001, or was disabled" in steps["app"][1]


def test_a_wrong_application_key_is_the_platform_s_to_fix(desk: Desk) -> None:
    desk.add()
    desk.keep_platform(appKey="ak1.wrong")

    steps = desk.check()

    ok = dict.fromkeys(("format", "token", "tenant"), "ok")
    assert statuses(steps) == dict.fromkeys(STEPS, "skipped") | ok | {"app": "fix"}
    assert "Application key is not valid" in steps["app"][1]
    assert "ServiceTitanSecretArn" in steps["app"][1]


@pytest.mark.parametrize(
    ("held", "says"),
    [({}, "has no appKey"), ({"appKey": ""}, "has no appKey"), ({"appKey": "ak1.x\n"}, "a line break")],
)
def test_a_platform_secret_without_a_key_is_found_before_anybody_is_asked(
    desk: Desk, held: dict[str, str], says: str
) -> None:
    desk.add()
    desk.keep_platform(**held)

    steps = desk.check()

    assert statuses(steps) == dict.fromkeys(STEPS, "skipped") | {"format": "fix"}
    assert says in steps["format"][1]
    assert desk.world.stats()["tokens"]["1001"] == 0


def test_a_secret_that_somebody_removed_by_hand_is_told(desk: Desk) -> None:
    desk.add()
    desk.vault.delete_secret(SecretId=f"{PREFIX}production-1001", ForceDeleteWithoutRecovery=True)

    steps = desk.check()

    assert statuses(steps)["format"] == "fix"
    assert "This connection's secret cannot be read (ResourceNotFoundException)" in steps["format"][1]


def test_a_servicetitan_that_does_not_answer_leaves_no_one_waiting(desk: Desk) -> None:
    desk.warm_up()
    desk.monkeypatch.setattr(checking, "STEP_TIME", timedelta(seconds=0.5))
    desk.world.faults.plan(Fault(kind="stall", path="export/calls", seconds=3))
    started = datetime.now(UTC)

    steps = desk.check()

    assert datetime.now(UTC) - started < timedelta(seconds=6)
    assert statuses(steps) == dict.fromkeys(STEPS, "ok") | {"feed:calls": "fix"}
    assert "Nothing here is known to be wrong" in steps["feed:calls"][1]


def test_a_check_that_gets_no_further_says_what_it_left_out(desk: Desk) -> None:
    desk.warm_up()
    desk.monkeypatch.setattr(checking, "CHECK_TIME", timedelta(seconds=1))
    desk.world.faults.plan(Fault(kind="stall", path="/export/", seconds=3, skip=1))

    steps = desk.check()

    feeds = [steps[name] for name in STEPS[4:]]
    assert [status for status, _ in feeds[:2]] == ["ok", "fix"]
    assert {status for status, _ in feeds[2:]} == {"skipped"}
    assert "no time was left" in feeds[2][1]


def test_a_servicetitan_that_cannot_be_reached_is_nothing_to_change_here(desk: Desk) -> None:
    desk.warm_up()
    desk.monkeypatch.setattr(checking, "STEP_TIME", timedelta(seconds=0.5))
    nobody = f"http://127.0.0.1:{free_port()}"
    desk.setting(SERVICETITAN_BASE_URL=nobody, SERVICETITAN_AUTH_URL=nobody)

    steps = desk.check()

    assert statuses(steps) == dict.fromkeys(STEPS, "skipped") | {"format": "ok", "token": "fix"}
    assert "cannot be reached" in steps["token"][1]


def test_a_page_of_some_proxy_is_no_token_and_no_feed(desk: Desk) -> None:
    desk.warm_up()
    desk.monkeypatch.setattr(checking, "STEP_TIME", timedelta(seconds=0.5))
    desk.world.faults.plan(Fault(kind="html-200", path="export/jobs", times=9))

    steps = desk.check()

    assert statuses(steps) == dict.fromkeys(STEPS, "ok") | {"feed:jobs": "fix"}
    assert "JSON" in steps["feed:jobs"][1]
