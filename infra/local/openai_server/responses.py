"""POST /v1/responses, and the count of its input."""

from __future__ import annotations

import json
from time import time
from uuid import uuid4

from starlette.responses import Response
from starlette.types import ASGIApp

from infra.local.openai_server.answer import Answer, deliver, refuse
from infra.local.openai_server.bill import Bill
from infra.local.openai_server.call import Call
from infra.local.openai_server.completion import Ask, Choice
from infra.local.openai_server.fields import Json
from infra.local.openai_server.prompt import chat_prompt
from infra.local.openai_server.responses_request import ResponsesRequest, parse_responses
from infra.local.openai_server.responses_stream import responses_frames
from infra.local.openai_server.work import Work, check_context, do_work, large_aside, writing_for

THOUGHTS = "reasoning.encrypted_content"
ECHOED = (
    "instructions",
    "max_output_tokens",
    "max_tool_calls",
    "previous_response_id",
    "prompt_cache_key",
    "safety_identifier",
)


async def create_response(call: Call) -> ASGIApp:
    asked = parse_responses(call.body)
    writing = writing_for(call, asked.messages)
    fault = call.service.faults.take(
        models=(asked.requested, asked.model.name), endpoint=call.endpoint, body=call.raw, stream=asked.stream
    )
    refused = await refuse(call, fault, asked.requested)
    if refused is not None:
        return refused
    prompt = await large_aside(call, lambda: chat_prompt(asked.messages, asked.tools, asked.format, asked.model))
    check_context(asked.model, prompt, asked.output_limit)
    ask = Ask(
        prompt=prompt,
        messages=asked.messages,
        tools=asked.tools,
        tool_choice=asked.tool_choice,
        format=asked.format,
        effort=asked.effort,
        room=min(asked.output_limit or asked.model.output_max, asked.model.output_room(len(prompt))),
        length=writing.output_tokens,
    )
    work = do_work(call, ask, asked.model, n=1, is_cached=asked.is_cached, prediction=None)
    return await deliver(call, responses_answer(call, asked, work), fault, writing)


async def count_input_tokens(call: Call) -> Response:
    asked = parse_responses(call.body)
    prompt = await large_aside(call, lambda: chat_prompt(asked.messages, asked.tools, asked.format, asked.model))
    content = {"object": "response.input_tokens", "input_tokens": len(prompt)}
    return Response(json.dumps(content), 200, call.headers(), "application/json")


def responses_answer(call: Call, asked: ResponsesRequest, work: Work) -> Answer:
    response = rendered(call, asked, work)
    bill = Bill(
        id=response["id"],
        request_id=call.request_id,
        endpoint=call.endpoint,
        model=asked.requested,
        answered_model=asked.answered,
        service_tier=asked.service_tier,
        usage=response["usage"],
        tokens=work.usage.classes(),
        stream=asked.stream,
        user=asked.user,
        metadata=asked.metadata,
        api_key_hash=call.key_hash,
    )
    used = work.usage.prompt + work.usage.completion
    headers = call.headers() | call.service.rates.count(call.key_hash, asked.model.name, used)
    if asked.stream:
        return Answer(bill=bill, headers=headers, frames=responses_frames(response, work.usage.completion))
    return Answer(bill=bill, headers=headers, content=json.dumps(response).encode())


def rendered(call: Call, asked: ResponsesRequest, work: Work) -> Json:
    choice, now = work.choices[0], int(time())
    cut = choice.finish_reason == "length"
    return {
        "id": f"resp_{uuid4().hex}",
        "object": "response",
        "created_at": now,
        "completed_at": None if cut else now,
        "status": "incomplete" if cut else "completed",
        "incomplete_details": {"reason": "max_output_tokens"} if cut else None,
        "error": None,
        "background": False,
        "model": asked.answered,
        "service_tier": asked.service_tier,
        "output": output_items(choice, has_thoughts=THOUGHTS in (call.body.get("include") or [])),
        "parallel_tool_calls": call.body.get("parallel_tool_calls", True),
        "reasoning": {"effort": asked.effort if asked.model.reasons else None, "summary": None},
        "store": False,
        "temperature": call.body.get("temperature", 1.0),
        "top_p": call.body.get("top_p", 1.0),
        "text": call.body.get("text") or {"format": {"type": "text"}},
        "tool_choice": call.body.get("tool_choice") or "auto",
        "tools": call.body.get("tools") or [],
        "truncation": call.body.get("truncation") or "disabled",
        "metadata": asked.metadata,
        "user": asked.user,
        **{name: call.body.get(name) for name in ECHOED},
        "usage": work.usage.of_responses(),
    }


def output_items(choice: Choice, *, has_thoughts: bool) -> list[Json]:
    status = "incomplete" if choice.finish_reason == "length" else "completed"
    items: list[Json] = []
    if choice.reasoning_tokens:
        # As unreadable as OpenAI's, and as long as thoughts of so many tokens are.
        thoughts = {"encrypted_content": "gAAAA" * choice.reasoning_tokens} if has_thoughts else {}
        items.append({"id": f"rs_{uuid4().hex}", "type": "reasoning", "summary": [], **thoughts})
    for tool_call in choice.tool_calls:
        named = {"call_id": tool_call.id, "name": tool_call.name, "status": status}
        if tool_call.kind == "custom":
            items.append(
                {"id": f"ctc_{uuid4().hex}", "type": "custom_tool_call", "input": tool_call.arguments, **named}
            )
        else:
            items.append(
                {"id": f"fc_{uuid4().hex}", "type": "function_call", "arguments": tool_call.arguments, **named}
            )
    if choice.text or not items:
        part = {"type": "output_text", "text": choice.text, "annotations": [], "logprobs": []}
        items.append(
            {"id": f"msg_{uuid4().hex}", "type": "message", "role": "assistant", "status": status, "content": [part]}
        )
    return items
