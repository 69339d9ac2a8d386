"""DynamoDB's limit of a partition, which ministack does not have: 1,000 write units a second, over all processes.

A write past it is answered with the error that DynamoDB gives, before it is sent; a refused condition takes units like any other.
"""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from botocore.awsrequest import AWSResponse

THROTTLED = json.dumps(
    {
        "__type": "com.amazonaws.dynamodb.v20120810#ThrottlingException",
        "message": "Throughput exceeds the current capacity of your table or index.",
    }
).encode()
HEADERS = {"content-type": "application/x-amz-json-1.0", "content-length": str(len(THROTTLED))}


@dataclass(slots=True)
class PartitionLimit:
    """`full_at`: a shared `Value("d")`, the time at which the bucket would be full again; a second's units fit in it.
    `units`: of one write, as the last answer that this process had showed."""

    full_at: Any
    units_a_second: float
    units: float = 1.0

    def guard(self, client: Any) -> None:
        client.meta.events.register("before-send.dynamodb.UpdateItem", self._admit)
        client.meta.events.register("after-call.dynamodb.UpdateItem", self._learn)

    def _admit(self, request: Any, **_: Any) -> AWSResponse | None:
        now = time.monotonic()
        with self.full_at.get_lock():
            full_at = max(self.full_at.value, now) + self.units / self.units_a_second
            if full_at > now + 1:
                return AWSResponse(request.url, 400, HEADERS, _Answered())
            self.full_at.value = full_at
        return None

    def _learn(self, parsed: Any, **_: Any) -> None:
        self.units = parsed.get("ConsumedCapacity", {}).get("CapacityUnits", self.units)


class _Answered:
    def stream(self) -> Iterator[bytes]:
        yield THROTTLED
