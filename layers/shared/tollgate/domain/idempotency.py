"""A call that its client may send again: what is kept of the first one, and what a repetition gets."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from tollgate.domain.errors import IdempotencyConflict, IdempotencyInProgress, RequestInvalid

KEY_CHARACTERS_MAX = 64
# Most calls end within a few times this; OpenAI's SDKs wait for so long and ask again by themselves, twice.
IN_PROGRESS_RETRY = timedelta(seconds=3)


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """A call with a key. `token` is its own. From `until` on its function is dead for sure; from `expires_at` on the key is forgotten."""

    tenant_id: str
    key: str
    fingerprint: str
    token: str
    until: datetime
    expires_at: datetime

    def __post_init__(self) -> None:
        if not (0 < len(self.key) <= KEY_CHARACTERS_MAX and self.key.isascii() and self.key.isprintable()):
            raise RequestInvalid(
                f"Idempotency-Key has 1 to {KEY_CHARACTERS_MAX} printable ASCII characters.", param="Idempotency-Key"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptAnswer:
    """The HTTP answer of the first call. `body`: None where its text was not kept."""

    status: int
    content_type: str
    headers: Mapping[str, str]
    body: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptCall:
    """`answer`: None while the attempt runs."""

    attempt: Attempt
    answer: KeptAnswer | None = None


def fingerprint_of_request(path: str, body: Any) -> str:
    """The same for the same JSON, however its fields are ordered."""
    return hashlib.sha256(json.dumps([path, body], sort_keys=True).encode()).hexdigest()


def bars(kept: KeptCall, now: datetime) -> bool:
    """Whether the key is taken: a function that died leaves it taken until its own time is over."""
    if now >= kept.attempt.expires_at:
        return False
    return kept.answer is not None or now <= kept.attempt.until


def replay_of(kept: KeptCall, again: Attempt, now: datetime) -> KeptAnswer:
    """What a repetition gets. Raises IdempotencyConflict, IdempotencyInProgress."""
    if kept.attempt.fingerprint != again.fingerprint:
        raise IdempotencyConflict(
            "This Idempotency-Key came before with another request. A new request needs a key of its own."
        )
    if kept.answer is None:
        raise IdempotencyInProgress(
            "The first request with this Idempotency-Key still runs. Send it again later for its answer.",
            retry_at=now + IN_PROGRESS_RETRY,
        )
    return kept.answer
