"""Why a page refuses a hold, with every figure that is needed to understand it."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from tollgate.domain.money import NanoUsd, usd_text


class Reason(StrEnum):
    """`reason` at the edge. The order is that in which a page is asked: what a retry cannot mend comes first."""

    SUSPENDED = "suspended"
    SOFT_CAP = "soft_cap"
    MONTHLY_BUDGET = "monthly_budget"
    DAILY_BUDGET = "daily_budget"
    TOKEN_BUDGET = "token_budget"  # noqa: S105
    AGENT_BUDGET = "agent_budget"
    IN_FLIGHT = "in_flight"
    RATE = "rate"

    @property
    def is_passing(self) -> bool:
        """True where the same call may be let through within the minute."""
        return self in (Reason.IN_FLIGHT, Reason.RATE)


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowFacts:
    """One window in figures; nano-dollars, or tokens where the window limits tokens."""

    name: str
    limit: int
    spent: int
    held: int

    @property
    def remaining(self) -> int:
        return self.limit - self.spent - self.held


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """`asked`: what the hold wanted; `retry_at`: when it may be asked again; `window`: the one that had no room, if one had none."""

    reason: Reason
    tenant_id: str
    asked: NanoUsd
    retry_at: datetime
    window: WindowFacts | None = None
    agent: str | None = None

    @property
    def message(self) -> str:
        match self.reason:
            case Reason.SUSPENDED:
                return f"Tenant {self.tenant_id} is suspended: no call is let through."
            case Reason.MONTHLY_BUDGET | Reason.DAILY_BUDGET | Reason.AGENT_BUDGET:
                return self._money_message()
            case Reason.SOFT_CAP:
                facts = self._facts()
                spent = f"{usd_text(facts.spent)} of {usd_text(facts.limit)}"
                return f"The soft cap of {facts.name} is reached ({spent} spent), and this call takes no cheaper model."
            case Reason.TOKEN_BUDGET:
                facts = self._facts()
                left = f"{max(facts.remaining, 0)} of {facts.limit}"
                return f"The token budget of {facts.name} has {left} tokens left, and this call may take more."
            case Reason.IN_FLIGHT:
                return "As many calls as this tenant may have are in flight."
            case Reason.RATE:
                return "This tenant has made as many calls in this minute as it may."

    @property
    def remedy(self) -> str:
        """What would help, said to whoever reads the error."""
        match self.reason:
            case Reason.SUSPENDED:
                return "An admin lifts the suspension with PUT /api/cost/budget."
            case Reason.SOFT_CAP:
                return "Send it without 'x-tollgate-downgrade: never', wait for the window's end, or have an admin raise the budget."
            case Reason.IN_FLIGHT:
                return "Wait for calls in flight to end, or raise maxInFlight."
            case Reason.RATE:
                return "Wait for the next minute, or raise requestsPerMinute."
            case _:
                return "Ask for fewer output tokens or a cheaper model, wait for the window's end, or have an admin raise the budget."

    def _facts(self) -> WindowFacts:
        assert self.window is not None, "a refusal for want of room names its window"
        return self.window

    def _money_message(self) -> str:
        facts = self._facts()
        whose = f"agent {self.agent!r}" if self.reason is Reason.AGENT_BUDGET else f"tenant {self.tenant_id}"
        left = usd_text(max(facts.remaining, 0))
        return (
            f"The budget of {whose} for {facts.name} has {left} of {usd_text(facts.limit)} left "
            f"({usd_text(facts.spent)} spent, {usd_text(facts.held)} held by calls in flight), "
            f"and this call may cost {usd_text(self.asked)}."
        )
