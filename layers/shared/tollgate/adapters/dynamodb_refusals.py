"""Refused calls in the ledger's table: an item for each tenant and UTC hour that has any, in a partition of its own.

A page's partition takes 1,000 write units a second, and refusals are none of its business.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from tollgate.adapters.dynamodb_failures import Failure, all_items, failure_of
from tollgate.adapters.page_item import Item
from tollgate.domain.errors import LedgerUnavailable
from tollgate.domain.refused import HOUR, RefusedHour, hour_of

# Thirteen months, as roll-ups can be asked for.
KEPT_FOR = timedelta(days=403)
# These were certainly not carried out, and can be sent again.
NOT_DONE = frozenset({Failure.THROTTLED, Failure.CONFLICT, Failure.NOT_SENT})
# No reason has it in it; an agent's label may.
BETWEEN = "#"


class DynamoDbRefusals:
    """`client` is asked for at the first use."""

    def __init__(self, client: Callable[[], Any], table: str) -> None:
        self._client = client
        self._table = table

    def add(self, tenant_id: str, hours: Sequence[RefusedHour]) -> bool:
        left = list(hours)
        while left:
            try:
                self._client().update_item(TableName=self._table, **_addition(tenant_id, left[0]))
            except (ClientError, BotoCoreError) as error:
                if failure_of(error) in NOT_DONE and len(left) == len(hours):
                    return False
                raise LedgerUnavailable("Refusals cannot be counted now.") from error
            left.pop(0)
        return True

    def between(self, tenant_id: str, start: datetime, end: datetime) -> Sequence[RefusedHour]:
        first = hour_of(start) if start == hour_of(start) else hour_of(start) + HOUR
        if first >= end:
            return ()
        query: dict[str, Any] = {
            "TableName": self._table,
            "KeyConditionExpression": "pk = :partition AND sk BETWEEN :first AND :last",
            "ExpressionAttributeValues": {
                ":partition": {"S": _partition(tenant_id)},
                ":first": {"S": _sort(first)},
                ":last": {"S": _sort(hour_of(end - timedelta(microseconds=1)))},
            },
        }
        try:
            return [_hour_of_item(item) for item in all_items(self._client().query, **query)]
        except (ClientError, BotoCoreError) as error:
            raise LedgerUnavailable("Refusals cannot be read now.") from error


def _addition(tenant_id: str, refused: RefusedHour) -> dict[str, Any]:
    names, values = {"#ttl": "ttl"}, {":ttl": {"N": str(int((refused.hour + KEPT_FOR).timestamp()))}}
    terms = []
    for place, ((reason, agent), calls) in enumerate(refused.counts.items()):
        names[f"#{place}"] = reason if agent is None else f"{reason}{BETWEEN}{agent}"
        values[f":{place}"] = {"N": str(calls)}
        terms.append(f"#{place} :{place}")
    return {
        "Key": {"pk": {"S": _partition(tenant_id)}, "sk": {"S": _sort(refused.hour)}},
        "UpdateExpression": f"SET #ttl = :ttl ADD {', '.join(terms)}",
        "ExpressionAttributeNames": names,
        "ExpressionAttributeValues": values,
    }


def _hour_of_item(item: Item) -> RefusedHour:
    counts: dict[tuple[str, str | None], int] = {}
    for name, value in item.items():
        if name not in ("pk", "sk", "ttl"):
            reason, _, agent = name.partition(BETWEEN)
            counts[reason, agent or None] = int(value["N"])
    return RefusedHour(hour=datetime.fromisoformat(f"{item['sk']['S']}:00:00+00:00"), counts=counts)


def _partition(tenant_id: str) -> str:
    return f"REFUSALS#{tenant_id}"


def _sort(hour: datetime) -> str:
    return f"{hour.astimezone(UTC):%Y-%m-%dT%H}"
