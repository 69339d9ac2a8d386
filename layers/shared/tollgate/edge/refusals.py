"""The entry of a function that refuses calls: counts of refusals are handed over around its requests."""

from collections.abc import Callable
from typing import Any

from tollgate.usecases.count_refusals import RefusalTally

Entry = Callable[[dict[str, Any], Any], dict[str, Any]]


def counting_refusals(handle: Entry, tally: Callable[[], RefusalTally]) -> Entry:
    """What earlier requests left is written beside this one; what this one brings, before it is answered, if it can be had quickly."""

    def counted(event: dict[str, Any], context: Any) -> dict[str, Any]:
        tally().write()
        answer = handle(event, context)
        tally().write()
        tally().wait()
        return answer

    return counted
