"""A page: what one tenant has spent and holds in one month. It has no limit at all; those are in the settings."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from tollgate.domain.money import ZERO, NanoUsd


class HoldKind(StrEnum):
    CALL = "call"
    CHECK = "check"


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """The worst case of one call, set aside.

    `key`: 12 characters, unique; `day`: `dd` of the page's month; `opened_at`: Unix seconds, drawn once, like the key;
    `expires_at`: Unix seconds, past the longest life of its holder;
    `counted`: it stands in its agent's entry too, because the settings that let it in have a budget for that agent.
    """

    key: str
    kind: HoldKind
    amount: NanoUsd
    tokens: int
    day: str
    opened_at: int
    expires_at: int
    model: str
    agent: str | None = None
    counted: bool = False

    def __post_init__(self) -> None:
        if self.amount < 0 or self.tokens < 0:
            raise ValueError("a hold is never negative")
        if self.counted and self.agent is None:
            raise ValueError("a hold counts in an agent's entry only if it has an agent")

    @property
    def counted_agent(self) -> str | None:
        return self.agent if self.counted else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Closed:
    """A hold that somebody other than its holder closed, or whose holder missed an answer.

    `booked` and `tokens`: what stands in the books for it; `agent`: set if it counted in that agent's entry; `until`: Unix seconds.
    """

    booked: NanoUsd
    tokens: int
    day: str
    until: int
    agent: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """`used = spent + the sum of holds`, in nano-dollars; `tokens` of settled and held calls alike."""

    used: NanoUsd = ZERO
    spent: NanoUsd = ZERO
    tokens: int = 0

    @property
    def held(self) -> NanoUsd:
        return NanoUsd(self.used - self.spent)

    def moved(self, *, used: int, spent: int, tokens: int) -> "Use":
        return Use(used=NanoUsd(self.used + used), spent=NanoUsd(self.spent + spent), tokens=self.tokens + tokens)


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentUse:
    month: Use = Use()
    days: Mapping[str, Use] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """`month`: `yyyy-mm`; `days`: `dd` -> use; `minutes`: minute since 1970 -> calls; `due`: Unix seconds of the next thing to sweep."""

    tenant_id: str
    month: str
    version: int
    use: Use = Use()
    days: Mapping[str, Use] = field(default_factory=dict)
    agents: Mapping[str, AgentUse] = field(default_factory=dict)
    minutes: Mapping[int, int] = field(default_factory=dict)
    holds: Mapping[str, Hold] = field(default_factory=dict)
    closed: Mapping[str, Closed] = field(default_factory=dict)
    seq: int = 0
    epoch: int = 0
    span: str | None = None
    due: int | None = None

    def day(self, day: str) -> Use:
        return self.days.get(day, Use())

    def agent(self, agent: str) -> AgentUse:
        return self.agents.get(agent, AgentUse())


def imbalances(page: Page) -> dict[str, int]:
    """Window -> nano-dollars by which `used` differs from `spent + the sum of holds`; empty where the page is right."""
    found = {page.month: page.use.held - sum(hold.amount for hold in page.holds.values())}
    for day, use in page.days.items():
        found[f"{page.month}-{day}"] = use.held - sum(hold.amount for hold in page.holds.values() if hold.day == day)
    for label, agent in page.agents.items():
        mine = [hold for hold in page.holds.values() if hold.counted_agent == label]
        found[f"{page.month} {label}"] = agent.month.held - sum(hold.amount for hold in mine)
        for day, use in agent.days.items():
            found[f"{page.month}-{day} {label}"] = use.held - sum(hold.amount for hold in mine if hold.day == day)
    return {window: amount for window, amount in found.items() if amount}
