"""Leases in the ledger's table, in a partition of their own: one small item for each name that was ever leased."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from tollgate.adapters.dynamodb_failures import Failure, failure_of
from tollgate.adapters.page_item import Item, number
from tollgate.domain.errors import LedgerUnavailable

PARTITION = "LEASES"


class DynamoDbLeases:
    def __init__(self, client: Any, table: str) -> None:
        self._client = client
        self._table = table

    def take(self, name: str, *, now: datetime, until: datetime) -> int | None:
        """A try whose answer was lost may hold it: nobody then has it before `until`, and nobody has it twice."""
        answer = self._call(
            lambda: self._client.update_item(
                TableName=self._table,
                Key=_key(name),
                UpdateExpression="SET leased_until = :until ADD fence :one",
                ConditionExpression="attribute_not_exists(leased_until) OR leased_until <= :now",
                ExpressionAttributeValues={
                    ":now": number(_milliseconds(now)),
                    ":until": number(_milliseconds(until)),
                    ":one": number(1),
                },
                ReturnValues="UPDATED_NEW",
            )
        )
        return int(answer["Attributes"]["fence"]["N"]) if answer is not None else None

    def release(self, name: str, fence: int) -> None:
        self._call(
            lambda: self._client.update_item(
                TableName=self._table,
                Key=_key(name),
                UpdateExpression="REMOVE leased_until",
                ConditionExpression="fence = :fence",
                ExpressionAttributeValues={":fence": number(fence)},
            )
        )

    def _call(self, send: Callable[[], Any]) -> Any:
        """One try. None where a condition was not met."""
        try:
            return send()
        except (ClientError, BotoCoreError) as error:
            failure = failure_of(error)
            if failure is Failure.REFUSED:
                return None
            if failure is Failure.BROKEN:
                raise
            raise LedgerUnavailable("The leases cannot be asked now. Try again in a moment.") from error


def _key(name: str) -> Item:
    return {"pk": {"S": PARTITION}, "sk": {"S": name}}


def _milliseconds(at: datetime) -> int:
    return int(at.timestamp() * 1000)
