"""A tenant's settings as text: what the account keeps, and what the authorizer hands on to a gate."""

import json
from datetime import datetime
from decimal import Decimal
from typing import Any

from tollgate.domain.money import NanoUsd
from tollgate.domain.tenant import AgentLimits, FitOrder, Mode, Raise, TenantSettings
from tollgate.domain.window import ZoneFrom

_PLAIN = (
    "tenant_id",
    "version",
    "daily_limit",
    "monthly_limit",
    "daily_token_limit",
    "monthly_token_limit",
    "requests_per_minute",
    "in_flight_max",
    "default_output_tokens",
    "output_tokens_max",
    "output_tokens_min",
    "cheaper_model",
    "suspended",
)


def settings_to_text(settings: TenantSettings) -> str:
    """Compact JSON; money in nano-dollars."""
    values: dict[str, Any] = {name: getattr(settings, name) for name in _PLAIN}
    values["soft_cap"] = str(settings.soft_cap)
    values["mode"] = settings.mode.value
    values["zones"] = [[entry.month, entry.zone] for entry in settings.zones]
    values["allowed_models"] = settings.allowed_models
    values["downgrade_chains"] = settings.downgrade_chains
    values["fit_order"] = settings.fit_order.value
    values["agents"] = {label: [limits.daily, limits.monthly] for label, limits in settings.agents.items()}
    values["openai_project"] = settings.openai_project
    values["raises"] = [
        [entry.raise_id, entry.window, entry.amount, entry.until.isoformat(), entry.reason] for entry in settings.raises
    ]
    return json.dumps(values, separators=(",", ":"), ensure_ascii=False)


def settings_from_text(text: str) -> TenantSettings:
    """Raises ValueError for what `settings_to_text` did not write."""
    try:
        values = json.loads(text)
        allowed = values["allowed_models"]
        return TenantSettings(
            **{name: values[name] for name in _PLAIN},
            soft_cap=Decimal(values["soft_cap"]),
            mode=Mode(values["mode"]),
            zones=tuple(ZoneFrom(month=month, zone=zone) for month, zone in values["zones"]),
            allowed_models=tuple(allowed) if allowed is not None else None,
            downgrade_chains={model: tuple(chain) for model, chain in values["downgrade_chains"].items()},
            fit_order=FitOrder(values["fit_order"]),
            agents={
                label: AgentLimits(daily=daily, monthly=monthly) for label, (daily, monthly) in values["agents"].items()
            },
            raises=tuple(_raise_of(*entry) for entry in values["raises"]),
            # Accounts that were written before there was such a thing do not have it.
            openai_project=values.get("openai_project"),
        )
    except (KeyError, TypeError) as error:
        raise ValueError(f"not the settings of a tenant: {error}") from error


def _raise_of(raise_id: str, window: str, amount: int, until: str, reason: str) -> Raise:
    return Raise(
        raise_id=raise_id, window=window, amount=NanoUsd(amount), until=datetime.fromisoformat(until), reason=reason
    )
