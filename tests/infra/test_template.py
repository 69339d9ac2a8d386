from typing import Any

import pytest

from tests.infra.template import ROOT, functions, handler, layers, resources, template

# API.md, and the two that it leaves to the stack.
ROUTES = {
    ("POST", "/api/chat"): "CreateChatCompletion",
    ("POST", "/v1/chat/completions"): "CreateChatCompletion",
    ("POST", "/api/cost/check"): "CheckCost",
    ("POST", "/api/cost/record"): "RecordCost",
    ("GET", "/api/cost/budget/{tenantId}"): "GetBudget",
    ("PUT", "/api/cost/budget/{tenantId}"): "PutBudget",
    ("POST", "/api/cost/budget/{tenantId}/raises"): "CreateRaise",
    ("DELETE", "/api/cost/budget/{tenantId}/raises/{raiseId}"): "EndRaise",
    ("GET", "/api/cost/budget/{tenantId}/holds"): "ListHolds",
    ("DELETE", "/api/cost/budget/{tenantId}/holds/{holdId}"): "CloseHold",
    ("GET", "/api/cost/summary/{tenantId}"): "SummarizeCost",
    ("GET", "/api/health"): "GetHealth",
    ("POST", "/api/keys"): "CreateKey",
    ("GET", "/api/keys"): "ListKeys",
    ("DELETE", "/api/keys/{keyId}"): "RevokeKey",
    ("GET", "/api/breakers"): "ListBreakers",
    ("DELETE", "/api/breakers/{breakerId}"): "ResetBreaker",
}
EVERY_FUNCTION = pytest.mark.parametrize("name", sorted(functions()))


def events(kind: str) -> list[tuple[str, dict[str, Any]]]:
    return [
        (name, dict(event["Properties"]))
        for name, function in functions().items()
        for event in function.get("Events", {}).values()
        if event["Type"] == kind
    ]


def test_the_routes_are_those_of_the_api() -> None:
    found = {(event["Method"].upper(), event["Path"]): name for name, event in events("Api")}

    assert found == ROUTES


def test_only_health_is_open_without_a_key() -> None:
    open_paths = [event["Path"] for _, event in events("Api") if "Auth" in event]

    assert open_paths == ["/api/health"]
    assert resources("AWS::Serverless::Api")["Api"]["Auth"]["DefaultAuthorizer"] == "KeyAuthorizer"


@EVERY_FUNCTION
def test_a_function_has_a_handler_a_time_limit_memory_and_a_log_that_ends(name: str) -> None:
    function = functions()[name]

    assert handler(function).is_file()
    assert function["Handler"] == "handler.handle"
    assert function["Timeout"]
    assert function["MemorySize"] >= 512
    assert function["LoggingConfig"]["LogGroup"] == {"Ref": "Logs"}
    assert resources("AWS::Logs::LogGroup")["Logs"]["RetentionInDays"] == 30


@EVERY_FUNCTION
def test_a_function_takes_the_base_and_the_shared_layer(name: str) -> None:
    assert {"BaseLayer", "SharedLayer"} <= set(layers(functions()[name]))


@EVERY_FUNCTION
def test_what_talks_to_postgres_is_in_the_vpc_and_nothing_else_is(name: str) -> None:
    function = functions()[name]

    assert ("PostgresLayer" in layers(function)) == ("VpcConfig" in function)
    assert ("DATABASE_URL" in function["Environment"]["Variables"]) == ("VpcConfig" in function)


def test_every_handler_is_in_the_template() -> None:
    deployed = {handler(function) for function in functions().values()}

    assert set((ROOT / "functions").glob("*/*/handler.py")) == deployed


@EVERY_FUNCTION
def test_no_statement_allows_everything(name: str) -> None:
    for policy in functions()[name].get("Policies", []):
        for statement in policy["Statement"]:
            assert "*" not in str(statement["Action"])
            assert statement["Resource"] != "*"


def test_tables_can_be_restored_and_outlive_the_stack() -> None:
    tables = {name: each for name, each in template()["Resources"].items() if each["Type"] == "AWS::DynamoDB::Table"}

    assert tables.keys() == {"Ledger", "Keys"}
    for table in tables.values():
        assert table["DeletionPolicy"] == table["UpdateReplacePolicy"] == "Retain"
        assert table["Properties"]["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"]
        assert table["Properties"]["BillingMode"] == "PAY_PER_REQUEST"


def test_a_span_that_cannot_be_written_is_kept() -> None:
    [(name, stream)] = events("DynamoDB")

    assert name == "WriteSpans"
    assert stream["DestinationConfig"]["OnFailure"]["Type"] == "S3"
    assert stream["BisectBatchOnFunctionError"]
    assert stream["FunctionResponseTypes"] == ["ReportBatchItemFailures"]


def test_schedules_are_the_scheduler_s() -> None:
    assert {name for name, _ in events("ScheduleV2")} == {
        "SweepHolds",
        "RollUpSpend",
        "SyncServiceTitan",
        "ExpirePages",
        "RefreshModels",
    }


def test_what_api_gateway_answers_itself_fits_both_kinds_of_client() -> None:
    responses = resources("AWS::Serverless::Api")["Api"]["GatewayResponses"]

    assert responses.keys() >= {
        "UNAUTHORIZED",
        "ACCESS_DENIED",
        "THROTTLED",
        "INTEGRATION_TIMEOUT",
        "DEFAULT_4XX",
        "DEFAULT_5XX",
    }
    for response in responses.values():
        body = response["ResponseTemplates"]["application/json"]
        assert all(f'"{field}":' in body for field in ("code", "message", "type", "param", "requestId"))
