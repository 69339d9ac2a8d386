"""A span: what one posting leaves behind for Postgres, carried inside the page that it moved.

The ledger's stream is the outbox, so a span is one string on the page: compact JSON of at most 1 KB, without NUL.
Its place in the books, `(tenant, month, epoch, seq)`, is the page's own and is added by whoever reads the stream.
"""

import json
from dataclasses import dataclass, fields
from datetime import datetime
from enum import StrEnum

from tollgate.domain.money import ZERO, NanoUsd

BYTES_MAX = 1024
LABEL_BYTES_MAX = 64


class Outcome(StrEnum):
    """How a hold, or money without one, ended. LEDGER.md, "How the outcome of the upstream call settles"."""

    OK = "ok"
    REJECTED = "rejected"
    FAILED = "failed"
    UNKNOWN = "unknown"
    LAPSED = "lapsed"
    EXPIRED = "expired"
    VOIDED = "voided"
    CANCELLED = "cancelled"
    RECORDED = "recorded"
    CORRECTED = "corrected"
    UNEXPLAINED = "unexplained"


@dataclass(frozen=True, slots=True, kw_only=True)
class Attribution:
    """Whose work a call was: free labels of at most 64 bytes each, from `metadata` or `x-tollgate-*` headers."""

    agent: str | None = None
    run_id: str | None = None
    job_id: str | None = None
    booking_id: str | None = None
    call_id: str | None = None

    def __post_init__(self) -> None:
        for field in fields(self):
            check_label(field.name, getattr(self, field.name))


def check_label(name: str, label: str | None) -> None:
    """Raises ValueError for a label that is empty, longer than 64 bytes, or holds control characters."""
    if label is None:
        return
    try:
        size = _size_in_json(label)
    except UnicodeEncodeError as error:
        raise ValueError(f"{name} must be valid unicode") from error
    if not 0 < size <= LABEL_BYTES_MAX:
        raise ValueError(f"{name} must have 1 to {LABEL_BYTES_MAX} bytes, of which a quote or backslash takes two")
    if not label.isprintable():
        raise ValueError(f"{name} must not hold control characters")


def clipped(words: object, bytes_max: int = LABEL_BYTES_MAX) -> str | None:
    """As much as fits a span of what somebody else named: a span that does not fit could never be posted."""
    if words is None:
        return None
    kept = "".join(letter for letter in str(words)[:bytes_max] if letter.isprintable())
    while _size_in_json(kept) > bytes_max:
        kept = kept[:-1]
    return kept or None


def _size_in_json(text: str) -> int:
    """Bytes between the quotes: one that is escaped takes two."""
    return len(json.dumps(text, ensure_ascii=False).encode()) - 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """One posting, as the books keep it. The sum of `cost_nanousd` over a page's spans is that page's `spent`.

    `cost_nanousd`: by how much `spent` moved (negative where a posting takes money back); `held_nanousd`: what the closed hold held;
    `saved_nanousd`: what the requested model would have cost more for the same tokens; `at`: when it was posted (UTC);
    `opened_at`: when the hold was opened, where somebody other than its holder closed it; `would_have`: what enforcing would have done to
    a call that was only observed, such as `refuse:daily_budget` or `downgrade:soft_cap`; `reason`: why a correction was posted.
    """

    posting: str
    hold: str
    at: datetime
    day: str
    outcome: Outcome
    cost_nanousd: NanoUsd
    held_nanousd: NanoUsd = ZERO
    saved_nanousd: NanoUsd = ZERO
    model: str | None = None
    requested_model: str | None = None
    downgrade_reason: str | None = None
    service_tier: str | None = None
    uncached: int = 0
    cached: int = 0
    written: int = 0
    output: int = 0
    reasoning: int = 0
    latency_ms: int | None = None
    upstream_ms: int | None = None
    agent: str | None = None
    run_id: str | None = None
    job_id: str | None = None
    booking_id: str | None = None
    call_id: str | None = None
    request_id: str | None = None
    upstream_id: str | None = None
    error_code: str | None = None
    opened_at: datetime | None = None
    would_have: str | None = None
    reason: str | None = None


# One or two letters each, so that a span with every field fits its kilobyte on a page that is billed by size.
KEYS = {
    "posting": "p",
    "hold": "h",
    "at": "t",
    "day": "d",
    "outcome": "o",
    "cost_nanousd": "c",
    "held_nanousd": "hd",
    "saved_nanousd": "sv",
    "model": "m",
    "requested_model": "rm",
    "downgrade_reason": "dr",
    "service_tier": "st",
    "uncached": "iu",
    "cached": "ic",
    "written": "iw",
    "output": "ot",
    "reasoning": "re",
    "latency_ms": "l",
    "upstream_ms": "lu",
    "agent": "a",
    "run_id": "r",
    "job_id": "j",
    "booking_id": "b",
    "call_id": "k",
    "request_id": "q",
    "upstream_id": "u",
    "error_code": "e",
    "opened_at": "ta",
    "would_have": "w",
    "reason": "n",
}
NAMES = {key: name for name, key in KEYS.items()}


def to_text(span: Span) -> str:
    """Compact JSON; what is absent or zero is left out. Raises ValueError past 1 KB (every field is bounded where it is made)."""
    values = {KEYS[field.name]: getattr(span, field.name) for field in fields(span)}
    values["t"] = span.at.isoformat(timespec="milliseconds")
    if span.opened_at is not None:
        values["ta"] = span.opened_at.isoformat(timespec="seconds")
    text = json.dumps(
        {key: value for key, value in values.items() if value not in (None, 0)},
        ensure_ascii=False,
        separators=(",", ":"),
    )
    if len(text.encode()) > BYTES_MAX:
        raise ValueError(f"a span has at most {BYTES_MAX} bytes")
    return text


def from_text(text: str) -> Span:
    """The inverse of `to_text`. Raises ValueError for anything that is not a span."""
    try:
        values = {NAMES[key]: value for key, value in json.loads(text).items() if key in NAMES}
        values["at"] = datetime.fromisoformat(values["at"])
        if "opened_at" in values:
            values["opened_at"] = datetime.fromisoformat(values["opened_at"])
        values["outcome"] = Outcome(values["outcome"])
        values.setdefault("cost_nanousd", 0)
        return Span(**values)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"not a span: {error}") from error
