"""OpenAI, as far as a call's way to it goes: an answer with usage, a request id, and a memory of who asked."""

import json
from itertools import count
from typing import Any

from tests.fakes.http_server import Received, Reply, Server, json_reply

TOKENS_IN, TOKENS_OUT = 9, 5
USAGE = {"prompt_tokens": TOKENS_IN, "completion_tokens": TOKENS_OUT, "total_tokens": TOKENS_IN + TOKENS_OUT}
_numbers = count(1)


def provider() -> Server:
    return Server(complete)


def complete(received: Received) -> Reply:
    number = next(_numbers)
    if received.body.get("stream"):
        return _streamed(received, number)
    body = {
        "id": f"chatcmpl-{number}",
        "object": "chat.completion",
        "model": received.body["model"],
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "At nine."}, "finish_reason": "stop"}],
        "usage": USAGE,
        "service_tier": "default",
    }
    return json_reply(body, x_request_id=f"req_{number}")


def _streamed(received: Received, number: int) -> Reply:
    """Word by word, with the usage in a chunk of its own; or, by the other route, as events of one response."""
    is_chat = received.path.endswith("chat/completions")
    events = _chunks(received.body["model"], number) if is_chat else _events(received.body["model"], number)
    named = "" if is_chat else "event: {type}\n"
    lines = [named.format(**event) + f"data: {json.dumps(event)}\n\n" for event in events]
    content = "".join([*lines, "data: [DONE]\n\n"] if is_chat else lines).encode()
    return Reply(content=content, headers={"content-type": "text/event-stream", "x-request-id": f"req_{number}"})


def _chunks(model: str, number: int) -> list[dict[str, Any]]:
    chunk = {"id": f"chatcmpl-{number}", "object": "chat.completion.chunk", "created": 1, "model": model, "usage": None}
    deltas: list[tuple[dict[str, str], str | None]] = [
        ({"role": "assistant", "content": "At"}, None),
        ({"content": " nine."}, None),
        ({}, "stop"),
    ]
    said = [{**chunk, "choices": [{"index": 0, "delta": delta, "finish_reason": end}]} for delta, end in deltas]
    return [*said, {**chunk, "choices": [], "usage": USAGE, "service_tier": "default"}]


def _events(model: str, number: int) -> list[dict[str, Any]]:
    part = {"type": "output_text", "text": "At nine.", "annotations": [], "logprobs": []}
    item = {"id": "msg_1", "type": "message", "role": "assistant", "status": "completed", "content": [part]}
    begun = {"id": f"resp_{number}", "object": "response", "created_at": 1, "model": model, "output": []}
    usage = {"input_tokens": TOKENS_IN, "output_tokens": TOKENS_OUT, "total_tokens": TOKENS_IN + TOKENS_OUT}
    done = {**begun, "status": "completed", "output": [item], "usage": usage, "service_tier": "default"}
    at = {"output_index": 0, "item_id": "msg_1", "content_index": 0}
    events = [
        {"type": "response.created", "response": {**begun, "status": "in_progress", "usage": None}},
        {"type": "response.output_item.added", "output_index": 0, "item": {**item, "content": []}},
        {"type": "response.content_part.added", **at, "part": {**part, "text": ""}},
        {"type": "response.output_text.delta", **at, "delta": "At nine.", "logprobs": []},
        {"type": "response.output_text.done", **at, "text": "At nine.", "logprobs": []},
        {"type": "response.output_item.done", "output_index": 0, "item": item},
        {"type": "response.completed", "response": done},
    ]
    return [{**event, "sequence_number": sequence} for sequence, event in enumerate(events)]


def declined(received: Received) -> Reply:
    """OpenAI's own word, in its envelope and with its request id."""
    error = {"message": "Slow down.", "type": "requests", "param": None, "code": "rate_limit_exceeded"}
    return json_reply({"error": error}, status=429, x_request_id="req_declined")
