"""Faults that a gate can be given, so that the race can show that it would find them."""

from collections.abc import Collection
from typing import Any

from tests.soak.race.watched_ledger import WatchedLedger
from tollgate.domain.posting import Posting, refusal_of
from tollgate.domain.tenant import TenantSettings
from tollgate.ports import Refused

PLACEHOLDERS = ("ExpressionAttributeNames", "ExpressionAttributeValues")


class Forgetful:
    """A client whose updates lose the terms that name one of `attributes`, after they were rendered."""

    def __init__(self, client: Any, attributes: Collection[str]) -> None:
        self._client = client
        self._attributes = attributes

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def update_item(self, **request: Any) -> Any:
        names = request["ExpressionAttributeNames"]
        gone = {placeholder for placeholder, name in names.items() if name[:5] in self._attributes}
        terms = request["ConditionExpression"].split(" AND ")
        condition = " AND ".join(term for term in terms if not gone & _placeholders(term))
        # What stands in no expression any more is an error of its own.
        used = _placeholders(f"{request['UpdateExpression']} {condition}")
        for placeholders in PLACEHOLDERS:
            request[placeholders] = {name: value for name, value in request[placeholders].items() if name in used}
        return self._client.update_item(**request | {"ConditionExpression": condition})


def _placeholders(expression: str) -> set[str]:
    return set("".join(letter if letter.isalnum() or letter in "#:" else " " for letter in expression).split())


class ReadsFirst(WatchedLedger):
    """Decides a hold by a page that it read a moment before, as peers do, and writes it without the terms of money."""

    def _before_hold(self, posting: Posting, settings: TenantSettings, tenant_id: str, month: str) -> Refused | None:
        page = self.read_page(tenant_id, month)
        return Refused(page=page) if refusal_of(page, settings, posting) is not None else None


MONEY = ("used", "used_")
# Name -> the ledger that has the fault, and the first five letters of the attributes whose terms its writes lose.
PLANTED: dict[str, tuple[type[WatchedLedger], Collection[str]]] = {
    "no money": (WatchedLedger, MONEY),
    "no version": (WatchedLedger, ("versi",)),
    "reads first": (ReadsFirst, MONEY),
}
