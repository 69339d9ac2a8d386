"""A request to DynamoDB that may be sent again: a read, or a write whose repetition does nothing."""

import random
from collections.abc import Callable
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from tollgate.adapters.dynamodb_failures import Failure, failure_of
from tollgate.domain.errors import LedgerUnavailable

LONGEST_FIRST_PAUSE_S = 0.1


def tried(
    send: Callable[[], Any], *, tries: int, first_pause_s: float, sleep: Callable[[float], None], away: str
) -> Any:
    """Each pause is twice as long as the one before it; the first is twice `first_pause_s` to 0.1 s. Raises ClientError for a refusal or a
    mistake of ours, else, after so many tries, LedgerUnavailable with the words `away`."""
    last: Exception | None = None
    for number_of_try in range(tries):
        if number_of_try:
            sleep(random.uniform(first_pause_s, LONGEST_FIRST_PAUSE_S) * 2**number_of_try)  # noqa: S311
        try:
            return send()
        except (ClientError, BotoCoreError) as error:
            if failure_of(error) in (Failure.REFUSED, Failure.BROKEN):
                raise
            last = error
    raise LedgerUnavailable(away) from last
