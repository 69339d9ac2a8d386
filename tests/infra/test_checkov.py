"""What is done with checkov's findings; and what SAM makes of the template, which no line of it says."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from infra.checkov.findings import SKIPS, Finding, ScanFailed, Skip, faults, read_report, skips
from infra.checkov.translation import translated
from tests.infra.template import ROOT, functions

BUCKET = Finding("AWS::S3::Bucket.Spans", "CKV_1", "versions")
TABLE = Finding("AWS::DynamoDB::Table.Ledger", "CKV_1", "a key")
# What SAM gives a role by itself. Each is AWS's own list, and wider than one function's log or stream: infra/security.md.
LOGS = "service-role/AWSLambdaBasicExecutionRole"
NETWORK = "service-role/AWSLambdaVPCAccessExecutionRole"
STREAM = "service-role/AWSLambdaDynamoDBExecutionRole"
QUEUE = "service-role/AWSLambdaSQSQueueExecutionRole"


def skip(*resources: str, check: str = "CKV_1") -> Skip:
    return Skip(check=check, resources=resources, reason="it is so")


def report(*failed: dict[str, str], **summary: int) -> str:
    whole = {"parsing_errors": 0, "resource_count": 3} | summary
    return json.dumps({"summary": whole, "results": {"failed_checks": list(failed)}})


@pytest.mark.parametrize("names", [["Spans"], ["AWS::S3::Bucket.*"], ["AWS::S3::Bucket.Spans"]])
def test_a_finding_with_a_reason_is_no_fault(names: list[str]) -> None:
    assert faults([BUCKET], [skip(*names)]) == []


@pytest.mark.parametrize("known", [[], [skip("Spans", check="CKV_2")], [skip("Ledger")], [skip("Span")]])
def test_a_finding_without_a_reason_of_its_own_is_a_fault(known: list[Skip]) -> None:
    assert faults([BUCKET], known)[0] == "CKV_1 AWS::S3::Bucket.Spans: versions"


def test_a_reason_that_nothing_needs_any_more_is_a_fault() -> None:
    assert faults([BUCKET], [skip("Spans", "Ledger")]) == [
        f"CKV_1 is found no more at Ledger: take it out of {SKIPS.name}"
    ]
    assert faults([BUCKET, TABLE], [skip("Spans", "Ledger")]) == []


def test_a_skip_without_a_reason_is_refused() -> None:
    with pytest.raises(ValueError, match="reason"):
        Skip(check="CKV_1", resources=["Spans"], reason=" ")


def test_no_finding_has_two_reasons() -> None:
    named = [(skip.check, name) for skip in skips() for name in skip.resources]

    assert len(named) == len(set(named))


def test_a_report_says_which_checks_failed_where() -> None:
    failed = {"resource": BUCKET.resource, "check_id": BUCKET.check, "check_name": BUCKET.title}

    assert read_report(report(failed)) == {BUCKET}


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"passed": 0}', report(parsing_errors=1), report(resource_count=0)])
def test_a_template_that_was_not_read_is_no_clean_one(text: str) -> None:
    with pytest.raises(ScanFailed):
        read_report(text)


def test_a_plain_template_is_scanned_as_it_is(tmp_path: Path) -> None:
    plain = tmp_path / "plain.yaml"
    plain.write_text("Resources: {Spans: {Type: AWS::S3::Bucket}}", encoding="utf-8")

    assert translated(plain) == {"Resources": {"Spans": {"Type": "AWS::S3::Bucket"}}}


@cache
def made() -> dict[str, Any]:
    return dict(translated(ROOT / "template.yaml")["Resources"])


@pytest.mark.parametrize("name", sorted(functions()))
def test_a_role_has_of_aws_s_own_policies_what_its_function_cannot_be_without(name: str) -> None:
    function = functions()[name]
    events = {event["Type"] for event in function.get("Events", {}).values()}
    expected = {LOGS}
    expected |= {NETWORK} if "VpcConfig" in function else set()
    expected |= {STREAM} if "DynamoDB" in events else set()
    expected |= {QUEUE} if "SQS" in events else set()
    role = made()[made()[name]["Properties"]["Role"]["Fn::GetAtt"][0]]["Properties"]

    assert {arn.partition(":policy/")[2] for arn in role["ManagedPolicyArns"]} == expected


def test_a_schedule_may_start_its_function_and_nothing_else() -> None:
    schedules = {
        name: each["Properties"] for name, each in made().items() if each["Type"] == "AWS::Scheduler::Schedule"
    }

    assert schedules
    for schedule in schedules.values():
        target = schedule["Target"]
        role = made()[target["RoleArn"]["Fn::GetAtt"][0]]["Properties"]
        [policy] = role["Policies"]
        [statement] = policy["PolicyDocument"]["Statement"]
        assert (statement["Action"], statement["Resource"]) == ("lambda:InvokeFunction", target["Arn"])


def test_only_this_api_may_call_its_functions() -> None:
    permissions = [each["Properties"] for each in made().values() if each["Type"] == "AWS::Lambda::Permission"]

    assert permissions
    for permission in permissions:
        assert permission["Principal"] == "apigateway.amazonaws.com"
        assert "Api" in str(permission["SourceArn"])


def test_a_role_is_a_function_s_alone() -> None:
    roles = [
        each["Properties"]["Role"]["Fn::GetAtt"][0]
        for each in made().values()
        if each["Type"] == "AWS::Lambda::Function"
    ]

    assert len(roles) == len(set(roles)) == len(functions())
