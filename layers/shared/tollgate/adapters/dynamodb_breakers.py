"""Breakers in the ledger's table, in a partition of their own: one item each, only for those that something happened to.

One small partition, so that one eventually consistent query tells an environment of all of them, whatever number of models and
agents it serves: half a read unit for up to 4 KB.
"""

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from tollgate.adapters.dynamodb_failures import Failure, failure_of
from tollgate.adapters.page_item import Item, number
from tollgate.domain.breaker import Breaker
from tollgate.domain.breaker_text import breaker_from_text, breaker_to_text
from tollgate.domain.errors import LedgerUnavailable

PARTITION = "BREAKERS"
# Environments remove what is over; this is for what the last of them left.
KEPT_FOR = timedelta(days=1)


class DynamoDbBreakers:
    def __init__(self, client: Any, table: str) -> None:
        self._client = client
        self._table = table

    def recent(self) -> Sequence[Breaker]:
        query: dict[str, Any] = {
            "TableName": self._table,
            "KeyConditionExpression": "pk = :partition",
            "ExpressionAttributeValues": {":partition": {"S": PARTITION}},
        }
        found: list[Breaker] = []
        while True:
            answer = self._call(lambda: self._client.query(**query))
            found += [breaker_from_text(item["breaker"]["S"]) for item in answer["Items"]]
            if "LastEvaluatedKey" not in answer:
                return found
            query["ExclusiveStartKey"] = answer["LastEvaluatedKey"]

    def read(self, breaker_id: str) -> Breaker | None:
        answer = self._call(
            lambda: self._client.get_item(TableName=self._table, Key=_key(breaker_id), ConsistentRead=True)
        )
        return breaker_from_text(answer["Item"]["breaker"]["S"]) if "Item" in answer else None

    def swap(self, new: Breaker) -> bool:
        before = new.version - 1
        condition: dict[str, Any] = (
            {"ConditionExpression": "attribute_not_exists(pk)"} if before == 0 else _only_version(before)
        )
        return (
            self._call(lambda: self._client.put_item(TableName=self._table, Item=_item_of(new), **condition))
            is not None
        )

    def remove(self, breaker: Breaker) -> None:
        self._call(
            lambda: self._client.delete_item(
                TableName=self._table, Key=_key(breaker.id), **_only_version(breaker.version)
            )
        )

    def _call(self, send: Callable[[], Any]) -> Any:
        """One try: a breaker that cannot be asked now is not worth an agent's time. None where a condition was not met."""
        try:
            return send()
        except (ClientError, BotoCoreError) as error:
            failure = failure_of(error)
            if failure is Failure.REFUSED:
                return None
            if failure is Failure.BROKEN:
                raise
            raise LedgerUnavailable("The breakers cannot be asked now. Try again in a moment.") from error


def _key(breaker_id: str) -> Item:
    return {"pk": {"S": PARTITION}, "sk": {"S": breaker_id}}


def _only_version(version: int) -> dict[str, Any]:
    return {
        "ConditionExpression": "version = :version",
        "ExpressionAttributeValues": {":version": number(version)},
    }


def _item_of(breaker: Breaker) -> Item:
    """Without a time of its own a breaker was closed just now, and DynamoDB may take it when it likes."""
    times = [tally.at for tally in breaker.tallies]
    if breaker.retry_at is not None:
        times.append(int(breaker.retry_at.timestamp()))
    return _key(breaker.id) | {
        "version": number(breaker.version),
        "breaker": {"S": breaker_to_text(breaker)},
        "ttl": number(max(times, default=1) + int(KEPT_FOR.total_seconds())),
    }
