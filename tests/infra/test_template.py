import re
from typing import Any

import pytest

from tests.infra.template import ROOT, functions, handler, layers, resources, template

# API.md, and the two that it leaves to the stack.
ROUTES = {
    ("POST", "/api/chat"): "CreateChatCompletion",
    ("POST", "/v1/chat/completions"): "CreateChatCompletion",
    ("POST", "/v1/responses"): "CreateChatCompletion",
    ("POST", "/v1/embeddings"): "CreateChatCompletion",
    ("GET", "/v1/models"): "ListModels",
    ("GET", "/v1/models/{modelId}"): "ListModels",
    ("POST", "/api/cost/check"): "CheckCost",
    ("POST", "/api/cost/record"): "RecordCost",
    ("GET", "/api/cost/budget/{tenantId}"): "GetBudget",
    ("PUT", "/api/cost/budget/{tenantId}"): "PutBudget",
    ("POST", "/api/cost/budget/{tenantId}/raises"): "CreateRaise",
    ("DELETE", "/api/cost/budget/{tenantId}/raises/{raiseId}"): "EndRaise",
    ("GET", "/api/cost/budget/{tenantId}/holds"): "ListHolds",
    ("DELETE", "/api/cost/budget/{tenantId}/holds/{holdId}"): "CloseHold",
    ("GET", "/api/cost/summary/{tenantId}"): "SummarizeCost",
    ("GET", "/api/cost/summary"): "SummarizeCost",
    ("GET", "/api/health"): "GetHealth",
    ("GET", "/openapi.json"): "GetOpenApi",
    ("GET", "/docs"): "GetOpenApi",
    ("POST", "/api/keys"): "CreateKey",
    ("GET", "/api/keys"): "ListKeys",
    ("DELETE", "/api/keys/{keyId}"): "RevokeKey",
    ("GET", "/api/breakers"): "ListBreakers",
    ("DELETE", "/api/breakers/{breakerId}"): "ResetBreaker",
    ("GET", "/api/drifts"): "ListDrifts",
    ("POST", "/api/cost/corrections"): "CorrectCost",
    ("POST", "/api/connections"): "CreateConnection",
    ("GET", "/api/connections"): "ListConnections",
    ("GET", "/api/connections/{connectionId}"): "GetConnection",
    ("PUT", "/api/connections/{connectionId}"): "PutConnection",
    ("DELETE", "/api/connections/{connectionId}"): "DeleteConnection",
    ("POST", "/api/connections/{connectionId}/check"): "CheckConnection",
}
EVERY_FUNCTION = pytest.mark.parametrize("name", sorted(functions()))


def events(kind: str) -> list[tuple[str, dict[str, Any]]]:
    return [
        (name, dict(event["Properties"]))
        for name, function in functions().items()
        for event in function.get("Events", {}).values()
        if event["Type"] == kind
    ]


def whole_routes() -> dict[tuple[str, str], dict[str, Any]]:
    """Those whose integration is written out: they stream."""
    paths = resources("AWS::Serverless::Api")["Api"]["DefinitionBody"]["paths"]
    return {
        (method.upper(), path): route["x-amazon-apigateway-integration"]
        for path, methods in paths.items()
        for method, route in methods.items()
    }


def test_the_routes_are_those_of_the_api() -> None:
    found = {(event["Method"].upper(), event["Path"]): name for name, event in events("Api")}
    found |= dict.fromkeys(whole_routes(), "CreateChatCompletion")

    assert found == ROUTES


def test_a_route_that_streams_does_so_by_one_parameter() -> None:
    for integration in whole_routes().values():
        _, streamed, buffered = integration["uri"]["Fn::If"]
        assert integration["responseTransferMode"]["Fn::If"][:2] == ["Streams", "STREAM"]
        assert streamed["Fn::Sub"].endswith("functions/${CreateChatCompletion.Arn}/response-streaming-invocations")
        assert buffered["Fn::Sub"].endswith("functions/${CreateChatCompletion.Arn}/invocations")

    chat = functions()["CreateChatCompletion"]
    assert chat["Handler"] == {"Fn::If": ["Streams", "run.sh", "handler.handle"]}
    assert chat["Environment"]["Variables"]["AWS_LAMBDA_EXEC_WRAPPER"]["Fn::If"][:2] == ["Streams", "/opt/bootstrap"]
    assert (ROOT / chat["CodeUri"] / "run.sh").stat().st_mode & 0o111


def test_only_health_and_the_document_are_open_without_a_key() -> None:
    open_paths = [event["Path"] for _, event in events("Api") if "Auth" in event]

    assert sorted(open_paths) == ["/api/health", "/docs", "/openapi.json"]
    assert resources("AWS::Serverless::Api")["Api"]["Auth"]["DefaultAuthorizer"] == "KeyAuthorizer"


@EVERY_FUNCTION
def test_a_function_has_a_handler_a_time_limit_memory_and_a_log_that_ends(name: str) -> None:
    function = functions()[name]

    assert handler(function).is_file()
    assert function["Handler"] == "handler.handle" or name == "CreateChatCompletion"
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

    assert tables.keys() == {"Ledger", "Keys", "Idempotency"}
    for table in (tables["Ledger"], tables["Keys"]):
        assert table["DeletionPolicy"] == table["UpdateReplacePolicy"] == "Retain"
        assert table["Properties"]["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"]
        assert table["Properties"]["BillingMode"] == "PAY_PER_REQUEST"


def test_what_models_said_is_encrypted_and_kept_by_no_backup() -> None:
    table = template()["Resources"]["Idempotency"]

    assert table["DeletionPolicy"] == table["UpdateReplacePolicy"] == "Delete"
    assert "PointInTimeRecoverySpecification" not in table["Properties"]
    assert table["Properties"]["TimeToLiveSpecification"] == {"AttributeName": "ttl", "Enabled": True}
    assert table["Properties"]["SSESpecification"]["SSEEnabled"]
    assert table["Properties"]["SSESpecification"]["SSEType"] == "KMS"


def test_a_span_that_cannot_be_written_is_kept() -> None:
    stream = dict(events("DynamoDB"))["WriteSpans"]

    assert stream["DestinationConfig"]["OnFailure"]["Type"] == "S3"
    assert stream["BisectBatchOnFunctionError"]
    assert stream["FunctionResponseTypes"] == ["ReportBatchItemFailures"]


def test_no_more_than_two_read_the_ledger_s_stream_and_each_gives_up_on_its_own() -> None:
    streams = dict(events("DynamoDB"))

    assert streams.keys() == {"WriteSpans", "ExportSpans"}
    for stream in streams.values():
        assert stream["FilterCriteria"]["Filters"] == [
            {"Pattern": '{"dynamodb":{"NewImage":{"span":{"S":[{"exists":true}]}}}}'}
        ]
        assert stream["MaximumRetryAttempts"] > 0
        assert stream["MaximumRecordAgeInSeconds"] > 0
        assert stream["FunctionResponseTypes"] == ["ReportBatchItemFailures"]


def test_spans_are_exported_only_where_a_sink_is_configured() -> None:
    function = template()["Resources"]["ExportSpans"]

    assert function["Condition"] == "ExportsSpans"
    assert "VpcConfig" not in function["Properties"]


def test_schedules_are_the_scheduler_s() -> None:
    assert {name for name, _ in events("ScheduleV2")} == {
        "SweepHolds",
        "RollUpSpend",
        "SyncServiceTitan",
        "ExpirePages",
        "RefreshModels",
        "ReconcileBooks",
        "FetchOpenAiBill",
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


@pytest.mark.parametrize(
    "address", ["http://api.openai.com/v1", "https://user@host/v1", "https://host/v1?key=1", "ftp://host"]
)
def test_an_address_that_may_not_learn_a_secret_is_refused_by_the_deployment(address: str) -> None:
    parameters = {
        name: each for name, each in template()["Parameters"].items() if name.endswith(("Url", "OtlpEndpoint"))
    }
    ours = {name: each for name, each in parameters.items() if name not in ("DatabaseUrl", "AwsEndpointUrl")}

    assert len(ours) == 7
    for name, parameter in ours.items():
        assert re.fullmatch(parameter["AllowedPattern"], address) is None, name
        assert re.fullmatch(parameter["AllowedPattern"], parameter["Default"]), name


# ---- connections ------------------------------------------------------------------------------------------------------------

OF_CONNECTIONS = [name for name in sorted(functions()) if name.endswith(("Connection", "Connections"))]


def statements(name: str, service: str) -> list[dict[str, Any]]:
    """Those whose actions are all of this service."""
    policies = functions()[name]["Policies"]
    found = [statement for policy in policies for statement in policy["Statement"]]
    return [each for each in found if actions(each)[0].startswith(f"{service}:")]


def actions(statement: dict[str, Any]) -> list[str]:
    said = statement["Action"]
    return [said] if isinstance(said, str) else list(said)


@pytest.mark.parametrize("name", OF_CONNECTIONS)
def test_a_connection_s_function_reaches_nothing_of_the_ledger_but_what_is_of_connections(name: str) -> None:
    for statement in statements(name, "dynamodb"):
        [keys] = [condition["dynamodb:LeadingKeys"] for condition in statement["Condition"].values()]
        assert keys == ["TENANT#*"] or set(keys) <= {"CONNECTIONS", "LEASES", "SYNCS"}
        if keys == ["TENANT#*"]:
            assert actions(statement) == ["dynamodb:GetItem"]


def test_only_the_check_and_the_sync_read_a_connection_s_secret() -> None:
    readers = {
        name
        for name in OF_CONNECTIONS
        for statement in statements(name, "secretsmanager")
        if "secretsmanager:GetSecretValue" in actions(statement)
    }

    assert readers == {"CheckConnection", "SyncConnection"}


@pytest.mark.parametrize("name", ["CreateConnection", "PutConnection", "DeleteConnection"])
def test_what_changes_a_secret_reaches_those_of_connections_alone(name: str) -> None:
    for statement in statements(name, "secretsmanager"):
        assert statement["Resource"]["Fn::Sub"].endswith(":secret:tollgate/${Environment}/servicetitan/*")
    prefix = functions()[name]["Environment"]["Variables"]["SERVICETITAN_CONNECTION_SECRET_PREFIX"]
    assert prefix == {"Fn::Sub": "tollgate/${Environment}/servicetitan/"}


def test_a_check_is_over_before_api_gateway_gives_up() -> None:
    assert functions()["CheckConnection"]["Timeout"] < 29
