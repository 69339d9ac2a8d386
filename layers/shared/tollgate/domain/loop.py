"""Runaway loops: an agent that sends the same request over and over, or fails over and over."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from tollgate.domain.breaker import Breaker, Kind, State, Subject
from tollgate.domain.outcome import Answered, Declined, NotSent, Unclear, UpstreamResult

# What may differ between two requests that ask the same. A changed `seed` or `temperature` is another sample, and asked for on purpose.
VOLATILE = frozenset(
    {"metadata", "user", "safety_identifier", "prompt_cache_key", "stream", "stream_options", "store", "service_tier"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopRules:
    """`repeats` of one request within `window`, or `failures` in a row, stop an agent for `shortest`; twice as long each time that it
    goes on after that, `longest` at the most. 0 switches either off."""

    repeats: int = 20
    failures: int = 20
    window: timedelta = timedelta(seconds=60)
    shortest: timedelta = timedelta(seconds=60)
    longest: timedelta = timedelta(minutes=15)


def fingerprint_of(body: Mapping[str, Any]) -> str | None:
    """What makes two requests the same; None for what has no messages: to embed a text again is an indexer's way of life, and cheap."""
    if "messages" not in body:
        return None
    kept = {name: value for name, value in body.items() if name not in VOLATILE}
    return hashlib.sha256(json.dumps(kept, default=str).encode()).hexdigest()[:16]


def agent_failed(result: UpstreamResult) -> bool | None:
    """Whether a call counts as a failure of its agent's: refused by the provider for what it asks, or cut off for asking too much.
    None where it says nothing of the agent: the provider's own trouble, rate limits."""
    match result:
        case Declined(status=status):
            return True if status < 500 and status != 429 else None
        case Unclear():
            return True
        case NotSent():
            return None
        case Answered():
            return False


def tripped(earlier: Breaker | None, subject: Subject, *, reason: str, now: datetime, rules: LoopRules) -> Breaker:
    """The breaker that stops a loop. `reason` says what was seen, for people."""
    assert subject.kind is Kind.LOOP
    before = earlier or Breaker(subject=subject)
    goes_on = before.retry_at is not None and now - before.retry_at <= rules.longest
    openings = before.openings + 1 if goes_on else 1
    lasts = min(rules.longest, rules.shortest * 2 ** min(openings - 1, 16))
    return replace(
        before,
        version=before.version + 1,
        state=State.OPEN,
        openings=openings,
        opened_at=now,
        retry_at=now + lasts,
        reason=reason,
    )
