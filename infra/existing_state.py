"""python -m infra.existing_state [--stack tollgate]: what `make deploy` must be told, so that a stack of before there was infra/state.yaml
goes on with its tables instead of making new ones (infra/decisions/0015-state-in-a-stack-of-its-own.md).

Prints the parameters as `make deploy` adds them, and an empty line for a stack that needs none or is not there yet. With your own
credentials.
"""

import argparse
import sys
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

LEDGER, KEYS, BUCKET = "ExistingLedgerStreamArn", "ExistingKeysTable", "ExistingUnwrittenSpans"


def existing_state(cloudformation: Any, dynamodb: Any, stack: str) -> dict[str, str]:
    """Once a stack goes on with what it had, it must be told so each time. Raises ClientError where there is no such stack."""
    parameters = cloudformation.describe_stacks(StackName=stack)["Stacks"][0].get("Parameters", [])
    told = {each["ParameterKey"]: each["ParameterValue"] for each in parameters}
    if told.get(LEDGER):
        return {name: told[name] for name in (LEDGER, KEYS, BUCKET)}
    pages = cloudformation.get_paginator("list_stack_resources").paginate(StackName=stack)
    own = {each["LogicalResourceId"]: each for page in pages for each in page["StackResourceSummaries"]}
    if own.get("Ledger", {}).get("ResourceType") != "AWS::DynamoDB::Table":
        return {}
    stream = dynamodb.describe_table(TableName=own["Ledger"]["PhysicalResourceId"])["Table"]["LatestStreamArn"]
    return {
        LEDGER: str(stream),
        KEYS: str(own["Keys"]["PhysicalResourceId"]),
        BUCKET: str(own["UnwrittenSpans"]["PhysicalResourceId"]),
    }


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m infra.existing_state", description=__doc__)
    parser.add_argument("--stack", default="tollgate")
    chosen = parser.parse_args()
    try:
        found = existing_state(boto3.client("cloudformation"), boto3.client("dynamodb"), chosen.stack)
    except ClientError as error:
        if "does not exist" not in str(error):
            print(error, file=sys.stderr)
            return 1
        found = {}
    except BotoCoreError as error:
        print(error, file=sys.stderr)
        return 1
    print(" ".join(f"{name}={value}" for name, value in found.items()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
