"""What a model writes: decided here whole, before the first byte is sent, from the request alone."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b
from random import Random

from infra.local.openai_server import dispatcher
from infra.local.openai_server.compact_json import compact
from infra.local.openai_server.fields import Json
from infra.local.openai_server.message import texts
from infra.local.openai_server.output_format import OutputFormat
from infra.local.openai_server.prompt import Prompt
from infra.local.openai_server.schema_value import value_of
from infra.local.openai_server.tokens import count, decode, encode
from infra.local.openai_server.tool import ToolChoice, tool_name
from infra.local.openai_server.writing import Length

REASONING_UNIT = 64
REASONING_UNITS = {"none": 0, "minimal": 0, "low": 2, "medium": 5, "high": 12, "xhigh": 20, "max": 32}
# What is still shown when a reasoning model writes all that it may.
SHOWN_AT_WORST = 200
# `book` and `cancel` in a tool's name say what it is for; `get` and `job` do not.
TELLING_LETTERS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """What a completion depends on, whichever API asked."""

    prompt: Prompt
    messages: list[Json]
    tools: list[Json]
    tool_choice: ToolChoice
    format: OutputFormat
    effort: str
    room: int
    """The most tokens that one choice may take, reasoning included."""
    length: Length
    stop: tuple[str, ...] = ()

    def random(self, index: int) -> Random:
        seed = blake2b(self.prompt.tokens, digest_size=8, salt=index.to_bytes(8, "big"))
        return Random(int.from_bytes(seed.digest(), "big"))  # noqa: S311


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCall:
    id: str
    kind: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    text: str
    tool_calls: tuple[ToolCall, ...]
    finish_reason: str
    shown_tokens: int
    reasoning_tokens: int

    @property
    def tokens(self) -> int:
        return self.shown_tokens + self.reasoning_tokens


def write_choice(ask: Ask, index: int) -> Choice:
    random = ask.random(index)
    reasoning = reasoning_tokens(ask, random)
    if reasoning >= ask.room:
        return Choice(text="", tool_calls=(), finish_reason="length", shown_tokens=0, reasoning_tokens=ask.room)
    room = ask.room - reasoning
    tool = tool_to_call(ask, random)
    if tool is not None:
        return call_tool(ask, tool, room, reasoning, random)
    text, shown = wanted_text(ask, room, reasoning, random)
    return finished(ask, text, shown, room, reasoning)


def reasoning_tokens(ask: Ask, random: Random) -> int:
    units = REASONING_UNITS[ask.effort]
    natural = REASONING_UNIT * random.randint(units // 2 + 1, units * 2) if units else 0
    match ask.length:
        case "worst" if natural:
            return max(0, ask.room - SHOWN_AT_WORST)
        case int(length):
            return min(natural, length // 2)
        case _:
            return natural


def wanted_text(ask: Ask, room: int, reasoning: int, random: Random) -> tuple[str, int]:
    """A text and how many tokens it has."""
    if ask.format.is_json:
        text = compact(value_of(ask.format.schema or {}, random))
        if ask.length == "worst":
            # A model that runs on inside a string until it is cut.
            text = f'{text.rstrip("}")},"note":"'
            text = dispatcher.measured(text, max(0, room - count(text)))
        return text, count(text)
    match ask.length:
        case None:
            text = dispatcher.brief(random)
            return text, count(text)
        case "worst":
            return dispatcher.of_length(random, room), room
        case length:
            shown = min(room, max(1, length - reasoning))
            return dispatcher.of_length(random, shown), shown


def finished(ask: Ask, text: str, shown: int, room: int, reasoning: int) -> Choice:
    reason = "stop"
    if shown > room or ask.length == "worst":
        text, shown = cut(text, shown, room)
        reason = "length"
    elif isinstance(ask.length, int) and not ask.format.is_json and reasoning + shown < ask.length:
        reason = "length"
    ends = [at for stop in ask.stop if (at := text.find(stop)) >= 0]
    if ends:
        text = text[: min(ends)]
        shown, reason = count(text), "stop"
    return Choice(text=text, tool_calls=(), finish_reason=reason, shown_tokens=shown, reasoning_tokens=reasoning)


def cut(text: str, shown: int, room: int) -> tuple[str, int]:
    if shown <= room:
        return text, shown
    text = decode(encode(text)[:room])
    # A cut inside a word may need other tokens than the model wrote; it can't need more than it was allowed.
    return text, min(room, count(text))


def tool_to_call(ask: Ask, random: Random) -> Json | None:
    callable_tools = [tool for tool in ask.tools if tool_name(tool) in ask.tool_choice.names]
    if not callable_tools or ask.tool_choice.mode == "none":
        return None
    last = ask.messages[-1]
    words = " ".join(texts(last)).lower() if last.get("role") == "user" else ""
    asked = [tool for tool in callable_tools if is_asked_for(tool_name(tool), words)]
    if asked:
        return asked[0]
    return random.choice(callable_tools) if ask.tool_choice.mode == "required" else None


def is_asked_for(name: str, words: str) -> bool:
    return any(len(part) >= TELLING_LETTERS and part in words for part in name.lower().replace("-", "_").split("_"))


def call_tool(ask: Ask, tool: Json, room: int, reasoning: int, random: Random) -> Choice:
    kind, name = tool["type"], tool_name(tool)
    inner = tool[kind]
    arguments = (
        dispatcher.brief(random) if kind == "custom" else compact(value_of(inner.get("parameters") or {}, random))
    )
    name_tokens = count(name)
    if ask.length == "worst":
        arguments = dispatcher.measured(arguments, max(0, room - name_tokens - count(arguments)))
    left = max(0, room - name_tokens)
    wanted = count(arguments)
    arguments, shown = cut(arguments, wanted, left)
    call = ToolCall(id=f"call_{random.getrandbits(96):024x}", kind=kind, name=name, arguments=arguments)
    return Choice(
        text="",
        tool_calls=(call,),
        finish_reason="length" if wanted > left or ask.length == "worst" else "tool_calls",
        shown_tokens=min(room, name_tokens + shown),
        reasoning_tokens=reasoning,
    )
