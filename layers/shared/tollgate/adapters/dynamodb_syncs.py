"""How the last run of each connection ended, in the ledger's table, in a partition of its own: one item for each."""

from collections.abc import Callable, Mapping
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from tollgate.adapters.dynamodb_failures import Failure, failure_of
from tollgate.adapters.page_item import Item
from tollgate.domain.errors import LedgerUnavailable
from tollgate.domain.sync_plan import SyncStatus
from tollgate.domain.sync_text import status_from_text, status_to_text

PARTITION = "SYNCS"


class DynamoDbSyncs:
    def __init__(self, client: Any, table: str) -> None:
        self._client = client
        self._table = table

    def all(self) -> Mapping[str, SyncStatus]:
        query: dict[str, Any] = {
            "TableName": self._table,
            "KeyConditionExpression": "pk = :partition",
            "ExpressionAttributeValues": {":partition": {"S": PARTITION}},
        }
        found: dict[str, SyncStatus] = {}
        while True:
            answer = _call(lambda: self._client.query(**query))
            found |= {item["sk"]["S"]: status_from_text(item["status"]["S"]) for item in answer["Items"]}
            if "LastEvaluatedKey" not in answer:
                return found
            query["ExclusiveStartKey"] = answer["LastEvaluatedKey"]

    def read(self, connection_id: str) -> SyncStatus | None:
        answer = _call(lambda: self._client.get_item(TableName=self._table, Key=_key(connection_id)))
        return status_from_text(answer["Item"]["status"]["S"]) if "Item" in answer else None

    def write(self, connection_id: str, status: SyncStatus) -> None:
        item = _key(connection_id) | {"status": {"S": status_to_text(status)}}
        _call(lambda: self._client.put_item(TableName=self._table, Item=item))

    def remove(self, connection_id: str) -> None:
        _call(lambda: self._client.delete_item(TableName=self._table, Key=_key(connection_id)))


def _call(send: Callable[[], Any]) -> Any:
    """One try: the next run writes anew."""
    try:
        return send()
    except (ClientError, BotoCoreError) as error:
        if failure_of(error) in (Failure.REFUSED, Failure.BROKEN):
            raise
        raise LedgerUnavailable("How connections were synced cannot be asked now. Try again in a moment.") from error


def _key(connection_id: str) -> Item:
    return {"pk": {"S": PARTITION}, "sk": {"S": connection_id}}
