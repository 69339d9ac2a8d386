"""What the template makes in each profile, deployed onto a ministack of its own, one profile after the other as somebody would change it.

What ministack leaves out (infra/local/emulated.md) is asked of the templates in tests/infra/test_state.py.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from subprocess import CalledProcessError
from typing import Any

import pytest

from infra.build import Target
from infra.existing_state import existing_state
from infra.local import daemons, services
from infra.local.configuration import Configuration
from infra.local.deployment import STACK, aws, deploy, parameters_of, put_secrets, sam_deploy
from infra.restore import physical_of
from tests.infra.template import ROOT
from tests.system.own_stack import PORTS, free_ports

ITEM = {"pk": {"S": "TENANT#acme-hvac"}, "sk": {"S": "kept"}}


@dataclass(frozen=True, kw_only=True)
class Aws:
    """As it is after a deployment."""

    physical: dict[str, str]
    tables: dict[str, dict[str, Any]]
    clusters: list[dict[str, Any]]
    instances: list[dict[str, Any]]
    vpcs: list[dict[str, Any]]
    subnets: list[dict[str, Any]]
    services: set[str]
    gateways: list[dict[str, Any]]
    variables: dict[str, str]
    kept: bool


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Configuration]:
    yield from running(tmp_path_factory.mktemp("profiles"))


def running(state: Path) -> Iterator[Configuration]:
    """ministack alone: nothing is called."""
    ports = dict(zip(PORTS, map(str, free_ports(len(PORTS))), strict=True))
    # With a key there is no local OpenAI to be found.
    environment = {**ports, "OPENAI_API_KEY": "sk-test"}
    configuration = Configuration(state=state, builds=ROOT / ".aws-sam" / "local", environment=environment)
    services.scratch(state).mkdir(parents=True)
    (state / "run").mkdir()
    daemon = services.ministack(configuration)
    try:
        daemons.start(daemon, state)
        daemons.wait_until_ready(daemon, state)
        yield configuration
    finally:
        daemons.stop(state, daemon.name, stop_signal=daemon.stop_signal, grace_s=daemon.grace_s)
        daemons.stop_what_is_left(state)


def deployed(local: Configuration, profile: str, **more: str) -> Aws:
    deploy(replace(local, environment={**local.environment, "TOLLGATE_PROFILE": profile, **more}))
    return look(local)


def look(local: Configuration) -> Aws:
    physical = physical_of(aws(local, "cloudformation"), STACK)
    dynamodb, rds, ec2 = aws(local, "dynamodb"), aws(local, "rds"), aws(local, "ec2")
    reader = aws(local, "lambda").get_function_configuration(FunctionName=physical["SummarizeCost"])
    return Aws(
        physical=physical,
        tables={name: table(dynamodb, physical[name]) for name in ("Ledger", "Keys", "Idempotency")},
        clusters=rds.describe_db_clusters()["DBClusters"],
        instances=rds.describe_db_instances()["DBInstances"],
        vpcs=[each for each in ec2.describe_vpcs()["Vpcs"] if not each["IsDefault"]],
        subnets=[each for each in ec2.describe_subnets()["Subnets"] if not each["DefaultForAz"]],
        services={each["ServiceName"].rpartition(".")[2] for each in ec2.describe_vpc_endpoints()["VpcEndpoints"]},
        gateways=ec2.describe_nat_gateways()["NatGateways"],
        variables=reader["Environment"]["Variables"],
        kept="Item" in dynamodb.get_item(TableName=physical["Ledger"], Key=ITEM),
    )


def table(dynamodb: Any, name: str) -> dict[str, Any]:
    backups = dynamodb.describe_continuous_backups(TableName=name)["ContinuousBackupsDescription"]
    return dict(dynamodb.describe_table(TableName=name)["Table"]) | backups["PointInTimeRecoveryDescription"]


@pytest.fixture(scope="module")
def production(local: Configuration) -> Aws:
    made = deployed(local, "production")
    aws(local, "dynamodb").put_item(TableName=made.physical["Ledger"], Item=ITEM)
    return made


@pytest.fixture(scope="module")
def low_cost(production: Aws, local: Configuration) -> Aws:
    return deployed(local, "low-cost")


@pytest.fixture(scope="module")
def external(low_cost: Aws, local: Configuration) -> Aws:
    return deployed(local, "external")


def test_the_ledger_and_the_keys_can_be_restored_to_any_second_and_the_ledger_has_its_stream(production: Aws) -> None:
    for name in ("Ledger", "Keys"):
        assert production.tables[name]["PointInTimeRecoveryStatus"] == "ENABLED"
        assert production.tables[name]["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
    assert production.tables["Ledger"]["StreamSpecification"] == {
        "StreamEnabled": True,
        "StreamViewType": "NEW_IMAGE",
    }
    assert production.tables["Idempotency"]["PointInTimeRecoveryStatus"] == "DISABLED"


@pytest.mark.parametrize(("profile", "is_protected"), [("production", True), ("low_cost", False), ("external", True)])
def test_only_a_trial_s_tables_can_be_deleted(profile: str, is_protected: bool, request: pytest.FixtureRequest) -> None:
    found: Aws = request.getfixturevalue(profile)

    for name in ("Ledger", "Keys"):
        assert found.tables[name]["DeletionProtectionEnabled"] is is_protected


def test_production_has_an_aurora_that_never_sleeps_is_protected_and_asked_by_iam(production: Aws) -> None:
    (cluster,) = production.clusters

    assert cluster["ServerlessV2ScalingConfiguration"]["MinCapacity"] == 0.5
    assert cluster["DeletionProtection"]
    assert cluster["StorageEncrypted"]
    assert cluster["IAMDatabaseAuthenticationEnabled"]
    assert cluster["BackupRetentionPeriod"] == 7
    assert {each["DBInstanceClass"] for each in production.instances} == {"db.serverless"}
    assert not any(each["PubliclyAccessible"] for each in production.instances)


def test_a_trial_s_aurora_is_the_same_one_and_goes_to_sleep(production: Aws, low_cost: Aws) -> None:
    (before,), (cluster,) = production.clusters, low_cost.clusters

    assert cluster["DBClusterIdentifier"] == before["DBClusterIdentifier"]
    assert cluster["ServerlessV2ScalingConfiguration"]["MinCapacity"] == 0
    assert not cluster["DeletionProtection"]


def test_the_network_has_two_zones_the_gateway_endpoints_and_no_nat(production: Aws) -> None:
    (vpc,) = production.vpcs

    assert vpc["CidrBlock"] == "10.73.0.0/22"
    assert len({each["AvailabilityZone"] for each in production.subnets}) == len(production.subnets) == 2
    assert {each["VpcId"] for each in production.subnets} == {vpc["VpcId"]}
    assert production.services == {"dynamodb", "s3"}
    assert production.gateways == []


def test_external_makes_no_network_and_no_database(external: Aws) -> None:
    assert (external.vpcs, external.subnets, external.services) == ([], [], set())
    assert (external.clusters, external.instances) == ([], [])


def test_a_changed_profile_keeps_the_ledger(production: Aws, low_cost: Aws, external: Aws) -> None:
    names = {each.physical["Ledger"] for each in (production, low_cost, external)}

    assert len(names) == 1
    assert external.kept


def test_the_address_that_is_given_is_asked_instead_of_what_is_made(production: Aws) -> None:
    address = production.physical["DatabaseUrl"]

    assert production.variables["DATABASE_URL"].startswith("postgresql://tollgate:")
    assert production.variables["DATABASE_IAM_AUTH"] == "false"
    assert address.startswith(f"postgresql://tollgate@{production.clusters[0]['Endpoint']}:5432/tollgate?")
    assert address.endswith("?sslmode=verify-full&sslrootcert=/opt/rds-authorities.pem")


def test_external_without_an_address_is_refused_before_anything_changes(
    external: Aws, local: Configuration, tmp_path: Path
) -> None:
    target = Target.native(local.builds)
    parameters = {**target.parameters, **parameters_of(local), **put_secrets(local), "DatabaseUrl": ""}

    with (tmp_path / "told").open("w") as told, pytest.raises(CalledProcessError):
        sam_deploy(local, target.template, parameters, told)

    assert "The profile external needs DatabaseUrl." in (tmp_path / "told").read_text()
    assert look(local).physical == external.physical


# ---- a stack of before there was infra/state.yaml ---------------------------------------------------------------------------


def test_an_older_stack_goes_on_with_its_tables(tmp_path: Path) -> None:
    for local in running(tmp_path):
        aws(local, "cloudformation").create_stack(StackName=STACK, TemplateBody=older_template())
        aws(local, "cloudformation").get_waiter("stack_create_complete").wait(
            StackName=STACK, WaiterConfig={"Delay": 1}
        )
        older = physical_of(aws(local, "cloudformation"), STACK)
        aws(local, "dynamodb").put_item(TableName=older["Ledger"], Item=ITEM)

        found = deployed(local, "external")

        assert found.kept
        assert {name: found.physical[name] for name in older} == older
        stream = aws(local, "lambda").list_event_source_mappings(FunctionName=found.physical["WriteSpans"])
        assert [each["EventSourceArn"] for each in stream["EventSourceMappings"]] == [
            found.tables["Ledger"]["LatestStreamArn"]
        ]
        # By now no resource of the stack says so, but what it was told.
        assert existing_state(aws(local, "cloudformation"), aws(local, "dynamodb"), STACK) == {
            "ExistingLedgerStreamArn": found.tables["Ledger"]["LatestStreamArn"],
            "ExistingKeysTable": older["Keys"],
            "ExistingUnwrittenSpans": older["UnwrittenSpans"],
        }


def older_template() -> str:
    """The resources that were moved, where they stood before."""
    return """
Resources:
  Ledger:
    Type: AWS::DynamoDB::Table
    DeletionPolicy: Retain
    Properties:
      BillingMode: PAY_PER_REQUEST
      AttributeDefinitions: [{ AttributeName: pk, AttributeType: S }, { AttributeName: sk, AttributeType: S }]
      KeySchema: [{ AttributeName: pk, KeyType: HASH }, { AttributeName: sk, KeyType: RANGE }]
      StreamSpecification: { StreamViewType: NEW_IMAGE }
  Keys:
    Type: AWS::DynamoDB::Table
    DeletionPolicy: Retain
    Properties:
      BillingMode: PAY_PER_REQUEST
      AttributeDefinitions: [{ AttributeName: pk, AttributeType: S }]
      KeySchema: [{ AttributeName: pk, KeyType: HASH }]
  UnwrittenSpans:
    Type: AWS::S3::Bucket
    DeletionPolicy: Retain
"""
