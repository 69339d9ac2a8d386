"""python -m infra.restore [close | copy --from-table NAME | replay | open]: the ledger's runbook as a command (infra/runbooks/restore.md).

Without a step: all of them, in order. Each looks before it acts, and can be repeated. With --local on the local stack, else on AWS with
your own credentials.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from samcli.yamlhelper import yaml_parse

from infra.build import ROOT
from infra.local.configuration import REGION, StackError, read_configuration

WRITES = frozenset({"dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem"})
RESTORE, WRITER, ALIAS = "RestoreLedger", "WriteSpans", "live"
STACK = "AWS::CloudFormation::Stack"
# Two looks at Postgres this far apart must find the same: the stream's batches are collected for a second, and written in less.
STANDS_STILL_S = 5.0
LOOKS = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployed:
    """A stack's resources by their names in the templates, its parameters, and the means to reach them."""

    client: Callable[[str], Any]
    physical: Mapping[str, str]
    parameters: Mapping[str, str] = field(default_factory=dict)

    def name(self, logical: str) -> str:
        if logical not in self.physical:
            raise StackError(f"The stack has no {logical}: work from the release that is deployed.")
        return self.physical[logical]


# ---- gates ------------------------------------------------------------------------------------------------------------------


def gates_of(deployed: Deployed) -> dict[str, int | None]:
    """Those of them that the stack has: some are there only where a parameter wants them. With the concurrency of each as it was
    deployed, None where it is not bounded."""
    optional = {name for name, each in functions_of_the_template().items() if "Condition" in each}
    there = {name: most for name, most in gates().items() if name not in optional or name in deployed.physical}
    return {name: int(deployed.parameters[most]) or None if most else None for name, most in there.items()}


def functions_of_the_template() -> dict[str, Any]:
    resources = yaml_parse((ROOT / "template.yaml").read_text(encoding="utf-8"))["Resources"]
    return {name: each for name, each in resources.items() if each["Type"] == "AWS::Serverless::Function"}


def gates() -> dict[str, str | None]:
    """All functions that may write on pages or accounts, and the parameter that says how many of each may run at once (None: as many as
    there are calls). The sweep is one of them: it would let old holds lapse whose settlements are about to be replayed."""
    return {
        name: bound_of(each["Properties"].get("ReservedConcurrentExecutions"))
        for name, each in functions_of_the_template().items()
        if name != RESTORE and any(map(writes_ledger, statements(each)))
    }


def bound_of(written: Any) -> str | None:
    """Written as `!If [<there is one>, !Ref <parameter>, !Ref AWS::NoValue]`, or not at all. Another form is a KeyError."""
    return None if written is None else str(written["Fn::If"][1]["Ref"])


def statements(function: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [each for policy in function["Properties"].get("Policies", []) for each in policy["Statement"]]


def writes_ledger(statement: Mapping[str, Any]) -> bool:
    actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
    return bool(WRITES.intersection(actions)) and "Ledger" in json.dumps(statement["Resource"])


def close(deployed: Deployed, *, wait_s: float | None) -> None:
    """Lambda runs none of them from here on; what runs already ends within its time limit, which is waited for."""
    client = deployed.client("lambda")
    limits = []
    for name in gates_of(deployed):
        function = deployed.name(name)
        client.put_function_concurrency(FunctionName=function, ReservedConcurrentExecutions=0)
        limits.append(client.get_function_configuration(FunctionName=function)["Timeout"])
    pause = max(limits) + 5 if wait_s is None else wait_s
    print(f"Gates are off. Waiting {pause:.0f} s for calls in flight to end.")
    time.sleep(pause)


def must_be_closed(deployed: Deployed) -> None:
    client = deployed.client("lambda")
    for name in gates_of(deployed):
        found = client.get_function_concurrency(FunctionName=deployed.name(name))
        if found.get("ReservedConcurrentExecutions") != 0:
            raise StackError(f"{name} is not off: python -m infra.restore close")


def open_again(deployed: Deployed) -> None:
    client = deployed.client("lambda")
    for name, most in gates_of(deployed).items():
        function = deployed.name(name)
        if most is None:
            client.delete_function_concurrency(FunctionName=function)
        else:
            client.put_function_concurrency(FunctionName=function, ReservedConcurrentExecutions=most)
    print("Gates are on.")


# ---- the old state, and what came after it ----------------------------------------------------------------------------------


def must_be_drained(deployed: Deployed, *, accepts_gaps: bool) -> None:
    """Nothing is on its way to Postgres any more. Raises StackError where that cannot be said."""
    must_be_written(deployed, accepts_gaps=accepts_gaps)
    before = count(deployed)
    for _ in range(LOOKS):
        time.sleep(STANDS_STILL_S)
        now = count(deployed)
        must_be_written(deployed, accepts_gaps=accepts_gaps)
        if now == before:
            print(f"The stream is drained: Postgres has {now} spans.")
            return
        before = now
    raise StackError(
        "Spans still arrive in Postgres. Wait until IteratorAge of WriteSpans is near zero, and start again."
    )


def must_be_written(deployed: Deployed, *, accepts_gaps: bool) -> None:
    # Under the function's bare name AWS lists none of its alias.
    writer = f"{deployed.name(WRITER)}:{ALIAS}"
    mappings = deployed.client("lambda").list_event_source_mappings(FunctionName=writer)
    if not mappings["EventSourceMappings"]:
        raise StackError("The ledger's stream is not read: WriteSpans has no event source mapping.")
    for mapping in mappings["EventSourceMappings"]:
        last = str(mapping.get("LastProcessingResult", ""))
        if mapping["State"] != "Enabled" or last.startswith(("FAILED", "PROBLEM")):
            raise StackError(f"The ledger's stream is not read ({mapping['State']}, {last}): see to WriteSpans first.")
    kept = deployed.client("s3").list_objects_v2(Bucket=deployed.name("UnwrittenSpans"), MaxKeys=1)
    if kept.get("KeyCount") and not accepts_gaps:
        raise StackError("The bucket UnwrittenSpans is not empty: replay what is in it, or go on with --accept-gaps.")


def count(deployed: Deployed) -> int:
    return int(invoke(deployed, {"gates": "off", "count": True})["spans"])


def copy(deployed: Deployed, source: str) -> None:
    """Puts accounts, pages and records of a restored table over those of the stack's own, which has the stream, the mapping and the TTL.
    What else is in it (breakers, models) is about now, and stays."""
    client, table, copied = deployed.client("dynamodb"), deployed.name("Ledger"), 0
    if source == table:
        raise StackError("The table to copy from must be another than the stack's own.")
    for item in items_of(client, source):
        if not item["pk"]["S"].startswith(("TENANT#", "RECORD#")):
            continue
        client.put_item(TableName=table, Item=item)
        copied += 1
    print(f"{copied} items of {source} are in {table}.")


def items_of(client: Any, table: str) -> Iterator[dict[str, Any]]:
    for page in client.get_paginator("scan").paginate(TableName=table, ConsistentRead=True):
        yield from page["Items"]


def replay(deployed: Deployed, *, accepts_gaps: bool) -> None:
    """Raises StackError where a page could not be brought up to Postgres: gates stay off then."""
    after, faults = "", dict[str, str]()
    while True:
        done = invoke(deployed, {"gates": "off", "after": after, "acceptGaps": accepts_gaps})
        print("{tenants} tenants, {pages} pages: {spans} spans replayed, {records} records put.".format(**done))
        faults |= done["faults"]
        for tenant in done["made"]:
            print(f"{tenant} is younger than the old state: it is suspended, with the default limits.")
        for place, amount in done["unexplained"].items():
            print(
                f"{place}: {amount} nano-dollars are of spans that are lost; holds that these closed lapse once more."
            )
        if done["following"] is None:
            break
        after = done["following"]
    for place, fault in faults.items():
        print(f"{place}: {fault}", file=sys.stderr)
    if faults and not accepts_gaps:
        raise StackError(
            f"{len(faults)} pages do not agree with Postgres, and gates stay off (infra/runbooks/restore.md)."
        )


def invoke(deployed: Deployed, payload: Mapping[str, Any]) -> dict[str, Any]:
    answer = deployed.client("lambda").invoke(FunctionName=deployed.name(RESTORE), Payload=json.dumps(payload).encode())
    text = answer["Payload"].read().decode()
    if "FunctionError" in answer:
        raise StackError(f"{RESTORE} failed, and can be run again: {text}")
    return dict(json.loads(text))


# ---- the command ------------------------------------------------------------------------------------------------------------


def run(deployed: Deployed, chosen: argparse.Namespace) -> None:
    if chosen.step in ("close", "all"):
        close(deployed, wait_s=chosen.wait)
    if chosen.step in ("copy", "replay", "all"):
        must_be_closed(deployed)
        must_be_drained(deployed, accepts_gaps=chosen.accept_gaps)
    if chosen.step == "copy" and not chosen.from_table:
        raise StackError("copy needs --from-table.")
    if chosen.step in ("copy", "all") and chosen.from_table:
        copy(deployed, chosen.from_table)
    if chosen.step in ("replay", "all"):
        replay(deployed, accepts_gaps=chosen.accept_gaps)
    if chosen.step in ("open", "all"):
        open_again(deployed)


def find(stack: str, *, local: bool) -> Deployed:
    # The function may take its whole 15 minutes, and must not be started twice.
    config = Config(retries={"total_max_attempts": 1}, read_timeout=930)
    where: dict[str, Any] = {"config": config}
    if local:
        endpoint = read_configuration().aws_endpoint_url
        keys = {"aws_access_key_id": "local", "aws_secret_access_key": "local"}
        where |= {"endpoint_url": endpoint, "region_name": REGION} | keys

    def client(service: str) -> Any:
        return boto3.client(service, **where)  # type: ignore[call-overload]

    [described] = client("cloudformation").describe_stacks(StackName=stack)["Stacks"]
    return Deployed(
        client=client,
        physical=physical_of(client("cloudformation"), stack),
        parameters={each["ParameterKey"]: each["ParameterValue"] for each in described.get("Parameters", [])},
    )


def physical_of(cloudformation: Any, stack: str) -> dict[str, str]:
    """With what stands in the stacks inside it; and with what these say, because a table that another stack made is none of their
    resources."""
    pages = cloudformation.get_paginator("list_stack_resources").paginate(StackName=stack)
    resources = [each for page in pages for each in page["StackResourceSummaries"]]
    physical = {each["LogicalResourceId"]: each["PhysicalResourceId"] for each in resources}
    for inner in (each["PhysicalResourceId"] for each in resources if each["ResourceType"] == STACK):
        told = cloudformation.describe_stacks(StackName=inner)["Stacks"][0].get("Outputs", [])
        physical |= physical_of(cloudformation, inner) | {each["OutputKey"]: each["OutputValue"] for each in told}
    return physical


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m infra.restore", description=__doc__)
    parser.add_argument("step", nargs="?", default="all", choices=["all", "close", "copy", "replay", "open"])
    parser.add_argument("--from-table", help="a restored table, whose items are put over those of the stack's own")
    parser.add_argument("--accept-gaps", action="store_true", help="go on although spans are lost for good")
    parser.add_argument("--wait", type=float, help="seconds for calls in flight (default: their longest time limit)")
    parser.add_argument("--stack", default="tollgate")
    parser.add_argument("--local", action="store_true")
    chosen = parser.parse_args()
    try:
        run(find(chosen.stack, local=chosen.local), chosen)
    except (StackError, ClientError, BotoCoreError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
