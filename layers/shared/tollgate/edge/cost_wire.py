"""Budgets, checks, records and keys as JSON: what clients send, and what they get (API.md)."""

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AwareDatetime, Field

from tollgate.domain.caller import Role
from tollgate.domain.errors import RequestInvalid
from tollgate.domain.money import NanoUsd, from_usd, usd_number
from tollgate.domain.page import Page, Use
from tollgate.domain.span import Attribution, Outcome
from tollgate.domain.tenant import OPENAI_PROJECT, TENANT_ID, AgentLimits, FitOrder, Mode, Raise, TenantSettings
from tollgate.domain.window import Window, month_end, window_at
from tollgate.edge.http import Body
from tollgate.edge.problems import refusal_facts
from tollgate.ports import KeyEntry
from tollgate.usecases.raise_limits import RaiseWanted, live_raises

# Each route needs one of these.
if TYPE_CHECKING:
    from tollgate.usecases.check_cost import Verdict
    from tollgate.usecases.record_cost import Recorded
    from tollgate.usecases.show_holds import ClosedHold, OpenHold

Usd = Annotated[Decimal, Field(ge=0, le=100_000_000)]
Tokens = Annotated[int, Field(ge=0, le=10**15)]
TenantId = Annotated[str, Field(pattern=TENANT_ID)]


class AgentBudget(Body):
    daily_budget_usd: Usd | None = None
    monthly_budget_usd: Usd | None = None


class BudgetChange(Body):
    """Every field is optional; one that is not sent keeps its value, and null lifts a limit that may be lifted."""

    daily_budget_usd: Usd | None = None
    monthly_budget_usd: Usd | None = None
    soft_cap: Annotated[Decimal, Field(ge=0, le=1)] | None = None
    timezone: str | None = None
    daily_token_budget: Tokens | None = None
    monthly_token_budget: Tokens | None = None
    requests_per_minute: Annotated[int, Field(ge=0)] | None = None
    max_in_flight: Annotated[int, Field(ge=1)] | None = None
    default_output_tokens: Annotated[int, Field(ge=1)] | None = None
    max_output_tokens: Annotated[int, Field(ge=1)] | None = None
    min_output_tokens: Annotated[int, Field(ge=1)] | None = None
    cheaper_model: Annotated[str, Field(max_length=128)] | None = None
    downgrade_chains: dict[str, list[Annotated[str, Field(max_length=128)]]] | None = None
    fit_order: FitOrder | None = None
    allowed_models: Annotated[list[str], Field(max_length=100)] | None = None
    mode: Mode | None = None
    suspended: bool | None = None
    agents: dict[str, AgentBudget] | None = None
    openai_project: Annotated[str, Field(pattern=OPENAI_PROJECT)] | None = None


_NAMES = {
    "daily_budget_usd": "daily_limit",
    "monthly_budget_usd": "monthly_limit",
    "daily_token_budget": "daily_token_limit",
    "monthly_token_budget": "monthly_token_limit",
    "max_in_flight": "in_flight_max",
    "max_output_tokens": "output_tokens_max",
    "min_output_tokens": "output_tokens_min",
}
_MAY_BE_NULL = {
    "daily_token_budget", "monthly_token_budget", "min_output_tokens", "cheaper_model", "allowed_models", "openai_project",
}  # fmt: skip


def changed_values(change: BudgetChange) -> dict[str, Any]:
    """The fields of TenantSettings that a change names. Raises RequestInvalid for a null where a value must stand."""
    values: dict[str, Any] = {}
    for name in change.model_fields_set - {"timezone"}:
        value = getattr(change, name)
        if value is None and name not in _MAY_BE_NULL:
            raise RequestInvalid(f"{name} cannot be null: leave it out to keep its value.", param=name)
        values[_NAMES.get(name, name)] = _value(name, value)
    return values


def _value(name: str, value: Any) -> Any:
    match name:
        case "daily_budget_usd" | "monthly_budget_usd":
            return from_usd(value)
        case "allowed_models":
            return tuple(value) if value is not None else None
        case "downgrade_chains":
            return {model: tuple(chain) for model, chain in value.items()}
        case "agents":
            return {label: _agent_limits(label, budget) for label, budget in value.items()}
        case _:
            return value


def _agent_limits(label: str, budget: AgentBudget) -> AgentLimits:
    try:
        return AgentLimits(daily=_nano(budget.daily_budget_usd), monthly=_nano(budget.monthly_budget_usd))
    except ValueError as error:
        raise RequestInvalid(f"agents.{label[:64]}: {error}.", param="agents") from error


def _nano(usd: Decimal | None) -> NanoUsd | None:
    return None if usd is None else from_usd(usd)


class RaiseAsked(Body):
    """The body of POST raises."""

    daily_usd: Annotated[Decimal, Field(gt=0, le=100_000_000)] | None = None
    monthly_usd: Annotated[Decimal, Field(gt=0, le=100_000_000)] | None = None
    until: AwareDatetime
    reason: Annotated[str, Field(min_length=1, max_length=200)]


def raise_wanted(asked: RaiseAsked) -> RaiseWanted:
    return RaiseWanted(
        daily=_nano(asked.daily_usd), monthly=_nano(asked.monthly_usd), until=asked.until, reason=asked.reason
    )


# ---- what clients see of a budget -------------------------------------------------------------------------------------------


def budget_view(settings: TenantSettings, page: Page | None, now: datetime) -> dict[str, Any]:
    """The body of GET budget. A month in which nothing was booked has no page, and shows zeros."""
    window = window_at(now, settings.zones)
    page = page if page is not None and page.month == window.month else _empty_page(settings, window)
    daily, monthly = window_views(settings, page, window, now)
    return {
        "tenantId": settings.tenant_id,
        "version": settings.version,
        "state": state_of(settings, page, window, now),
        "mode": settings.mode.value,
        "softCap": float(settings.soft_cap),
        "inFlight": len(page.holds),
        "daily": daily,
        "monthly": monthly,
        "tokens": _tokens_view(settings, page, window),
        "agents": {label: _agent_budget_view(limits, page, label, window) for label, limits in settings.agents.items()},
        "raises": [raise_view(entry) for entry in live_raises(settings, now)],
        "settings": settings_view(settings, window),
    }


def past_view(settings: TenantSettings, page: Page) -> dict[str, Any]:
    """The body of GET budget for a month that is over: what was spent. What the limits were then, no page says."""
    closing = {"resetsAt": rfc3339(month_end(page.month, settings.zones))}
    unknown = {"limitUsd": None, "remainingUsd": None, "utilization": None}
    return {
        "tenantId": settings.tenant_id,
        "version": settings.version,
        "state": "closed",
        "mode": settings.mode.value,
        "softCap": float(settings.soft_cap),
        "inFlight": len(page.holds),
        "daily": None,
        "monthly": {"window": page.month} | _use_view(page.use) | unknown | closing,
        "tokens": {"daily": None, "monthly": {"limit": None, "used": page.use.tokens}},
        "agents": {label: {"monthly": _use_view(agent.month)} for label, agent in sorted(page.agents.items())},
        "raises": [],
        "settings": settings_view(settings, window_at(month_end(page.month, settings.zones), settings.zones)),
    }


def _agent_budget_view(limits: AgentLimits, page: Page, label: str, window: Window) -> dict[str, Any]:
    use = page.agent(label)
    today = use.days.get(window.day, Use())
    return {
        name: {"window": where, "limitUsd": usd_number(limit) if limit is not None else None} | _use_view(spent)
        for name, where, limit, spent in (
            ("daily", window.date, limits.daily, today),
            ("monthly", window.month, limits.monthly, use.month),
        )
    }


def _use_view(use: Use) -> dict[str, Any]:
    return {"spentUsd": usd_number(use.spent), "heldUsd": usd_number(use.held)}


def window_views(
    settings: TenantSettings, page: Page, window: Window, now: datetime
) -> tuple[dict[str, Any], dict[str, Any]]:
    """(day, month) in figures."""
    today, month = page.day(window.day), page.use
    return (
        _money_view(window.date, settings.limit_of(window.date, now), today.spent, today.held, window.day_ends_at),
        _money_view(window.month, settings.limit_of(window.month, now), month.spent, month.held, window.month_ends_at),
    )


def _money_view(name: str, limit: int, spent: int, held: int, resets_at: datetime) -> dict[str, Any]:
    return {
        "window": name,
        "limitUsd": usd_number(limit),
        "spentUsd": usd_number(spent),
        "heldUsd": usd_number(held),
        "remainingUsd": usd_number(limit - spent - held),
        "utilization": round(spent / limit, 6) if limit else (1.0 if spent else 0.0),
        "resetsAt": rfc3339(resets_at),
    }


def state_of(settings: TenantSettings, page: Page, window: Window, now: datetime) -> str:
    """`exhausted` where nothing at all is left to hold; `soft` where settled money has reached the soft cap."""
    if settings.suspended:
        return "suspended"
    pairs = [
        (settings.limit_of(window.date, now), page.day(window.day)),
        (settings.limit_of(window.month, now), page.use),
    ]
    if any(use.used >= limit for limit, use in pairs):
        return "exhausted"
    return "soft" if any(use.spent >= settings.soft_amount(limit) for limit, use in pairs) else "ok"


def _tokens_view(settings: TenantSettings, page: Page, window: Window) -> dict[str, Any] | None:
    if settings.daily_token_limit is None and settings.monthly_token_limit is None:
        return None
    return {
        "daily": {"limit": settings.daily_token_limit, "used": page.day(window.day).tokens},
        "monthly": {"limit": settings.monthly_token_limit, "used": page.use.tokens},
    }


def hold_view(entry: "OpenHold", now: datetime) -> dict[str, Any]:
    hold = entry.hold
    return {
        "id": str(entry.hold_id),
        "kind": hold.kind.value,
        "amountUsd": usd_number(hold.amount),
        "tokens": hold.tokens,
        "agent": hold.agent,
        "model": hold.model,
        "openedAt": rfc3339(datetime.fromtimestamp(hold.opened_at, UTC)),
        "ageSeconds": max(0, int(now.timestamp()) - hold.opened_at),
        "expiresAt": rfc3339(datetime.fromtimestamp(hold.expires_at, UTC)),
    }


def closed_view(closed: "ClosedHold") -> dict[str, Any]:
    return {
        "id": str(closed.hold_id),
        "kind": closed.hold.kind.value,
        "outcome": closed.outcome.value,
        "amountUsd": usd_number(closed.hold.amount),
        "bookedUsd": usd_number(closed.booked),
    }


def raise_view(entry: Raise) -> dict[str, Any]:
    return {
        "id": entry.raise_id,
        "window": entry.window,
        "amountUsd": usd_number(entry.amount),
        "until": rfc3339(entry.until),
        "reason": entry.reason,
    }


def settings_view(settings: TenantSettings, window: Window) -> dict[str, Any]:
    """The fields of PUT budget."""
    return {
        "dailyBudgetUsd": usd_number(settings.daily_limit),
        "monthlyBudgetUsd": usd_number(settings.monthly_limit),
        "softCap": float(settings.soft_cap),
        "timezone": settings.zones[-1].zone,
        "dailyTokenBudget": settings.daily_token_limit,
        "monthlyTokenBudget": settings.monthly_token_limit,
        "requestsPerMinute": settings.requests_per_minute,
        "maxInFlight": settings.in_flight_max,
        "defaultOutputTokens": settings.default_output_tokens,
        "maxOutputTokens": settings.output_tokens_max,
        "minOutputTokens": settings.output_tokens_min,
        "cheaperModel": settings.cheaper_model,
        "downgradeChains": {model: list(chain) for model, chain in settings.downgrade_chains.items()},
        "fitOrder": settings.fit_order.value,
        "allowedModels": list(settings.allowed_models) if settings.allowed_models is not None else None,
        "mode": settings.mode.value,
        "suspended": settings.suspended,
        "agents": {label: _agent_view(limits) for label, limits in settings.agents.items()},
        "openaiProject": settings.openai_project,
        "effectiveTimezone": settings.zone_at(window.month),
    }


def _agent_view(limits: AgentLimits) -> dict[str, Any]:
    named = {"dailyBudgetUsd": limits.daily, "monthlyBudgetUsd": limits.monthly}
    return {name: usd_number(limit) for name, limit in named.items() if limit is not None}


def _empty_page(settings: TenantSettings, window: Window) -> Page:
    return Page(tenant_id=settings.tenant_id, month=window.month, version=settings.version)


def rfc3339(at: datetime) -> str:
    return at.isoformat(timespec="seconds").replace("+00:00", "Z")


# ---- check and record -------------------------------------------------------------------------------------------------------


class Labels(Body):
    agent: str | None = None
    run_id: str | None = None
    job_id: str | None = None
    booking_id: str | None = None
    call_id: str | None = None


class CheckAsked(Body):
    """Either `messages` and what goes with them, or `inputTokens` that the agent counted itself."""

    tenant_id: TenantId | None = None
    model: Annotated[str, Field(min_length=1, max_length=128)]
    messages: list[dict[str, Any]] | None = None
    tools: list[dict[str, Any]] | None = None
    response_format: dict[str, Any] | None = None
    n: Annotated[int, Field(ge=1)] | None = None
    input_tokens: Annotated[int, Field(ge=0, le=10**7)] | None = None
    max_output_tokens: Annotated[int, Field(ge=1, le=10**7)] | None = None
    hold: bool = False
    hold_seconds: Annotated[int, Field(ge=1, le=3600)] = 300
    metadata: Labels = Labels()


def hold_time(asked: CheckAsked) -> timedelta | None:
    return timedelta(seconds=asked.hold_seconds) if asked.hold else None


class RecordAsked(Body):
    tenant_id: TenantId | None = None
    hold_id: str | None = None
    record_id: Annotated[str, Field(pattern=r"^[A-Za-z0-9._:-]{1,64}$")] | None = None
    model: Annotated[str, Field(min_length=1, max_length=128)] | None = None
    usage: dict[str, Any] | None = None
    cost_usd: Usd | None = None
    occurred_at: datetime | None = None
    outcome: Literal["ok", "failed", "recorded"] | None = None
    metadata: Labels = Labels()


def outcome_of(asked: RecordAsked) -> Outcome:
    return Outcome(asked.outcome or "recorded")


def content_hash(asked: RecordAsked) -> str:
    """Of all that was said, so that the same id with other content is told apart."""
    said = asked.model_dump(mode="json", exclude={"tenant_id"}, exclude_none=True)
    return hashlib.sha256(json.dumps(said, sort_keys=True, default=str).encode()).hexdigest()


def attribution_of(labels: Labels, headers: Mapping[str, str]) -> Attribution:
    """Labels of the body, else of the `x-tollgate-*` headers. Raises RequestInvalid."""
    lower = {name.lower(): value for name, value in headers.items()}
    named = {
        name: getattr(labels, name) or lower.get(f"x-tollgate-{name.replace('_', '-')}") for name in Labels.model_fields
    }
    try:
        return Attribution(**{name: value or None for name, value in named.items()})
    except ValueError as error:
        raise RequestInvalid(f"{error}.", param="metadata") from error


def verdict_view(verdict: "Verdict", requested_model: str, now: datetime) -> dict[str, Any]:
    """The body of a check's answer."""
    offer, taken = verdict.offer, verdict.taken
    view: dict[str, Any] = {
        "decision": verdict.decision,
        "requestedModel": requested_model,
        "model": offer.price.model,
        "inputTokens": verdict.counted.input,
        "maxOutputTokens": offer.bound.output,
        "estimatedCostUsd": usd_number(verdict.estimated_cost),
        "worstCaseCostUsd": usd_number(offer.amount),
    }
    if offer.fit_reason is not None:
        view["fitReason"] = offer.fit_reason
    if offer.downgrade_reason is not None:
        view["reason"] = offer.downgrade_reason
    if verdict.refusal is not None:
        view |= refusal_facts(verdict.refusal)
        view["message"] = verdict.refusal.message
        view["retryAfterSeconds"] = max(1, int((verdict.refusal.retry_at - now).total_seconds()))
    if taken is not None:
        expires_at = datetime.fromtimestamp(taken.hold.expires_at, now.tzinfo)
        view["hold"] = {
            "id": str(taken.hold_id),
            "amountUsd": usd_number(taken.hold.amount),
            "expiresAt": rfc3339(expires_at),
        }
    if verdict.would_have is not None:
        view["wouldHave"] = verdict.would_have
    return view | {"budget": budget_view(verdict.settings, verdict.page, now)}


def recorded_view(recorded: "Recorded", settings: TenantSettings, now: datetime) -> dict[str, Any]:
    return {
        "recorded": recorded.is_new,
        "costUsd": usd_number(recorded.cost),
        "budget": budget_view(settings, recorded.page, now),
    }


# ---- keys -------------------------------------------------------------------------------------------------------------------


class KeyWanted(Body):
    tenant_id: TenantId | None = None
    role: Role
    name: Annotated[str, Field(min_length=1, max_length=100)]
    expires_at: datetime | None = None


def key_view(entry: KeyEntry) -> dict[str, Any]:
    return {
        "keyId": entry.key_id,
        "role": entry.role,
        "tenantId": entry.tenant_id,
        "name": entry.name,
        "createdAt": rfc3339(entry.created_at),
        "expiresAt": rfc3339(entry.expires_at) if entry.expires_at else None,
    }
