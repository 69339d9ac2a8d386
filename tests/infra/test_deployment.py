"""How a release comes to its traffic, and goes back."""

from typing import Any

import pytest

from infra.local.configuration import Configuration
from infra.local.deployment import parameters_of
from infra.release import release_of
from tests.infra.production import of_kind, production, references
from tests.infra.template import functions, template

ALIAS, VERSION, FUNCTION = "AWS::Lambda::Alias", "AWS::Lambda::Version", "AWS::Lambda::Function"
# Started by a person or a command, by their bare names.
BY_NAME = {"MigrateDatabase", "RestoreLedger", "ReplaySpans", "CreateAdminKey", "MigrateBeforeTraffic"}
EVERY_FUNCTION = pytest.mark.parametrize("name", sorted(functions()))


def alias_of(function: str) -> str:
    return f"{function}Aliaslive"


def named(found: object) -> set[str]:
    return {name for name in references(found) if name in production()}


def integrations() -> list[dict[str, Any]]:
    body = production()["Api"]["Properties"]["Body"]
    return [method["x-amazon-apigateway-integration"] for path in body["paths"].values() for method in path.values()]


@EVERY_FUNCTION
def test_each_function_is_published_with_each_release(name: str) -> None:
    assert template()["Resources"][name]["Properties"]["AutoPublishCodeSha256"] == {"Ref": "Release"}


def test_another_release_is_another_version_of_every_function_and_the_same_one_is_none() -> None:
    first, again, other = (
        of_kind(production(Release=release, **more), VERSION).keys()
        for release, more in (("a" * 16, {}), ("a" * 16, {"DefaultDailyBudget": "7"}), ("b" * 16, {}))
    )

    assert len(first) == len(functions())
    assert first == again, "a parameter alone publishes nothing: the release must differ"
    assert not first & other


def test_nothing_can_be_deployed_without_naming_its_release() -> None:
    release = template()["Parameters"]["Release"]

    assert "Default" not in release
    assert release["AllowedPattern"] == "[a-z0-9]{10,64}"


def test_a_release_differs_where_the_build_or_a_parameter_does() -> None:
    names = {release_of("build", given) for given in ([], ["A=1"], ["A=2"], ["A=1", "B="], ["A=1B="])}

    assert len(names) == 5
    assert release_of("build", ["A=1"]) == release_of("build", ["A=1"])
    assert release_of("build", []) != release_of("other build", [])


def test_everything_that_starts_a_function_starts_its_alias() -> None:
    resources = production()
    aliases = {alias_of(name) for name in functions()}
    started = [
        *(
            each["Properties"]["FunctionName"]
            for each in of_kind(resources, "AWS::Lambda::EventSourceMapping").values()
        ),
        *(each["Properties"]["FunctionName"] for each in of_kind(resources, "AWS::Lambda::Permission").values()),
        *(each["Properties"]["Target"]["Arn"] for each in of_kind(resources, "AWS::Scheduler::Schedule").values()),
        *(each["uri"] for each in integrations()),
        resources["Api"]["Properties"]["Body"]["components"]["securitySchemes"]["KeyAuthorizer"],
    ]

    assert len(started) > 40
    for target in started:
        found = named(target) - {"Api"}
        assert found
        assert found <= aliases, target


def test_a_function_that_asks_another_asks_its_alias_and_may_ask_nothing_else() -> None:
    asking = {
        ("ReconcileBooks", "COMPARE_BOOKS_FUNCTION"): "CompareBooks",
        ("SyncConnection", "STORE_JOBS_FUNCTION"): "StoreJobs",
        ("FetchOpenAiBill", "STORE_BILL_FUNCTION"): "StoreOpenAiBill",
    }

    for (name, variable), asked in asking.items():
        assert functions()[name]["Environment"]["Variables"][variable] == {"Ref": f"{asked}.Alias"}
        [allowed] = [
            statement["Resource"]
            for policy in functions()[name]["Policies"]
            for statement in policy["Statement"]
            if statement["Action"] == "lambda:InvokeFunction"
        ]
        assert allowed == {"Ref": f"{asked}.Alias"}


def test_traffic_moves_by_a_canary_that_ends_where_an_alarm_goes_off() -> None:
    resources = production()
    groups = of_kind(resources, "AWS::CodeDeploy::DeploymentGroup")

    assert {name.removesuffix("DeploymentGroup") for name in groups} == functions().keys() - BY_NAME
    for name, group in groups.items():
        assert group["Properties"]["DeploymentConfigName"]["Fn::Sub"][1] == {"ConfigName": "Canary10Percent5Minutes"}
        assert "DEPLOYMENT_STOP_ON_ALARM" in group["Properties"]["AutoRollbackConfiguration"]["Events"]
        condition, alarms, _ = group["Properties"]["AlarmConfiguration"]["Fn::If"]
        assert condition == "HasComputedAlarms"
        watched = {each["Name"]["Ref"] for each in alarms["Alarms"]}
        assert watched == {"RequestsBrokenAlarm", "WriterFailingAlarm", "GateFailingAlarm"}
        assert watched <= of_kind(resources, "AWS::CloudWatch::Alarm").keys()
        moved = resources[alias_of(name.removesuffix("DeploymentGroup"))]["UpdatePolicy"]
        assert moved["CodeDeployLambdaAliasUpdate"]["DeploymentGroupName"] == {"Ref": name}


@pytest.mark.parametrize("name", sorted(BY_NAME))
def test_what_is_started_by_name_has_its_new_code_at_once(name: str) -> None:
    assert "UpdatePolicy" not in production()[alias_of(name)]


def test_the_schema_is_this_release_s_before_a_function_that_talks_to_postgres_gets_traffic() -> None:
    talking = {
        name for name, each in functions().items() if "DATABASE_URL" in each["Environment"]["Variables"]
    } - BY_NAME
    hooked = {
        name
        for name in functions().keys() - BY_NAME
        if "BeforeAllowTrafficHook" in production()[alias_of(name)]["UpdatePolicy"]["CodeDeployLambdaAliasUpdate"]
    }

    assert talking
    assert hooked == talking
    hook = functions()["MigrateBeforeTraffic"]
    assert hook["FunctionName"]["Fn::Sub"].startswith("CodeDeployHook_"), "CodeDeploy may invoke no other"
    assert hook["Environment"]["Variables"]["MIGRATE_DATABASE_FUNCTION"] == {"Ref": "MigrateDatabase"}, "the newest"


def test_without_gradual_deployment_nothing_needs_codedeploy() -> None:
    resources = production(GradualDeployment="false")

    assert not [each for each in resources.values() if each["Type"].startswith("AWS::CodeDeploy")]
    assert not [name for name, each in of_kind(resources, ALIAS).items() if "UpdatePolicy" in each]
    assert of_kind(resources, ALIAS).keys() == {alias_of(name) for name in functions()}


def test_the_local_stack_switches_off_what_it_cannot_have_and_nothing_more(tmp_path: Any) -> None:
    local = parameters_of(Configuration(state=tmp_path, builds=tmp_path, environment={}))
    switches = {
        name: local[name]
        for name, parameter in template()["Parameters"].items()
        if parameter.get("AllowedValues") == ["true", "false"] and name in local and parameter["Default"] == "true"
    }

    assert switches == dict.fromkeys(
        ("GradualDeployment", "Firewall", "ComputedAlarms", "ResponseStreaming", "DatabaseProxy"), "false"
    )
    for name in switches:
        assert "ocal" in template()["Parameters"][name]["Description"] or name == "ResponseStreaming"


def test_nothing_is_reserved_unless_somebody_says_how_much() -> None:
    for name in ("ChatConcurrency", "AuthorizerConcurrency", "ReportConcurrency"):
        assert template()["Parameters"][name]["Default"] == 0
    bounded = {
        name: each["ReservedConcurrentExecutions"]["Fn::If"]
        for name, each in functions().items()
        if "ReservedConcurrentExecutions" in each
    }

    assert bounded.keys() == {
        "CreateChatCompletion",
        "AuthenticateKey",
        "SummarizeCost",
        "GetHealth",
        "ListDrifts",
    }
    for condition, most, otherwise in bounded.values():
        assert otherwise == {"Ref": "AWS::NoValue"}
        assert template()["Conditions"][condition] == {"Fn::Not": [{"Fn::Equals": [most, 0]}]}


def test_snapshots_are_bought_by_a_parameter_and_never_for_the_web_adapter() -> None:
    started = {name: each["SnapStart"]["ApplyOn"] for name, each in functions().items() if "SnapStart" in each}

    assert template()["Parameters"]["SnapStart"]["Default"] == "None"
    assert started == {
        "AuthenticateKey": {"Ref": "SnapStart"},
        "CheckCost": {"Ref": "SnapStart"},
        "RecordCost": {"Ref": "SnapStart"},
        "CreateChatCompletion": {"Fn::If": ["Streams", "None", {"Ref": "SnapStart"}]},
    }


def test_functions_and_the_api_carry_the_stack_s_tags() -> None:
    for name in functions():
        tags = {tag["Key"]: tag["Value"] for tag in production()[name]["Properties"]["Tags"]}
        assert tags["environment"] == {"Ref": "Environment"}
        assert production()[f"{name}Role"]["Properties"]["Tags"], "PropagateTags"
    assert {tag["Key"] for tag in production()["ApiStage"]["Properties"]["Tags"]} >= {"service", "environment"}


def test_logs_are_json_of_which_lambda_drops_no_metric() -> None:
    for each in functions().values():
        logging = each["LoggingConfig"]
        assert logging["LogFormat"] == "JSON"
        # A line without a level, as one of metrics, counts as INFO.
        assert logging["ApplicationLogLevel"] == {"Fn::If": ["IsDebug", "DEBUG", "INFO"]}


def test_the_stack_stays_within_cloudformation_s_five_hundred_resources() -> None:
    assert len(production()) < 450
