"""Doing what a request asks for, whichever API asked: the prompt counted and cached, the choices written, the usage."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from infra.local.openai_server.api_error import bad_request
from infra.local.openai_server.call import Call
from infra.local.openai_server.completion import Ask, Choice, write_choice
from infra.local.openai_server.model import Model
from infra.local.openai_server.prompt import Prompt
from infra.local.openai_server.tokens import count
from infra.local.openai_server.usage import Usage
from infra.local.openai_server.writing import Writing, WritingInvalid, directed

Made = TypeVar("Made")
# Above this, counting takes longer than handing it to a thread; tiktoken lets go of the interpreter meanwhile.
LARGE_BYTES = 60_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    choices: list[Choice]
    usage: Usage


async def large_aside(call: Call, make: Callable[[], Made]) -> Made:
    return await asyncio.to_thread(make) if len(call.raw) > LARGE_BYTES else make()


def writing_for(call: Call, messages: list[dict[str, object]]) -> Writing:
    try:
        return directed(call.service.writing, messages)
    except WritingInvalid as error:
        raise bad_request(f"[[local: ...]]: {error}", param="messages") from error


def check_context(model: Model, prompt: Prompt, output_limit: int | None) -> None:
    asked = len(prompt) + (output_limit or 0 if model.window else 0)
    most = model.window or model.input_max
    if asked <= most and len(prompt) < most:
        return
    message = (
        f"This model's maximum context length is {most} tokens. However, your messages resulted in {len(prompt)} tokens"
    )
    if asked > len(prompt):
        message = f"{message}, and {output_limit} were asked for in the completion"
    raise bad_request(f"{message}. Please reduce the length.", param="messages", code="context_length_exceeded")


def do_work(call: Call, ask: Ask, model: Model, *, n: int, is_cached: bool, prediction: str | None) -> Work:
    choices = [write_choice(ask, index) for index in range(n)]
    completion = sum(choice.tokens for choice in choices)
    rejected = rejected_tokens(ask, prediction, completion) if prediction else 0
    cached, write = cache(call, ask.prompt, model) if is_cached else (0, 0)
    usage = Usage(
        prompt=len(ask.prompt),
        cached=cached,
        cache_write=write,
        image=ask.prompt.image_tokens,
        completion=completion + rejected,
        reasoning=sum(choice.reasoning_tokens for choice in choices),
        rejected=rejected,
    )
    return Work(choices=choices, usage=usage)


def cache(call: Call, prompt: Prompt, model: Model) -> tuple[int, int]:
    seen, now = call.service.prefixes.meet(f"{call.key_hash} {model.name}", prompt.tokens)
    return seen, now - seen if model.writes_cache else 0


def rejected_tokens(ask: Ask, prediction: str, completion: int) -> int:
    """None of a prediction comes true here: a quarter of it is billed as rejected, or all of it at worst."""
    predicted = count(prediction)
    rejected = predicted if ask.length == "worst" else predicted // 4
    return max(0, min(rejected, ask.room - completion))
