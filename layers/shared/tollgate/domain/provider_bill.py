"""What the provider says that it billed, beside what the spans say, by project and UTC day."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from enum import StrEnum
from typing import Any

from tollgate.domain.drift import Drift, DriftKind, Subject
from tollgate.domain.money import NANO_PER_USD, NanoUsd, ceil_div
from tollgate.domain.usage import Usage

# The provider documents no delay of its figures. Two days after its end a day is taken as it is.
SETTLES_AFTER = timedelta(hours=48)
# So long back a first run looks, and so long a day is asked for again after failures.
LOOKS_BACK = timedelta(days=7)
# A difference up to a cent, or half a per cent, is not told: the provider's figures are floats of dollars.
CENT = NanoUsd(NANO_PER_USD // 100)
PART = 200
EVERYONE = ""
"""Stands for a tenant where the figures are those of all that have no project of their own."""


class Width(StrEnum):
    """Of a bucket of usage."""

    MINUTE = "1m"
    DAY = "1d"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderCost:
    """One line item of one project on one UTC day. `project`: empty where the provider names none."""

    day: date
    project: str
    line_item: str
    cost: NanoUsd


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderUsage:
    """What one bucket says of one project, model and tier. `start`: its first instant; `model`: the dated name, as a rule."""

    start: datetime
    width: Width
    endpoint: str
    project: str
    model: str
    tier: str
    requests: int
    usage: Usage


@dataclass(frozen=True, slots=True, kw_only=True)
class SpanDay:
    """What the spans say of a tenant's calls that closed on a UTC day, whatever was settled late or corrected of them since.

    Only calls that were made with a key of ours: what agents record of their own calls is on no bill of it. `tokens`: of those whose
    usage is known; `straddling_*`: what part of it calls make up that began before the day or the end of which another clock may see
    in the next one; `unsettled`: money of calls of which nobody knows whether they were billed (`unknown`, `lapsed`);
    `unsettled_calls`: those of which nobody knows what they used.
    """

    tenant_id: str
    day: date
    cost: NanoUsd
    calls: int
    tokens: int
    straddling_cost: NanoUsd
    straddling_tokens: int
    unsettled: NanoUsd
    unsettled_calls: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BilledDay:
    """The provider's sums for the same: of a project, or of all."""

    cost: NanoUsd
    requests: int
    tokens: int


def from_dollars(dollars: Decimal) -> NanoUsd:
    """The nearest nano-dollar of a figure that was a float on its way: what it is beyond that is noise. Raises ValueError."""
    if not dollars.is_finite():
        raise ValueError("an amount of money must be a finite number")
    return NanoUsd(int((dollars * NANO_PER_USD).to_integral_value(rounding=ROUND_HALF_EVEN)))


def day_start(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def is_settled(day: date, at: datetime) -> bool:
    """Whether figures that were fetched then are taken for the last word of that day."""
    return at >= day_start(day) + timedelta(days=1) + SETTLES_AFTER


def days_to_fetch(fetched: Mapping[date, datetime], now: datetime) -> list[date]:
    """The days whose figures may still grow, or were never fetched after they had settled; the oldest first.

    `fetched`: day -> when it was last fetched whole.
    """
    today = now.astimezone(UTC).date()
    behind = (today - timedelta(days=count) for count in range(LOOKS_BACK.days, -1, -1))
    return [day for day in behind if day not in fetched or not is_settled(day, fetched[day])]


def tolerance(spans: SpanDay, billed: BilledDay) -> NanoUsd:
    """By how much the two may differ: calls around either midnight, our rounding up of each call, the provider's floats."""
    return NanoUsd(
        spans.straddling_cost + spans.calls + max(CENT, ceil_div(max(abs(billed.cost), abs(spans.cost)), PART))
    )


def compare(spans: SpanDay, billed: BilledDay) -> Sequence[Drift]:
    """What a person must know of one tenant's settled day; nothing where the two agree.

    Money that is booked for calls of which nobody knows the bill is no excuse: it is what corrections are for.
    """
    detail: dict[str, Any] = {
        "calls": spans.calls,
        "requests": billed.requests,
        "span_tokens": spans.tokens,
        "billed_tokens": billed.tokens,
        "unsettled_calls": spans.unsettled_calls,
        "unsettled_nanousd": spans.unsettled,
        "tolerance_nanousd": tolerance(spans, billed),
    }
    found = []
    if abs(spans.cost - billed.cost) > tolerance(spans, billed):
        found.append(_drift(DriftKind.OPENAI_COST, spans, billed, detail))
    if usage_differs(spans, billed):
        found.append(_drift(DriftKind.OPENAI_USAGE, spans, billed, detail))
    return found


def usage_differs(spans: SpanDay, billed: BilledDay) -> bool:
    """Tokens that no span has, where no call is open that may have used them; or spans whose tokens the provider does not know."""
    excess = billed.tokens - spans.tokens
    if excess > spans.straddling_tokens:
        return spans.unsettled_calls == 0
    return -excess > spans.straddling_tokens


def _drift(kind: DriftKind, spans: SpanDay, billed: BilledDay, detail: Mapping[str, Any]) -> Drift:
    tenant_id = None if spans.tenant_id == EVERYONE else spans.tenant_id
    subject = Subject(kind=kind, tenant_id=tenant_id, month=f"{spans.day:%Y-%m}", day=spans.day)
    return Drift(subject=subject, expected=billed.cost, found=spans.cost, detail=detail)
