"""What is kept, and the network of what talks to Postgres: infra/state.yaml, infra/network.yaml, and how template.yaml asks for them."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from infra.build import TEMPLATES
from tests.infra.template import ROOT, STACK, functions, network, resources, state, template

TABLE = "AWS::DynamoDB::Table"
EVERY_STACK = pytest.mark.parametrize("name", sorted(resources(STACK)))


def inner(name: str) -> Mapping[str, Any]:
    return template(resources(STACK)[name]["TemplateURL"])


def kinds(found: Mapping[str, Any]) -> set[str]:
    return {each["Type"] for each in found["Resources"].values()}


def asked(node: Any, stack: str) -> Iterator[str]:
    """The outputs of a stack inside that something wants."""
    if isinstance(node, Mapping):
        if node.get("Fn::GetAtt", [None])[0] == stack:
            yield str(node["Fn::GetAtt"][1]).removeprefix("Outputs.")
        yield from (each for value in node.values() for each in asked(value, stack))
    elif isinstance(node, list):
        yield from (each for value in node for each in asked(value, stack))
    elif isinstance(node, str):
        yield from re.findall(rf"\$\{{{stack}\.Outputs\.(\w+)\}}", node)


# ---- the stacks inside ------------------------------------------------------------------------------------------------------


def test_a_build_looks_at_every_template() -> None:
    urls = {stack["TemplateURL"] for stack in resources(STACK).values()}

    assert set(TEMPLATES) == {"template.yaml", *urls}


@EVERY_STACK
def test_a_stack_inside_is_told_all_that_it_wants_and_nothing_else(name: str) -> None:
    assert resources(STACK)[name]["Parameters"].keys() == inner(name)["Parameters"].keys()


@EVERY_STACK
def test_what_may_be_chosen_is_said_once(name: str) -> None:
    assert not any("Default" in each for each in inner(name)["Parameters"].values())


@EVERY_STACK
def test_a_stack_inside_says_what_is_asked_of_it_and_nothing_else(name: str) -> None:
    assert set(asked(template(), name)) == inner(name)["Outputs"].keys()


def test_the_three_profiles_are_the_same_everywhere() -> None:
    profiles = ["production", "low-cost", "external"]

    assert template()["Parameters"]["Profile"]["AllowedValues"] == profiles
    assert state()["Parameters"]["Profile"]["AllowedValues"] == profiles
    # Nobody gets one by saying nothing: an older stack would be given another database.
    assert "Default" not in template()["Parameters"]["Profile"]


# ---- tables and the bucket --------------------------------------------------------------------------------------------------


def test_tables_can_be_restored_and_outlive_the_stack() -> None:
    tables = {name: each for name, each in state()["Resources"].items() if each["Type"] == TABLE}

    assert tables.keys() == {"Ledger", "Keys", "Idempotency"}
    assert TABLE not in kinds(template())
    for table in (tables["Ledger"], tables["Keys"]):
        assert table["DeletionPolicy"] == table["UpdateReplacePolicy"] == "Retain"
        assert table["Properties"]["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"]
        assert table["Properties"]["BillingMode"] == "PAY_PER_REQUEST"
        assert table["Properties"]["TimeToLiveSpecification"] == {"AttributeName": "ttl", "Enabled": True}
        assert table["Properties"]["SSESpecification"]["SSEEnabled"]
        assert table["Properties"]["DeletionProtectionEnabled"] == {"Fn::If": ["IsProtected", True, False]}


def test_what_models_said_is_encrypted_and_kept_by_no_backup() -> None:
    table = state()["Resources"]["Idempotency"]

    assert table["DeletionPolicy"] == table["UpdateReplacePolicy"] == "Delete"
    assert "PointInTimeRecoverySpecification" not in table["Properties"]
    assert table["Properties"]["TimeToLiveSpecification"] == {"AttributeName": "ttl", "Enabled": True}
    assert table["Properties"]["SSESpecification"]["SSEEnabled"]
    assert table["Properties"]["SSESpecification"]["SSEType"] == "KMS"


def test_the_bucket_of_unwritten_spans_is_closed_encrypted_and_outlives_the_stack() -> None:
    bucket = state()["Resources"]["UnwrittenSpans"]
    (denied,) = state()["Resources"]["UnwrittenSpansByTlsAlone"]["Properties"]["PolicyDocument"]["Statement"]

    assert bucket["DeletionPolicy"] == bucket["UpdateReplacePolicy"] == "Retain"
    assert all(bucket["Properties"]["PublicAccessBlockConfiguration"].values())
    assert bucket["Properties"]["BucketEncryption"]
    assert denied["Effect"] == "Deny"
    assert denied["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_what_another_stack_made_is_not_made_again() -> None:
    made = {name: each.get("Condition") for name, each in state()["Resources"].items()}

    assert made["Ledger"] == "MakesLedger"
    assert made["Keys"] == "MakesKeys"
    assert made["UnwrittenSpans"] == made["UnwrittenSpansByTlsAlone"] == "MakesUnwrittenSpans"


# ---- Postgres ---------------------------------------------------------------------------------------------------------------


def test_external_makes_nothing_of_aurora() -> None:
    always = {each["Type"] for each in state()["Resources"].values() if "Condition" not in each}

    assert always == {TABLE}
    assert template()["Resources"]["Network"]["Condition"] == "OwnDatabase"


def test_aurora_is_encrypted_backed_up_logged_and_ends_in_a_snapshot() -> None:
    cluster = state()["Resources"]["DatabaseCluster"]
    own = cluster["Properties"]

    assert cluster["DeletionPolicy"] == cluster["UpdateReplacePolicy"] == "Snapshot"
    assert own["StorageEncrypted"]
    assert own["CopyTagsToSnapshot"]
    assert own["BackupRetentionPeriod"] == {"Ref": "DatabaseBackupDays"}
    assert own["EnableCloudwatchLogsExports"] == ["postgresql"]
    assert own["DeletionProtection"] == {"Fn::If": ["IsProtected", True, False]}
    assert state()["Resources"]["DatabaseParameters"]["Properties"]["Parameters"] == {"rds.force_ssl": "1"}


def test_aurora_s_log_ends_because_its_group_is_there_before_it_is_written_to() -> None:
    group = state()["Resources"]["DatabaseLogs"]["Properties"]

    assert group["RetentionInDays"] == {"Ref": "DatabaseLogDays"}
    assert group["LogGroupName"] == {"Fn::Sub": "/aws/rds/cluster/${DatabaseCluster}/postgresql"}
    assert state()["Resources"]["DatabaseWriter"]["DependsOn"] == "DatabaseLogs"


def test_no_password_is_anywhere() -> None:
    cluster = state()["Resources"]["DatabaseCluster"]["Properties"]
    proxy = state()["Resources"]["Proxy"]["Properties"]

    assert cluster["ManageMasterUserPassword"]
    assert "MasterUserPassword" not in cluster
    assert cluster["EnableIAMDatabaseAuthentication"]
    assert proxy["DefaultAuthScheme"] == "IAM_AUTH"
    assert "Auth" not in proxy
    assert proxy["RequireTLS"]


def test_production_never_sleeps_and_a_trial_does() -> None:
    condition, production, trial = state()["Resources"]["DatabaseCluster"]["Properties"][
        "ServerlessV2ScalingConfiguration"
    ]["Fn::If"]

    assert condition == "IsProduction"
    assert production["MinCapacity"] == {"Ref": "DatabaseMinCapacity"}
    assert template()["Parameters"]["DatabaseMinCapacity"]["MinValue"] == 0.5
    assert trial["MinCapacity"] == 0
    assert trial["SecondsUntilAutoPause"] == {"Ref": "DatabasePauseSeconds"}
    # The proxy would hold it awake.
    assert state()["Conditions"]["HasProxy"]["Fn::And"][0] == {"Condition": "IsProduction"}


def test_the_proxy_may_connect_as_every_role_of_a_function_and_as_the_owner() -> None:
    (policy,) = state()["Resources"]["ProxyRole"]["Properties"]["Policies"]
    (statement,) = policy["PolicyDocument"]["Statement"]
    allowed = {each["Fn::Sub"].rpartition("/")[2] for each in statement["Resource"]}
    users = {
        each["Environment"]["Variables"]["DATABASE_USER"]["Fn::If"][1]
        for name, each in functions().items()
        if "DATABASE_USER" in each["Environment"]["Variables"] and name != "MigrateDatabase"
    }

    assert statement["Action"] == "rds-db:connect"
    assert allowed == {"${DatabaseUser}", "tollgate_*"}
    assert all(user.startswith("tollgate_") for user in users)


def test_both_addresses_verify_whom_they_reach() -> None:
    _, by_proxy, itself = state()["Outputs"]["DatabaseUrl"]["Value"]["Fn::If"]
    makefile = (ROOT / "layers" / "Makefile").read_text(encoding="utf-8")

    assert by_proxy["Fn::Sub"].endswith("${Proxy.Endpoint}:5432/tollgate?sslmode=verify-full")
    assert itself["Fn::Sub"].endswith("?sslmode=verify-full&sslrootcert=/opt/rds-authorities.pem")
    assert "cp rds-authorities.pem $(ARTIFACTS_DIR)/" in makefile


def test_what_is_made_here_is_asked_by_iam_and_an_address_that_is_given_as_it_says() -> None:
    asking = [each["Environment"]["Variables"] for each in functions().values() if "VpcConfig" in each]

    for variables in asking:
        assert variables["DATABASE_URL"]["Fn::If"] == [
            "HasDatabaseUrl",
            {"Ref": "DatabaseUrl"},
            {"Fn::GetAtt": ["State", "Outputs.DatabaseUrl"]},
        ]
        assert variables["DATABASE_IAM_AUTH"]["Fn::If"] == ["HasDatabaseUrl", {"Ref": "DatabaseIamAuth"}, "true"]


# ---- the network ------------------------------------------------------------------------------------------------------------


def test_no_way_leads_out_of_the_network_but_to_dynamodb_and_s3() -> None:
    assert kinds(network()) == {
        "AWS::EC2::VPC",
        "AWS::EC2::Subnet",
        "AWS::EC2::RouteTable",
        "AWS::EC2::SubnetRouteTableAssociation",
        "AWS::EC2::VPCEndpoint",
        "AWS::EC2::SecurityGroup",
    }
    endpoints = {
        each["Properties"]["ServiceName"]["Fn::Sub"].rpartition(".")[2]: each["Properties"]
        for each in network()["Resources"].values()
        if each["Type"] == "AWS::EC2::VPCEndpoint"
    }
    assert endpoints.keys() == {"dynamodb", "s3"}
    for endpoint in endpoints.values():
        (statement,) = endpoint["PolicyDocument"]["Statement"]
        assert endpoint["VpcEndpointType"] == "Gateway"
        assert statement["Condition"] == {"StringEquals": {"aws:ResourceAccount": {"Ref": "AWS::AccountId"}}}


def test_postgres_is_reached_by_the_proxy_and_by_functions_alone() -> None:
    groups = {
        name: each["Properties"]
        for name, each in network()["Resources"].items()
        if each["Type"] == "AWS::EC2::SecurityGroup"
    }
    reached_by = {
        name: {
            (rule["FromPort"], rule["SourceSecurityGroupId"]["Ref"]) for rule in each.get("SecurityGroupIngress", [])
        }
        for name, each in groups.items()
    }

    assert reached_by == {
        "FunctionsGroup": set(),
        "ProxyGroup": {(5432, "FunctionsGroup")},
        "DatabaseGroup": {(5432, "ProxyGroup"), (5432, "FunctionsGroup")},
    }
    # Without a rule for the way out a group may go everywhere.
    assert all(each["SecurityGroupEgress"] for each in groups.values())
