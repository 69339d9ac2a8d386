"""All pages and accounts in DynamoDB, without regard to a call: for the expiry of past months and for a restore."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from botocore.exceptions import ClientError

from tollgate.adapters.dynamodb_accounts import account_item
from tollgate.adapters.dynamodb_failures import Failure, failure_of
from tollgate.adapters.dynamodb_ledger import record_item
from tollgate.adapters.dynamodb_tries import tried
from tollgate.adapters.page_item import Item, body_of, month_key, new_agent_value, number, page_key, page_of, shard_of
from tollgate.adapters.posting_write import Write
from tollgate.domain.page import Page
from tollgate.domain.past_page import PastPage
from tollgate.domain.tenant import TenantSettings
from tollgate.ports import Record

# Nobody waits for these, and a scan of a whole table is throttled sooner than a call.
TRIES = 8
AWAY = "The ledger cannot be reached now. What was done stays done: start again."
EXPIRES, EXPIRES_SEQ = "ttl", "ttl_seq"


class DynamoDbShelf:
    """`client` makes one attempt for each call."""

    def __init__(self, client: Any, table: str, *, sleep: Callable[[float], None] = time.sleep) -> None:
        self._client = client
        self._table = table
        self._sleep = sleep

    def places(self) -> Sequence[tuple[str, str]]:
        keys = self._scan("begins_with(sk, :month)", {":month": {"S": month_key("")}}, ProjectionExpression="pk, sk")
        return [(_after_hash(item["pk"]), _after_hash(item["sk"])) for item in keys]

    def tenants(self) -> Sequence[str]:
        return [
            _after_hash(item["pk"])
            for item in self._scan("sk = :account", {":account": {"S": "ACCOUNT"}}, ProjectionExpression="pk")
        ]

    def past_pages(self, before: str) -> Sequence[PastPage]:
        """A scan, which reads the whole table to find a few pages. A thousand shops with fourteen pages of 3 KB and a thousand records
        each in 62 days (0.3 KB) are 350 MB, so 43,000 read units of 8 KB, eventually consistent: half a cent a day. An index on
        pages alone would be written by every hold, for more than that."""
        bounds = {":first": {"S": month_key("")}, ":before": {"S": month_key(before)}}
        return [_past(item) for item in self._scan("sk >= :first AND sk < :before", bounds)]

    def expire(self, past: PastPage, at: int) -> bool:
        page, write = past.page, Write()
        for name, value in ((EXPIRES, at), (EXPIRES_SEQ, page.seq)):
            write.sets.append(f"{write.path(name)} = {write.number(value)}")
        # Else the stream would bring a span once more that has long been stored.
        write.removes.append(write.path("span"))
        write.terms.append(f"attribute_not_exists({write.path(EXPIRES)})")
        _stands_still(write, page)
        return self._update(write, page)

    def keep(self, past: PastPage) -> bool:
        write = Write()
        write.removes += [write.path(name) for name in (EXPIRES, EXPIRES_SEQ, "span")]
        write.terms.append(f"{write.path(EXPIRES)} = {write.number(past.expires_at or 0)}")
        return self._update(write, past.page)

    def put_back(self, page: Page, *, over: Page) -> bool:
        write = Write()
        for name, value in body_of(page).items():
            write.sets.append(f"{write.path(name)} = {write.value(value)}")
        write.removes += [write.path(name) for name in ("span", EXPIRES, EXPIRES_SEQ)]
        if page.due is None:
            write.removes += [write.path("due"), write.path("due_shard")]
        else:
            write.sets.append(f"{write.path('due')} = {write.number(page.due)}")
            write.sets.append(f"{write.path('due_shard')} = {write.value({'S': shard_of(page.tenant_id)})}")
        _stands_still(write, over)
        return self._update(write, page)

    def put_record(self, tenant_id: str, record: Record) -> bool:
        item = record_item(tenant_id, record)
        put = {"TableName": self._table, "Item": item, "ConditionExpression": "attribute_not_exists(pk)"}
        return self._done(lambda: self._client.put_item(**put))

    def begin_epoch(self, settings: TenantSettings, pages: Mapping[str, tuple[Page, int]], *, over: int) -> bool:
        account = {
            "TableName": self._table,
            "Item": account_item(settings),
            "ConditionExpression": "#version = :over",
            "ExpressionAttributeNames": {"#version": "version"},
            "ExpressionAttributeValues": {":over": number(over)},
        }
        updates = [{"Update": self._epoch_write(settings, page, epoch)} for page, epoch in pages.values()]
        assert len(updates) < 100, "a transaction takes a hundred writes, and eight years of pages are never kept"
        return self._done(lambda: self._client.transact_write_items(TransactItems=[{"Put": account}, *updates]))

    def _epoch_write(self, settings: TenantSettings, page: Page, epoch: int) -> dict[str, object]:
        write = Write()
        for name, value in (("version", settings.version), ("epoch", epoch)):
            write.sets.append(f"{write.path(name)} = {write.number(value)}")
        for label in settings.agents:
            if label not in page.agents:
                write.sets.append(f"{write.path('agents', label)} = {write.value(new_agent_value())}")
        # The span stands under the epoch in which it was posted; under the new one it would be stored, and counted, again.
        write.removes += [write.path(name) for name in ("span", EXPIRES, EXPIRES_SEQ)]
        _stands_still(write, page)
        return _without_empty(write.request(self._table, page_key(page.tenant_id, page.month)))

    def _scan(self, terms: str, values: Item, **more: str) -> list[Item]:
        found: list[Item] = []
        start: dict[str, Any] = {}
        request = {"TableName": self._table, "FilterExpression": terms, "ExpressionAttributeValues": values} | more
        while True:
            answer = self._call(lambda start=start: self._client.scan(**request, **start))  # type: ignore[misc]
            found += answer["Items"]
            if "LastEvaluatedKey" not in answer:
                return found
            start = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}

    def _update(self, write: Write, page: Page) -> bool:
        request = _without_empty(write.request(self._table, page_key(page.tenant_id, page.month)))
        return self._done(lambda: self._client.update_item(**request))

    def _done(self, send: Callable[[], Any]) -> bool:
        try:
            self._call(send)
            return True
        except ClientError as error:
            if failure_of(error) is not Failure.REFUSED:
                raise
            return False

    def _call(self, send: Callable[[], Any]) -> Any:
        return tried(send, tries=TRIES, first_pause_s=0.05, sleep=self._sleep, away=AWAY)


def _stands_still(write: Write, page: Page) -> None:
    """Nothing that counts has moved: a posting adds to `seq` or changes how many holds there are."""
    for name, value in (("seq", page.seq), ("epoch", page.epoch)):
        write.terms.append(f"{write.path(name)} = {write.number(value)}")
    for name, size in (("holds", len(page.holds)), ("closed", len(page.closed))):
        write.terms.append(f"size({write.path(name)}) = {write.number(size)}")


def _without_empty(request: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in request.items() if value}


def _past(item: Item) -> PastPage:
    expires, seq = (int(item[name]["N"]) if name in item else None for name in (EXPIRES, EXPIRES_SEQ))
    return PastPage(page=page_of(item), expires_at=expires, expires_seq=seq)


def _after_hash(key: Mapping[str, str]) -> str:
    return key["S"].partition("#")[2]
