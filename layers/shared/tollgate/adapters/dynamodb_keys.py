"""Keys in DynamoDB: one item a key, by its id, with the hash of its secret."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from tollgate.adapters.dynamodb_failures import Failure, all_items, failure_of
from tollgate.adapters.page_item import Item, number
from tollgate.domain.errors import LedgerUnavailable
from tollgate.ports import KeyEntry

TRIES = 3


class DynamoDbKeys:
    def __init__(self, client: Any, table: str) -> None:
        self._client = client
        self._table = table

    def put(self, entry: KeyEntry) -> None:
        self._call(lambda: self._client.put_item(TableName=self._table, Item=_item_of(entry)))

    def read(self, key_id: str) -> KeyEntry | None:
        answer = self._call(
            lambda: self._client.get_item(TableName=self._table, Key={"pk": {"S": key_id}}, ConsistentRead=True)
        )
        return _entry_of(answer["Item"]) if "Item" in answer else None

    def remove(self, key_id: str) -> bool:
        answer = self._call(
            lambda: self._client.delete_item(TableName=self._table, Key={"pk": {"S": key_id}}, ReturnValues="ALL_OLD")
        )
        return "Attributes" in answer

    def list(self) -> Sequence[KeyEntry]:
        items = self._call(lambda: all_items(self._client.scan, TableName=self._table))
        return sorted((_entry_of(item) for item in items), key=lambda entry: entry.created_at)

    def _call(self, send: Callable[[], Any]) -> Any:
        last: Exception | None = None
        for _ in range(TRIES):
            try:
                return send()
            except (ClientError, BotoCoreError) as error:
                if failure_of(error) is Failure.BROKEN:
                    raise
                last = error
        raise LedgerUnavailable("The keys cannot be read now. Try again in a moment.") from last


def _item_of(entry: KeyEntry) -> Item:
    item: Item = {
        "pk": {"S": entry.key_id},
        "secret_hash": {"S": entry.secret_hash},
        "role": {"S": entry.role},
        "name": {"S": entry.name},
        "created_at": {"S": entry.created_at.isoformat()},
    }
    if entry.tenant_id is not None:
        item["tenant_id"] = {"S": entry.tenant_id}
    if entry.expires_at is not None:
        item["expires_at"] = {"S": entry.expires_at.isoformat()}
        item["ttl"] = number(int(entry.expires_at.astimezone(UTC).timestamp()))
    return item


def _entry_of(item: Item) -> KeyEntry:
    expires = item.get("expires_at")
    return KeyEntry(
        key_id=item["pk"]["S"],
        secret_hash=item["secret_hash"]["S"],
        role=item["role"]["S"],
        tenant_id=item["tenant_id"]["S"] if "tenant_id" in item else None,
        name=item["name"]["S"],
        created_at=datetime.fromisoformat(item["created_at"]["S"]),
        expires_at=datetime.fromisoformat(expires["S"]) if expires else None,
    )
