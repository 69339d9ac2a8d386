"""What agents and customers say to each other: a script, and one telling of it for one customer."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any

Message = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Customer:
    name: str
    street: str
    phone: str
    detail: str
    """What the shop knows of the place: equipment, age, a gate code, a dog."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """A function that the agent may call. `answer`: what the shop's own system says to it."""

    name: str
    description: str
    parameters: Mapping[str, Mapping[str, Any]]
    answer: Mapping[str, Any]

    def as_openai(self) -> dict[str, Any]:
        parameters = {
            "type": "object",
            "properties": self.parameters,
            "required": list(self.parameters),
            "additionalProperties": False,
        }
        return {
            "type": "function",
            "function": {"name": self.name, "description": self.description, "parameters": parameters},
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """One kind of conversation. Texts may name `{shop}`, `{city}`, `{customer}`, `{street}`, `{phone}` and `{detail}`.

    `labels`: which ids its calls carry besides the run's; `labels_in`: how they travel.
    """

    agent: str
    system: str
    turns: tuple[str, ...]
    tools: tuple[Tool, ...] = ()
    labels: tuple[str, ...] = ("jobId",)
    labels_in: str = "headers"
    output_tokens_max: int = 350


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    script: Script
    facts: Mapping[str, str]
    labels: Mapping[str, str]
    answers: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @property
    def opening(self) -> Message:
        return {"role": "system", "content": filled(self.script.system, self.facts)}

    @property
    def turns(self) -> tuple[Message, ...]:
        return tuple({"role": "user", "content": filled(turn, self.facts)} for turn in self.script.turns)

    def attribution(self) -> dict[str, Any]:
        """The arguments for the SDK that say whose work a call is."""
        if self.script.labels_in == "metadata":
            return {"metadata": dict(self.labels)}
        return {"extra_headers": {header_of(name): value for name, value in self.labels.items()}}

    def tool_message(self, call_id: str, name: str) -> Message:
        found = next((tool.answer for tool in self.script.tools if tool.name == name), {"error": "unknown tool"})
        return {"role": "tool", "tool_call_id": call_id, "content": filled(json.dumps(found), self.facts)}


def tell(script: Script, customer: Customer, *, shop: str, city: str, random: Random) -> Conversation:
    facts = {
        "shop": shop,
        "city": city,
        "customer": customer.name,
        "street": customer.street,
        "phone": customer.phone,
        "detail": customer.detail,
    }
    ids = {name: new_id(name, random) for name in ("runId", *script.labels)}
    return Conversation(script=script, facts=facts, labels={"agent": script.agent, **ids})


def new_id(label: str, random: Random) -> str:
    """As a shop's system would number it; a run's id is long enough to be the only one."""
    match label:
        case "runId":
            return f"run_{random.getrandbits(64):016x}"
        case "bookingId":
            return f"BK-{random.randint(20_000, 99_999)}"
        case "callId":
            return f"CA{random.getrandbits(48):012x}"
        case _:
            return str(random.randint(48_000_000, 48_999_999))


def header_of(label: str) -> str:
    return f"x-tollgate-{label.removesuffix('Id')}-id" if label.endswith("Id") else f"x-tollgate-{label}"


def filled(text: str, facts: Mapping[str, str]) -> str:
    """Not `str.format`: JSON and customers have braces of their own."""
    for name, value in facts.items():
        text = text.replace(f"{{{name}}}", value)
    return text
