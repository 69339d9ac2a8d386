"""The entry of a function that reads a stream."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tollgate.edge.schedules import scheduled

Record = Mapping[str, Any]


def streamed(work: Callable[[Sequence[Record]], None]) -> Callable[[dict[str, Any], Any], dict[str, Any]]:
    """The Lambda entry of work on a batch: done as a whole or, where the work raises, delivered again as a whole."""

    def handle(event: Mapping[str, Any]) -> Mapping[str, Any]:
        work(event["Records"])
        return {"batchItemFailures": []}

    return scheduled(handle)


def streamed_in_part(
    work: Callable[[Sequence[Record]], Sequence[Record]],
) -> Callable[[dict[str, Any], Any], dict[str, Any]]:
    """The Lambda entry of work that returns the records which must come again. A stream comes again from the earliest of them on."""

    def handle(event: Mapping[str, Any]) -> Mapping[str, Any]:
        failed = work(event["Records"])
        return {"batchItemFailures": [{"itemIdentifier": record["dynamodb"]["SequenceNumber"]} for record in failed]}

    return scheduled(handle)
