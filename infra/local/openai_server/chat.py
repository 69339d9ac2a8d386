"""POST /v1/chat/completions"""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil
from time import time
from uuid import uuid4

from starlette.types import ASGIApp

from infra.local.openai_server.answer import Answer, Frames, deliver, refuse
from infra.local.openai_server.bill import Bill
from infra.local.openai_server.call import Call
from infra.local.openai_server.chat_request import ChatRequest, parse_chat
from infra.local.openai_server.compact_json import compact
from infra.local.openai_server.completion import Ask, Choice, ToolCall
from infra.local.openai_server.fields import Json
from infra.local.openai_server.prompt import chat_prompt
from infra.local.openai_server.tokens import decode, encode
from infra.local.openai_server.work import Work, check_context, do_work, large_aside, writing_for

FINGERPRINT = "fp_10ca100001"
DONE = b"data: [DONE]\n\n"
FRAMES_MOST = 48


async def create_chat_completion(call: Call) -> ASGIApp:
    chat = parse_chat(call.body)
    writing = writing_for(call, chat.messages)
    fault = call.service.faults.take(
        models=(chat.requested, chat.model.name), endpoint=call.endpoint, body=call.raw, stream=chat.stream
    )
    refused = await refuse(call, fault, chat.requested)
    if refused is not None:
        return refused
    prompt = await large_aside(call, lambda: chat_prompt(chat.messages, chat.tools, chat.format, chat.model))
    check_context(chat.model, prompt, chat.output_limit)
    ask = Ask(
        prompt=prompt,
        messages=chat.messages,
        tools=chat.tools,
        tool_choice=chat.tool_choice,
        format=chat.format,
        effort=chat.effort,
        room=min(chat.output_limit or chat.model.output_max, chat.model.output_room(len(prompt))),
        length=writing.output_tokens,
        stop=chat.stop,
    )
    work = do_work(call, ask, chat.model, n=chat.n, is_cached=chat.is_cached, prediction=chat.prediction)
    return await deliver(call, chat_answer(call, chat, work), fault, writing)


def chat_answer(call: Call, chat: ChatRequest, work: Work) -> Answer:
    head = {
        "id": f"chatcmpl-{uuid4().hex}",
        "object": "chat.completion.chunk" if chat.stream else "chat.completion",
        "created": int(time()),
        "model": chat.answered,
        "service_tier": chat.service_tier,
        "system_fingerprint": FINGERPRINT,
    }
    bill = Bill(
        id=str(head["id"]),
        request_id=call.request_id,
        endpoint=call.endpoint,
        model=chat.requested,
        answered_model=chat.answered,
        service_tier=chat.service_tier,
        usage=work.usage.of_chat(),
        tokens=work.usage.classes(),
        stream=chat.stream,
        user=chat.user,
        metadata=chat.metadata,
        api_key_hash=call.key_hash,
    )
    used = work.usage.prompt + work.usage.completion
    headers = call.headers() | call.service.rates.count(call.key_hash, chat.model.name, used)
    if chat.stream:
        return Answer(bill=bill, headers=headers, frames=chat_frames(head, work, include_usage=chat.include_usage))
    choices = [rendered(choice, index) for index, choice in enumerate(work.choices)]
    content = compact({**head, "choices": choices, "usage": bill.usage}).encode()
    return Answer(bill=bill, headers=headers, content=content)


def rendered(choice: Choice, index: int) -> Json:
    message: Json = {"role": "assistant", "content": choice.text, "refusal": None, "annotations": []}
    if choice.tool_calls:
        message |= {"content": None, "tool_calls": [rendered_call(call, call.arguments) for call in choice.tool_calls]}
    return {"index": index, "message": message, "logprobs": None, "finish_reason": choice.finish_reason}


def rendered_call(call: ToolCall, arguments: str) -> Json:
    if call.kind == "custom":
        return {"id": call.id, "type": "custom", "custom": {"name": call.name, "input": arguments}}
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": arguments}}


def chat_frames(head: Json, work: Work, *, include_usage: bool) -> Frames:
    # Every chunk says `usage: null` where the usage was asked for, and nothing where it was not.
    head = head | {"usage": None} if include_usage else head
    start = compact(head)[:-1]
    content = [frame(start, index, *delta) for index, choice in enumerate(work.choices) for delta in deltas(choice)]
    closing = [DONE]
    if include_usage:
        closing.insert(0, event({**head, "choices": [], "usage": work.usage.of_chat()}))
    return Frames(content=content, closing=closing, end=[DONE], tokens=work.usage.completion)


def deltas(choice: Choice) -> Iterator[tuple[Json, str | None]]:
    if choice.tool_calls:
        yield {"role": "assistant", "content": None, "refusal": None}, None
        for index, call in enumerate(choice.tool_calls):
            yield {"tool_calls": [{"index": index, **rendered_call(call, "")}]}, None
            field, name = ("custom", "input") if call.kind == "custom" else ("function", "arguments")
            for piece in pieces(call.arguments):
                yield {"tool_calls": [{"index": index, field: {name: piece}}]}, None
    else:
        yield {"role": "assistant", "content": "", "refusal": None}, None
        for piece in pieces(choice.text):
            yield {"content": piece}, None
    yield {}, choice.finish_reason


def pieces(text: str) -> Iterator[str]:
    """A few tokens each."""
    tokens = encode(text)
    size = max(1, ceil(len(tokens) / FRAMES_MOST))
    for start in range(0, len(tokens), size):
        yield decode(tokens[start : start + size])


def frame(start: str, index: int, delta: Json, end: str | None) -> bytes:
    """`start`: what all frames of a stream begin with. Rendering it for each made up half of a stream's cost."""
    choice = compact({"index": index, "delta": delta, "logprobs": None, "finish_reason": end})
    return f'data: {start},"choices":[{choice}]}}\n\n'.encode()


def event(content: Json) -> bytes:
    return f"data: {compact(content)}\n\n".encode()
