"""The tenants' settings in DynamoDB. A change sets the account and the pages of three months in one transaction."""

import time
from collections.abc import Callable, Sequence
from typing import Any

from botocore.exceptions import ClientError

from tollgate.adapters.dynamodb_failures import Failure, failure_of
from tollgate.adapters.dynamodb_tries import tried
from tollgate.adapters.page_item import Item, new_agent_value, number, page_key, tenant_key
from tollgate.domain.settings_text import settings_from_text, settings_to_text
from tollgate.domain.tenant import TenantSettings

TRIES = 4
AWAY = "The ledger cannot be reached now. Try again in a moment."


class DynamoDbAccounts:
    def __init__(self, client: Any, table: str, *, sleep: Callable[[float], None] = time.sleep) -> None:
        self._client = client
        self._table = table
        self._sleep = sleep

    def read(self, tenant_id: str) -> TenantSettings | None:
        item = self._call(lambda: self._get(_account_key(tenant_id), ["settings"]))
        return settings_from_text(item["settings"]["S"]) if item else None

    def create(self, settings: TenantSettings, months: Sequence[str]) -> bool:
        put = {
            "TableName": self._table,
            "Item": account_item(settings),
            "ConditionExpression": "attribute_not_exists(pk)",
        }
        # No page can be there before its account, but a tenant that was removed by hand may have left some.
        return self._write(settings, [{"Put": put}], months)

    def change(self, settings: TenantSettings, months: Sequence[str]) -> bool:
        put = {
            "TableName": self._table,
            "Item": account_item(settings),
            "ConditionExpression": "#version = :before",
            "ExpressionAttributeNames": {"#version": "version"},
            "ExpressionAttributeValues": {":before": number(settings.version - 1)},
        }
        return self._write(settings, [{"Put": put}], months)

    def _write(self, settings: TenantSettings, writes: list[dict[str, Any]], months: Sequence[str]) -> bool:
        pages = [self._page_write(settings, month) for month in months]
        try:
            self._call(lambda: self._client.transact_write_items(TransactItems=writes + pages))
            return True
        except ClientError as error:
            if failure_of(error) is not Failure.REFUSED:
                raise
            # A try whose answer was lost refuses its own repetition: then the account says what was wanted.
            return self.read(settings.tenant_id) == settings

    def _page_write(self, settings: TenantSettings, month: str) -> dict[str, Any]:
        """Sets a page that is there to the new version, with an entry for each agent that has a budget; else checks that it is absent."""
        key = page_key(settings.tenant_id, month)
        item = self._call(lambda: self._get(key, ["agents"]))
        if item is None:
            return {
                "ConditionCheck": {
                    "TableName": self._table,
                    "Key": key,
                    "ConditionExpression": "attribute_not_exists(pk)",
                }
            }
        fresh = [label for label in settings.agents if label not in item["agents"]["M"]]
        names = {"#version": "version"} | ({"#agents": "agents"} if fresh else {})
        sets, terms = ["#version = :version"], ["attribute_exists(pk)"]
        values: Item = {":version": number(settings.version)}
        for index, label in enumerate(fresh):
            names[f"#a{index}"] = label
            values[":entry"] = new_agent_value()
            sets.append(f"#agents.#a{index} = if_not_exists(#agents.#a{index}, :entry)")
        return {
            "Update": {
                "TableName": self._table,
                "Key": key,
                "UpdateExpression": f"SET {', '.join(sets)}",
                "ConditionExpression": " AND ".join(terms),
                "ExpressionAttributeNames": names,
                "ExpressionAttributeValues": values,
            }
        }

    def _get(self, key: Item, names: list[str]) -> Item | None:
        answer = self._client.get_item(
            TableName=self._table,
            Key=key,
            ConsistentRead=True,
            ProjectionExpression=", ".join(f"#n{index}" for index in range(len(names))),
            ExpressionAttributeNames={f"#n{index}": name for index, name in enumerate(names)},
        )
        item: Item | None = answer.get("Item")
        return item

    def _call(self, send: Callable[[], Any]) -> Any:
        return tried(send, tries=TRIES, first_pause_s=0.01, sleep=self._sleep, away=AWAY)


def _account_key(tenant_id: str) -> Item:
    return {"pk": {"S": tenant_key(tenant_id)}, "sk": {"S": "ACCOUNT"}}


def account_item(settings: TenantSettings) -> Item:
    return _account_key(settings.tenant_id) | {
        "version": number(settings.version),
        "settings": {"S": settings_to_text(settings)},
    }
