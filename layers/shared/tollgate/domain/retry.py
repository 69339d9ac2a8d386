"""When the gate itself asks the upstream once more, inside the same hold: only where nothing was billed for sure."""

from tollgate.domain.breaker import STOP_CODES
from tollgate.domain.outcome import Declined, NotSent, UpstreamResult

TRIES = 3
BACKOFF_S = 0.25
# An agent waits for longer ones by itself: here the function's time would be paid for, and API Gateway gives up after 29 s.
LONGEST_WAIT_S = 5.0
# What a try needs at the least to be worth while.
SHORTEST_TRY_S = 2.0


def wait_before_retry(result: UpstreamResult, *, tried: int, time_left_s: float, jitter: float) -> float | None:
    """Seconds to wait before another try, None for no other. `jitter`: 0 to 1, shortens a wait of our own by up to a quarter."""
    if tried >= TRIES:
        return None
    wait = _wait(result, BACKOFF_S * 2 ** (tried - 1) * (1 - jitter / 4))
    if wait is None or wait > LONGEST_WAIT_S or wait + SHORTEST_TRY_S > time_left_s:
        return None
    return wait


def _wait(result: UpstreamResult, backoff_s: float) -> float | None:
    match result:
        case NotSent(ours=False):
            return backoff_s
        case Declined(status=503):
            return max(backoff_s, asked_wait_s(result) or 0.0)
        case Declined(status=429, code=code) if code not in STOP_CODES:
            return asked_wait_s(result)
        case _:
            return None


def asked_wait_s(declined: Declined) -> float | None:
    """The provider's Retry-After, in seconds; None where it names none, or a date (OpenAI sends none)."""
    headers = {name.lower(): value for name, value in declined.headers.items()}
    for name, unit in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
        try:
            seconds = float(headers[name]) / unit
        except (KeyError, ValueError):
            continue
        if 0 <= seconds < float("inf"):
            return seconds
    return None
