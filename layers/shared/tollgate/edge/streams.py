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
