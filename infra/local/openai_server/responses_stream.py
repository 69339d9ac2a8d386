"""A response as the events of its stream."""

from __future__ import annotations

from collections.abc import Iterator

from infra.local.openai_server.answer import Frames
from infra.local.openai_server.chat import pieces
from infra.local.openai_server.compact_json import compact
from infra.local.openai_server.fields import Json


def responses_frames(response: Json, tokens: int) -> Frames:
    """The last event carries the usage; this API has no `[DONE]`."""
    begun = response | {
        "status": "in_progress",
        "output": [],
        "usage": None,
        "completed_at": None,
        "incomplete_details": None,
    }
    events = [("response.created", {"response": begun}), ("response.in_progress", {"response": begun})]
    for index, item in enumerate(response["output"]):
        events.extend(item_events(index, item))
    content = [frame(name, number, fields) for number, (name, fields) in enumerate(events)]
    closing = frame(f"response.{response['status']}", len(events), {"response": response})
    return Frames(content=content, closing=[closing], end=[b""], tokens=tokens)


def frame(name: str, number: int, fields: Json) -> bytes:
    content = compact({"type": name, "sequence_number": number, **fields})
    return f"event: {name}\ndata: {content}\n\n".encode()


def item_events(index: int, item: Json) -> Iterator[tuple[str, Json]]:
    at = {"output_index": index}
    match item["type"]:
        case "message":
            yield "response.output_item.added", at | {"item": item | {"status": "in_progress", "content": []}}
            yield from text_events(at | {"item_id": item["id"], "content_index": 0}, item["content"][0])
        case "function_call":
            yield "response.output_item.added", at | {"item": item | {"status": "in_progress", "arguments": ""}}
            yield from written("response.function_call_arguments", "arguments", item, at | {"item_id": item["id"]})
        case "custom_tool_call":
            yield "response.output_item.added", at | {"item": item | {"status": "in_progress", "input": ""}}
            yield from written("response.custom_tool_call_input", "input", item, at | {"item_id": item["id"]})
        case _:
            yield "response.output_item.added", at | {"item": item}
    yield "response.output_item.done", at | {"item": item}


def text_events(at: Json, part: Json) -> Iterator[tuple[str, Json]]:
    yield "response.content_part.added", at | {"part": part | {"text": ""}}
    for piece in pieces(part["text"]):
        yield "response.output_text.delta", at | {"delta": piece, "logprobs": []}
    yield "response.output_text.done", at | {"text": part["text"], "logprobs": []}
    yield "response.content_part.done", at | {"part": part}


def written(name: str, field: str, item: Json, at: Json) -> Iterator[tuple[str, Json]]:
    for piece in pieces(item[field]):
        yield f"{name}.delta", at | {"delta": piece}
    yield f"{name}.done", at | {field: item[field]}
