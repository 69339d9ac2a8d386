"""What CodeDeploy is told by a hook of its deployment; one that tells nothing within an hour has failed.

https://docs.aws.amazon.com/codedeploy/latest/userguide/reference-appspec-file-structure-hooks.html#appspec-hooks-lambda
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import boto3
from botocore.config import Config

CONFIG = Config(connect_timeout=2, read_timeout=10, retries={"mode": "standard", "total_max_attempts": 4})


class Verdict(StrEnum):
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"


class CodeDeployHook:
    def __init__(self, client: Any) -> None:
        self._client = client

    def tell(self, event: Mapping[str, Any], verdict: Verdict) -> None:
        """`event`: the one that the hook was started with."""
        self._client.put_lifecycle_event_hook_execution_status(
            deploymentId=event["DeploymentId"],
            lifecycleEventHookExecutionId=event["LifecycleEventHookExecutionId"],
            status=verdict.value,
        )


def codedeploy_client() -> Any:
    return boto3.client("codedeploy", config=CONFIG)
