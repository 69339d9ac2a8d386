"""Connections in the ledger's table, in a partition of their own: one small item each, so that one query tells of all of them."""

import json
import time
from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError

from tollgate.adapters.dynamodb_failures import Failure, all_items, failure_of
from tollgate.adapters.dynamodb_tries import tried
from tollgate.adapters.page_item import Item, number
from tollgate.domain.connection import Connection
from tollgate.domain.connection_text import connection_from, connection_record

PARTITION = "CONNECTIONS"
TRIES = 3
FIRST_PAUSE_S = 0.05
AWAY = "The connections cannot be read now. Try again in a moment."


class DynamoDbConnections:
    def __init__(self, client: Any, table: str, *, sleep: Callable[[float], None] = time.sleep) -> None:
        self._client = client
        self._table = table
        self._sleep = sleep

    def stored(self) -> list[Connection]:
        items = self._call(
            lambda: all_items(
                self._client.query,
                TableName=self._table,
                ConsistentRead=True,
                KeyConditionExpression="pk = :partition",
                ExpressionAttributeValues={":partition": {"S": PARTITION}},
            )
        )
        return [_connection_of(item) for item in items]

    def read(self, connection_id: str) -> Connection | None:
        answer = self._call(
            lambda: self._client.get_item(TableName=self._table, Key=_key(connection_id), ConsistentRead=True)
        )
        return _connection_of(answer["Item"]) if "Item" in answer else None

    def swap(self, new: Connection) -> bool:
        before = new.version - 1
        condition: dict[str, Any] = (
            {"ConditionExpression": "attribute_not_exists(pk)"} if before == 0 else _only_version(before)
        )
        # A try whose answer was lost refuses its own repetition: then what was wanted is there.
        return self._is_done(lambda: self._client.put_item(TableName=self._table, Item=_item_of(new), **condition)) or (
            self.read(new.id) == new
        )

    def remove(self, connection: Connection) -> bool:
        return self._is_done(
            lambda: self._client.delete_item(
                TableName=self._table, Key=_key(connection.id), **_only_version(connection.version)
            )
        )

    def _is_done(self, send: Callable[[], Any]) -> bool:
        """False where its condition was not met."""
        try:
            self._call(send)
        except ClientError as error:
            if failure_of(error) is Failure.REFUSED:
                return False
            raise
        return True

    def _call(self, send: Callable[[], Any]) -> Any:
        return tried(send, tries=TRIES, first_pause_s=FIRST_PAUSE_S, sleep=self._sleep, away=AWAY)


def _key(connection_id: str) -> Item:
    return {"pk": {"S": PARTITION}, "sk": {"S": connection_id}}


def _only_version(version: int) -> dict[str, Any]:
    # An item that is not there has no version, so it is refused too.
    return {
        "ConditionExpression": "version = :version",
        "ExpressionAttributeValues": {":version": number(version)},
    }


def _item_of(connection: Connection) -> Item:
    return _key(connection.id) | {
        "version": number(connection.version),
        "connection": {"S": json.dumps(connection_record(connection), separators=(",", ":"))},
    }


def _connection_of(item: Item) -> Connection:
    return connection_from(json.loads(item["connection"]["S"]))
