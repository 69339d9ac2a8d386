"""Asks the upstream, and asks again where nothing was billed for sure; never after an outcome that is unclear (LEDGER.md)."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from tollgate.domain.outcome import UpstreamResult
from tollgate.domain.retry import wait_before_retry
from tollgate.ports import Upstream


def ask_with_retries(
    upstream: Upstream,
    body: Mapping[str, Any],
    *,
    until: datetime,
    clock: Callable[[], datetime],
    sleep: Callable[[float], None],
    jitter: Callable[[], float],
) -> UpstreamResult:
    """At most three tries in all; each has what is left of the time until `until`."""
    tried = 0
    while True:
        result = upstream.complete(body, timeout_s=(until - clock()).total_seconds())
        tried += 1
        time_left_s = (until - clock()).total_seconds()
        wait = wait_before_retry(result, tried=tried, time_left_s=time_left_s, jitter=jitter())
        if wait is None:
            return result
        sleep(wait)
