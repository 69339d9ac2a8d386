"""The pages in DynamoDB."""

import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from tollgate.adapters.dynamodb_failures import Failure, all_items, failure_of, reasons_of
from tollgate.adapters.page_item import SHARDS, Item, new_page_item, number, page_key, page_of, tenant_key
from tollgate.adapters.posting_write import Write, update_of
from tollgate.domain.errors import LedgerUnavailable
from tollgate.domain.page import Page
from tollgate.domain.posting import Posting
from tollgate.domain.tenant import TenantSettings
from tollgate.ports import Posted, Record, Refused, Unreachable

TRIES = 3


class DynamoDbLedger:
    """`client` makes one attempt for each call, so that every try is seen here. `watch` is shown every page that is read."""

    def __init__(
        self,
        client: Any,
        table: str,
        *,
        sleep: Callable[[float], None] = time.sleep,
        watch: Callable[[Page], None] = lambda _: None,
    ) -> None:
        self._client = client
        self._table = table
        self._sleep = sleep
        self._watch = watch

    def post(
        self,
        posting: Posting,
        settings: TenantSettings | None,
        *,
        tenant_id: str,
        month: str,
        until: datetime | None = None,
    ) -> Posted | Refused | Unreachable:
        request = update_of(posting, settings, table=self._table, tenant_id=tenant_id, month=month)
        unanswered = False
        for _ in self._tries(until):
            try:
                answer = self._client.update_item(**request, ReturnValues="ALL_NEW")
                return Posted(page=page_of(answer["Attributes"]), unanswered=unanswered)
            except (ClientError, BotoCoreError) as error:
                match failure_of(error):
                    case Failure.REFUSED:
                        return Refused(page=_page_in(error.response), unanswered=unanswered)  # type: ignore[union-attr]
                    case Failure.BROKEN:
                        raise
                    case Failure.UNANSWERED:
                        unanswered = True
        return Unreachable(unanswered=unanswered)

    def post_record(self, posting: Posting, record: Record, *, tenant_id: str, month: str) -> Posted | Refused | Record:
        update = update_of(posting, None, table=self._table, tenant_id=tenant_id, month=month)
        put = {
            "TableName": self._table,
            "Item": record_item(tenant_id, record),
            "ConditionExpression": "attribute_not_exists(pk)",
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
        try:
            self._call(lambda: self._client.transact_write_items(TransactItems=[{"Update": update}, {"Put": put}]))
        except ClientError as error:
            return _refused_record(error)
        page = self.read_page(tenant_id, month)
        assert page is not None, "a page that took a record is there"
        return Posted(page=page)

    def read_page(self, tenant_id: str, month: str) -> Page | None:
        item = self._get(page_key(tenant_id, month))
        if item is None:
            return None
        page = page_of(item)
        self._watch(page)
        return page

    def open_page(self, settings: TenantSettings, month: str) -> bool:
        put = {
            "TableName": self._table,
            "Item": new_page_item(settings.tenant_id, month, version=settings.version, agents=settings.agents),
            "ConditionExpression": "attribute_not_exists(pk)",
        }
        check = {
            "TableName": self._table,
            "Key": {"pk": {"S": tenant_key(settings.tenant_id)}, "sk": {"S": "ACCOUNT"}},
            "ConditionExpression": "#version = :version",
            "ExpressionAttributeNames": {"#version": "version"},
            "ExpressionAttributeValues": {":version": number(settings.version)},
        }
        try:
            self._call(
                lambda: self._client.transact_write_items(TransactItems=[{"Put": put}, {"ConditionCheck": check}])
            )
            return True
        except ClientError as error:
            if failure_of(error) is not Failure.REFUSED:
                raise
            account_moved = reasons_of(error)[1].get("Code") == "ConditionalCheckFailed"
            return not account_moved

    def read_record(self, tenant_id: str, record_id: str) -> Record | None:
        item = self._get(_record_key(tenant_id, record_id))
        return _record_of(item) if item else None

    def due_pages(self, before: datetime) -> Sequence[tuple[str, str]]:
        found: list[tuple[str, str]] = []
        for shard in range(SHARDS):
            query = {
                "TableName": self._table,
                "IndexName": "due",
                "KeyConditionExpression": "due_shard = :shard AND due <= :before",
                "ExpressionAttributeValues": {":shard": {"S": str(shard)}, ":before": number(int(before.timestamp()))},
            }
            items = self._call(lambda query=query: all_items(self._client.query, **query))  # type: ignore[misc]
            found += [
                (item["pk"]["S"].removeprefix("TENANT#"), item["sk"]["S"].removeprefix("MONTH#")) for item in items
            ]
        return found

    def set_due(self, page: Page, *, keys: Sequence[str], minutes: Sequence[int], due: int | None) -> bool:
        write = Write()
        write.removes += [write.path("closed", key) for key in keys]
        write.removes += [write.path(f"r{minute}") for minute in minutes]
        write.terms.append(f"{write.path('due')} = {write.number(page.due or 0)}")
        if due is None:
            write.removes += [write.path("due"), write.path("due_shard")]
            write.terms.append(f"size({write.path('holds')}) = {write.number(0)}")
            write.terms.append(f"size({write.path('closed')}) = {write.number(len(keys))}")
        else:
            write.sets.append(f"{write.path('due')} = {write.number(due)}")
        return self._update(write.request(self._table, page_key(page.tenant_id, page.month)))

    def drop_days(self, page: Page, days: Sequence[str]) -> bool:
        write = Write()
        for day in days:
            write.removes += [write.path(f"{name}_{day}") for name in ("used", "spent", "tokens_used")]
            write.removes += [
                write.path("agents", label, f"{name}_{day}") for label in page.agents for name in ("used", "spent")
            ]
        # A hold, tombstone or record that came after this page was read may name the day, so any of them makes this wait.
        write.terms.append(f"{write.path('seq')} = {write.number(page.seq)}")
        write.terms.append(f"size({write.path('holds')}) = {write.number(len(page.holds))}")
        write.terms.append(f"size({write.path('closed')}) = {write.number(len(page.closed))}")
        return self._update(write.request(self._table, page_key(page.tenant_id, page.month)))

    def forget_closed(self, tenant_id: str, month: str, keys: Mapping[str, int]) -> bool:
        write = Write()
        for key, until in keys.items():
            write.removes.append(write.path("closed", key))
            write.terms.append(f"{write.path('closed', key, 'u')} = {write.number(until)}")
        return self._update(write.request(self._table, page_key(tenant_id, month)))

    def _update(self, request: dict[str, object]) -> bool:
        try:
            self._call(lambda: self._client.update_item(**{key: value for key, value in request.items() if value}))
            return True
        except ClientError as error:
            if failure_of(error) is not Failure.REFUSED:
                raise
            return False

    def _get(self, key: Item) -> Item | None:
        answer = self._call(lambda: self._client.get_item(TableName=self._table, Key=key, ConsistentRead=True))
        item: Item | None = answer.get("Item")
        return item

    def _call(self, send: Callable[[], Any]) -> Any:
        """For reads, and writes that a repetition cannot double. Raises ClientError for a refusal, else LedgerUnavailable."""
        last: Exception | None = None
        for _ in self._tries(None):
            try:
                return send()
            except (ClientError, BotoCoreError) as error:
                if failure_of(error) in (Failure.REFUSED, Failure.BROKEN):
                    raise
                last = error
        raise LedgerUnavailable(
            "The ledger cannot be reached now, so nothing is spent. Try again in a moment."
        ) from last

    def _tries(self, until: datetime | None) -> Iterator[int]:
        """Three, or as many as `until` allows, each after 10 to 100 ms, and longer as they go on."""
        number_of_try = 0
        while number_of_try < TRIES if until is None else (number_of_try < TRIES or datetime.now(UTC) < until):
            if number_of_try:
                self._sleep(random.uniform(0.01, 0.1) * min(2 ** (number_of_try - 1), 16))  # noqa: S311
            number_of_try += 1
            yield number_of_try


def _page_in(response: Mapping[str, Any]) -> Page | None:
    return page_of(response["Item"]) if response.get("Item") else None


def _record_key(tenant_id: str, record_id: str) -> Item:
    return {"pk": {"S": f"RECORD#{tenant_id}#{record_id}"}, "sk": {"S": "RECORD"}}


def record_item(tenant_id: str, record: Record) -> Item:
    return _record_key(tenant_id, record.record_id) | {
        "content_hash": {"S": record.content_hash},
        "cost_nanousd": number(record.cost_nanousd),
        "hold": {"S": record.hold},
        "ttl": number(record.expires_at),
    }


def _record_of(item: Item) -> Record:
    return Record(
        record_id=item["pk"]["S"].split("#", 2)[2],
        content_hash=item["content_hash"]["S"],
        cost_nanousd=int(item["cost_nanousd"]["N"]),
        hold=item["hold"]["S"],
        expires_at=int(item["ttl"]["N"]),
    )


def _refused_record(error: ClientError) -> Refused | Record:
    """The record that is there decides before everything else."""
    if failure_of(error) is not Failure.REFUSED:
        raise error
    update, put = reasons_of(error)
    if put.get("Code") == "ConditionalCheckFailed":
        return _record_of(put["Item"])
    return Refused(page=page_of(update["Item"]) if update.get("Item") else None)
