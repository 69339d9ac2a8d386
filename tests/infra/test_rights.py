"""Each function may do at AWS what its code does there, and nothing else."""

import ast
import copy
import re
from typing import Any

import pytest

from tests.infra.needs import SHARED, tree_of
from tests.infra.rights import ADAPTERS, CALLS, CARRIERS, Right, missing, names_of, rights_granted, rights_needed, wider
from tests.infra.template import functions
from tollgate.adapters import dynamodb_wire

# Granted for what no line of the function's code does, each for a reason.
EXCEPTIONS = {
    # Lambda itself, in the function's name, looks whether the bucket is there before it keeps a batch that was given up in it:
    # https://docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html
    ("WriteSpans", Right("s3:ListBucket", "UnwrittenSpans")),
    # A statement names something: this secret does not exist, where no sink has one.
    ("ExportSpans", Right("secretsmanager:GetSecretValue", "tollgate/none")),
}
EVERY_FUNCTION = pytest.mark.parametrize("name", sorted(functions()))


@EVERY_FUNCTION
def test_a_function_may_do_all_that_its_code_does(name: str) -> None:
    assert missing(functions()[name]) == set()


@EVERY_FUNCTION
def test_a_function_may_do_nothing_that_its_code_does_not(name: str) -> None:
    excepted = {right for function, right in EXCEPTIONS if function == name}

    assert wider(functions()[name]) == excepted


def test_what_is_followed_is_what_the_ledger_s_functions_are_known_to_do() -> None:
    """By hand, so that a blind follower does not find everything in order."""
    known = {
        "GetBudget": {Right("dynamodb:GetItem", "Ledger"), Right("dynamodb:GetItem", "Ledger", "TENANT#*")},
        "ListKeys": {Right("dynamodb:Scan", "Keys")},
        "RevokeKey": {Right("dynamodb:DeleteItem", "Keys")},
        "ResetBreaker": {
            Right("dynamodb:GetItem", "Ledger", "BREAKERS"),
            Right("dynamodb:PutItem", "Ledger", "BREAKERS"),
        },
        "GetOpenApi": set(),
    }

    assert {name: rights_needed(functions()[name]) for name in known} == known
    assert Right("dynamodb:Query", "Ledger/index/due") in rights_needed(functions()["SweepHolds"])


@pytest.mark.parametrize(
    "statement",
    [
        {"Effect": "Allow", "Action": "dynamodb:DeleteItem", "Resource": {"Fn::GetAtt": ["Ledger", "Arn"]}},
        {"Effect": "Allow", "Action": "dynamodb:GetItem", "Resource": {"Fn::GetAtt": ["Keys", "Arn"]}},
        {"Effect": "Allow", "Action": "dynamodb:GetItem", "Resource": "*"},
        {"Effect": "Allow", "Action": "dynamodb:*", "Resource": {"Fn::GetAtt": ["Ledger", "Arn"]}},
    ],
)
def test_a_right_too_many_is_seen(statement: dict[str, Any]) -> None:
    function = copy.deepcopy(functions()["GetBudget"])
    function["Policies"][0]["Statement"].append(statement)

    assert len(wider(function)) == 1


def test_a_right_too_few_is_seen() -> None:
    function = copy.deepcopy(functions()["GetBudget"])
    function["Policies"] = []

    assert missing(function) == rights_needed(function) != set()


def test_a_right_to_the_whole_table_is_too_wide_where_one_partition_is_enough() -> None:
    function = copy.deepcopy(functions()["ListBreakers"])
    del function["Policies"][0]["Statement"][0]["Condition"]

    assert wider(function) == {Right("dynamodb:Query", "Ledger")}
    assert missing(function) == set()


@pytest.mark.parametrize(
    "policy", ["AmazonDynamoDBFullAccess", {"DynamoDBCrudPolicy": {"TableName": {"Ref": "Ledger"}}}]
)
def test_a_policy_that_somebody_else_wrote_is_refused(policy: Any) -> None:
    with pytest.raises(AssertionError, match="wider than what one function does"):
        rights_granted({"Policies": [policy]})


@pytest.mark.parametrize(
    ("value", "name"),
    [
        ({"Fn::GetAtt": ["Ledger", "Arn"]}, "Ledger"),
        ({"Fn::GetAtt": ["State", "Outputs.LedgerArn"]}, "Ledger"),
        ({"Ref": "Ledger"}, "Ledger"),
        ({"Fn::GetAtt": ["State", "Outputs.LedgerTable"]}, "Ledger"),
        ({"Fn::Sub": "${Ledger.Arn}/index/due"}, "Ledger/index/due"),
        ({"Fn::Sub": "${State.Outputs.LedgerArn}/index/due"}, "Ledger/index/due"),
        (
            {"Fn::Sub": "arn:${AWS::Partition}:events:${AWS::Region}:${AWS::AccountId}:event-bus/${AlertBus}"},
            "AlertBus",
        ),
    ],
)
def test_a_resource_is_known_by_its_name_wherever_it_is_declared(value: dict[str, Any], name: str) -> None:
    assert names_of(value) == [name]


def test_every_client_of_aws_is_one_whose_calls_are_known() -> None:
    """An adapter of a new service would ask for nothing here, until its calls stand in rights.py."""
    for path in (SHARED / "tollgate").rglob("*.py"):
        module = path.stem
        known = module in CARRIERS or any(module.startswith(of) for of in CALLS)
        makes_one = re.search(
            r"""boto3\.(client|resource)\(\s*["']|AwsJson\(\s*["']""", path.read_text(encoding="utf-8")
        )

        assert known or not makes_one, path.name
        if makes_one:
            assert path.parent.name == ADAPTERS.split(".")[1]


def test_every_call_of_dynamodb_that_can_be_carried_is_one_that_is_known() -> None:
    wire = next(
        node
        for node in tree_of(SHARED / "tollgate" / "adapters" / "dynamodb_wire.py").body
        if isinstance(node, ast.ClassDef)
    )
    assert wire.name == dynamodb_wire.DynamoDbWire.__name__
    carried = {node.name for node in wire.body if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")}

    assert carried == {*CALLS["dynamodb_"], "transact_write_items"}
