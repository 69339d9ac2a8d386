"""The queue of connections that are due, in SQS. A message is asked for at least once, and may come more than once."""

import json
from collections.abc import Collection
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from tollgate.adapters.aws_json import AwsJson, is_enough
from tollgate.domain.errors import SyncQueueFailed

CONNECT_TIMEOUT_S, READ_TIMEOUT_S = 2, 5
# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html
BATCH = 10
TRIES = 2


class SqsQueue:
    """`client`: `send_message_batch` as boto3's has it."""

    def __init__(self, client: Any, url: str) -> None:
        self._client = client
        self._url = url

    def send(self, connection_ids: Collection[str]) -> None:
        ids = sorted(connection_ids)
        for start in range(0, len(ids), BATCH):
            self._send_batch(ids[start : start + BATCH])

    def _send_batch(self, connection_ids: Collection[str]) -> None:
        """Sends again what was not taken: whoever is asked for twice finds nothing to do."""
        left = dict(enumerate(connection_ids))
        refused: list[Any] = []
        for _ in range(TRIES):
            entries = [
                {"Id": str(number), "MessageBody": json.dumps({"connectionId": connection_id})}
                for number, connection_id in left.items()
            ]
            try:
                answer = self._client.send_message_batch(QueueUrl=self._url, Entries=entries)
            except (ClientError, BotoCoreError) as error:
                raise SyncQueueFailed(f"The queue of syncs takes nothing: {type(error).__name__}.") from error
            refused = answer.get("Failed", [])
            left = {number: left[number] for number in (int(each["Id"]) for each in refused)}
            if not left:
                return
        raise SyncQueueFailed(f"The queue of syncs refuses {len(left)} requests ({refused[0].get('Code')}).")


class SqsWire:
    """SQS by its JSON alone."""

    def __init__(self, service: AwsJson) -> None:
        self._service = service

    def send_message_batch(self, **request: Any) -> dict[str, Any]:
        return self._service.ask("SendMessageBatch", request)


def new_sqs() -> Any:
    if is_enough():
        return SqsWire(
            AwsJson(
                "sqs",
                target="AmazonSQS",
                version="1.0",
                connect_timeout_s=CONNECT_TIMEOUT_S,
                read_timeout_s=READ_TIMEOUT_S,
            )
        )
    import boto3
    from botocore.config import Config

    retries = {"mode": "standard", "total_max_attempts": 1}
    config = Config(connect_timeout=CONNECT_TIMEOUT_S, read_timeout=READ_TIMEOUT_S, retries=retries)  # type: ignore[arg-type]
    return boto3.client("sqs", config=config)
