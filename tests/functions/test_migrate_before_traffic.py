"""The hook that CodeDeploy asks before traffic moves: it says how the migration came out, whatever that is."""

import io
import json
from types import SimpleNamespace
from typing import Any

import pytest

from tests.fakes.gate import load
from tollgate import wiring
from tollgate.adapters.codedeploy_hook import CodeDeployHook
from tollgate.adapters.invoked_migration import invoked_migration
from tollgate.domain.errors import SpansUnavailable

EVENT = {"DeploymentId": "d-ABC", "LifecycleEventHookExecutionId": "eyJ"}
CONTEXT = SimpleNamespace(aws_request_id="hook-1", function_name="hook")


class CodeDeploy:
    def __init__(self) -> None:
        self.told: list[dict[str, str]] = []

    def put_lifecycle_event_hook_execution_status(self, **status: str) -> None:
        self.told.append(status)


class Lambda:
    def __init__(self, payload: dict[str, Any], **more: str) -> None:
        self.asked: list[str] = []
        self._answer = {"Payload": io.BytesIO(json.dumps(payload).encode()), **more}

    def invoke(self, *, FunctionName: str, Payload: bytes) -> dict[str, Any]:  # noqa: N803
        self.asked.append(FunctionName)
        return self._answer


@pytest.fixture
def codedeploy(monkeypatch: pytest.MonkeyPatch) -> CodeDeploy:
    deploying = CodeDeploy()
    monkeypatch.setattr(wiring, "deployment_hook", lambda: CodeDeployHook(deploying))
    return deploying


def migrating_by(lambdas: Lambda, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wiring, "remote_migration", lambda: invoked_migration("migrate", lambdas))


def test_traffic_moves_once_the_schema_is_there(codedeploy: CodeDeploy, monkeypatch: pytest.MonkeyPatch) -> None:
    lambdas = Lambda({"applied": ["0008"], "version": "0008"})
    migrating_by(lambdas, monkeypatch)

    answer = load("hooks/migrate_before_traffic").handle(EVENT, CONTEXT)

    assert lambdas.asked == ["migrate"]
    assert answer["applied"] == ["0008"]
    assert codedeploy.told == [{"deploymentId": "d-ABC", "lifecycleEventHookExecutionId": "eyJ", "status": "Succeeded"}]


def test_a_migration_that_fails_keeps_the_traffic_where_it_is(
    codedeploy: CodeDeploy, monkeypatch: pytest.MonkeyPatch
) -> None:
    migrating_by(Lambda({"errorMessage": "no such role"}, FunctionError="Unhandled"), monkeypatch)

    with pytest.raises(SpansUnavailable, match="no such role"):
        load("hooks/migrate_before_traffic").handle(EVENT, CONTEXT)

    assert [each["status"] for each in codedeploy.told] == ["Failed"]
