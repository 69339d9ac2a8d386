"""DynamoDB by its JSON alone, under the names of the operations that Tollgate calls: what stands in a function for boto3's client."""

from typing import Any

from tollgate.adapters.aws_json import AwsJson, is_enough
from tollgate.adapters.dynamodb_failures import CONNECT_TIMEOUT_S, READ_TIMEOUT_S


class DynamoDbWire:
    """One attempt for each call, as `CONFIG` has it. Values are DynamoDB's own, `{"S": ...}`, as the low-level client takes them."""

    def __init__(self, service: AwsJson) -> None:
        self._ask = service.ask
        self.close = service.close

    def update_item(self, **request: Any) -> dict[str, Any]:
        return self._ask("UpdateItem", request)

    def get_item(self, **request: Any) -> dict[str, Any]:
        return self._ask("GetItem", request)

    def put_item(self, **request: Any) -> dict[str, Any]:
        return self._ask("PutItem", request)

    def delete_item(self, **request: Any) -> dict[str, Any]:
        return self._ask("DeleteItem", request)

    def query(self, **request: Any) -> dict[str, Any]:
        return self._ask("Query", request)

    def scan(self, **request: Any) -> dict[str, Any]:
        return self._ask("Scan", request)

    def transact_write_items(self, **request: Any) -> dict[str, Any]:
        return self._ask("TransactWriteItems", request)


def new_dynamodb() -> Any:
    """What this environment needs: boto3's client where it asks for what only that knows."""
    if is_enough():
        return new_wire()
    from tollgate.adapters.dynamodb_client import new_client

    return new_client()


def new_wire(url: str | None = None, *, read_timeout_s: float = READ_TIMEOUT_S) -> DynamoDbWire:
    service = AwsJson(
        "dynamodb",
        target="DynamoDB_20120810",
        version="1.0",
        connect_timeout_s=CONNECT_TIMEOUT_S,
        read_timeout_s=read_timeout_s,
        url=url,
    )
    return DynamoDbWire(service)
