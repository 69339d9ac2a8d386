"""Calls with an Idempotency-Key in a table of their own, one item each: claimed, then kept or given back, by conditional writes.

A refused claim brings the item with it, so nothing is ever read.
"""

import json
import zlib
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from tollgate.adapters.dynamodb_failures import Failure, failure_of
from tollgate.adapters.page_item import Item, number
from tollgate.domain.errors import LedgerUnavailable
from tollgate.domain.idempotency import Attempt, KeptAnswer, KeptCall

TRIES = 3
# An item has at most 400 KB; the rest is for headers and what else is in it.
PACKED_BYTES_MAX = 370_000
# The same as `bars` in domain/idempotency.py, as DynamoDB says it. Its own expiry of items comes up to days late.
IS_FREE = "attribute_not_exists(pk) OR #ttl <= :now OR (attribute_not_exists(#status) AND until_ms < :now_ms)"
NAMES = {"#ttl": "ttl", "#status": "status"}
# The token: a function that was frozen and thaws after its time must not touch what another one claimed meanwhile.
IS_OURS = "#token = :token"


class DynamoDbKeptCalls:
    def __init__(self, client: Any, table: str) -> None:
        self._client = client
        self._table = table

    def claim(self, attempt: Attempt, now: datetime) -> KeptCall | None:
        there = self._try(
            lambda: self._client.put_item(
                TableName=self._table,
                Item=_item_of(attempt),
                ConditionExpression=IS_FREE,
                ExpressionAttributeNames=NAMES,
                ExpressionAttributeValues={":now": number(int(now.timestamp())), ":now_ms": number(_ms(now))},
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        )
        # An earlier try of this very claim may have got through without its answer.
        return None if there is None or there["token"]["S"] == attempt.token else _call_of(there, attempt)

    def keep(self, attempt: Attempt, answer: KeptAnswer, *, clock: Callable[[], datetime], until: datetime) -> bool:
        update: dict[str, Any] = {
            "TableName": self._table,
            "Key": _key(attempt),
            "ConditionExpression": IS_OURS,
            "UpdateExpression": "SET #status = :status, content_type = :content_type, headers = :headers",
            "ExpressionAttributeNames": {"#token": "token", "#status": "status"},
            "ExpressionAttributeValues": {
                ":token": {"S": attempt.token},
                ":status": number(answer.status),
                ":content_type": {"S": answer.content_type},
                ":headers": {"S": json.dumps(dict(answer.headers))},
            },
        }
        packed = zlib.compress(answer.body.encode()) if answer.body is not None else None
        if packed is not None and len(packed) <= PACKED_BYTES_MAX:
            update["UpdateExpression"] += ", body = :body"
            update["ExpressionAttributeValues"][":body"] = {"B": packed}
        return self._try(lambda: self._client.update_item(**update), may_begin=lambda: clock() < until) is None

    def release(self, attempt: Attempt) -> None:
        self._try(
            lambda: self._client.delete_item(
                TableName=self._table,
                Key=_key(attempt),
                ConditionExpression=IS_OURS,
                ExpressionAttributeNames={"#token": "token"},
                ExpressionAttributeValues={":token": {"S": attempt.token}},
            )
        )

    def _try(self, send: Callable[[], Any], *, may_begin: Callable[[], bool] = lambda: True) -> Item | None:
        """None where it is done; where its condition was not met the item as it stands (empty, where it was not asked for)."""
        last: Exception | None = None
        for _ in range(TRIES):
            if not may_begin():
                break
            try:
                send()
                return None
            except (ClientError, BotoCoreError) as error:
                if failure_of(error) is Failure.REFUSED:
                    response: Any = getattr(error, "response", {})
                    return dict(response.get("Item", {}))
                last = error
        raise LedgerUnavailable("What is kept of calls cannot be asked now. Try again in a moment.") from last


def _key(attempt: Attempt) -> Item:
    """No tenant's id has a # in it."""
    return {"pk": {"S": f"{attempt.tenant_id}#{attempt.key}"}}


def _item_of(attempt: Attempt) -> Item:
    return _key(attempt) | {
        "token": {"S": attempt.token},
        "fingerprint": {"S": attempt.fingerprint},
        "until_ms": number(_ms(attempt.until)),
        "ttl": number(int(attempt.expires_at.timestamp())),
    }


def _call_of(item: Item, again: Attempt) -> KeptCall:
    first = Attempt(
        tenant_id=again.tenant_id,
        key=again.key,
        fingerprint=item["fingerprint"]["S"],
        token=item["token"]["S"],
        until=datetime.fromtimestamp(int(item["until_ms"]["N"]) / 1000, UTC),
        expires_at=datetime.fromtimestamp(int(item["ttl"]["N"]), UTC),
    )
    return KeptCall(attempt=first, answer=_answer_of(item))


def _answer_of(item: Item) -> KeptAnswer | None:
    if "status" not in item:
        return None
    return KeptAnswer(
        status=int(item["status"]["N"]),
        content_type=item["content_type"]["S"],
        headers=json.loads(item["headers"]["S"]),
        body=zlib.decompress(item["body"]["B"]).decode() if "body" in item else None,
    )


def _ms(at: datetime) -> int:
    return int(at.timestamp() * 1000)
