"""The messages of a chat request."""

from __future__ import annotations

from collections.abc import Iterator

from infra.local.openai_server.api_error import ApiError, bad_request, missing, wrong_type, wrong_value
from infra.local.openai_server.fields import Json, things

ROLES = ("system", "assistant", "user", "function", "tool", "developer")
PARTS = ("text", "image_url", "input_audio", "refusal", "file")
DETAILS = ("auto", "low", "high", "original")


def check_messages(body: Json) -> list[Json]:
    if body.get("messages") is None:
        raise missing("messages")
    messages = things(body, "messages")
    if not messages:
        expected = "Expected an array with minimum length 1, but got an empty array instead."
        raise bad_request(f"Invalid 'messages': empty array. {expected}", param="messages", code="empty_array")
    called: set[str] = set()
    for index, message in enumerate(messages):
        check_message(message, f"messages[{index}]", called)
        called.update(str(call.get("id", "")) for call in checked_calls(message, f"messages[{index}]"))
    return messages


def check_message(message: Json, at: str, called: set[str]) -> None:
    role = message.get("role")
    if role not in ROLES:
        raise missing(f"{at}.role") if role is None else wrong_value(f"{at}.role", role, ROLES)
    if role == "tool" and str(message.get("tool_call_id")) not in called:
        text = (
            "Invalid parameter: messages with role 'tool' must be a response to a preceeding message with 'tool_calls'."
        )
        raise bad_request(text, param=f"{at}.role")
    content = message.get("content")
    if content is None:
        if role != "assistant":
            raise bad_request("Invalid value for 'content': expected a string, got null.", param=f"{at}.content")
    elif isinstance(content, list):
        for index, part in enumerate(content):
            check_part(part, f"{at}.content[{index}]")
    elif not isinstance(content, str):
        raise wrong_type(f"{at}.content", expected="one of a string or array of objects", got=content)


def checked_calls(message: Json, at: str) -> list[Json]:
    calls = things(message, "tool_calls")
    for index, call in enumerate(calls):
        if not isinstance(call.get("function") or call.get("custom"), dict):
            raise missing(f"{at}.tool_calls[{index}].function")
    return calls


def check_part(part: Json, at: str) -> None:
    if not isinstance(part, dict):
        raise wrong_type(at, expected="an object", got=part)
    match part.get("type"):
        case "text" | "refusal" as kind:
            if not isinstance(part.get(kind), str):
                raise missing(f"{at}.{kind}")
        case "image_url":
            check_image(part.get("image_url"), f"{at}.image_url")
        case "file":
            if not isinstance(part.get("file"), dict) or "file_data" not in part["file"]:
                raise bad_request("The local OpenAI keeps no files: send 'file_data'.", param=f"{at}.file.file_id")
        case "input_audio":
            raise bad_request("Invalid content type: 'input_audio' is not supported by this model.", param=at)
        case kind:
            raise missing(f"{at}.type") if kind is None else wrong_value(f"{at}.type", kind, PARTS)


def check_image(image: object, at: str) -> None:
    if not isinstance(image, dict) or not isinstance(image.get("url"), str):
        raise missing(f"{at}.url")
    if image.get("detail", "auto") not in DETAILS:
        raise wrong_value(f"{at}.detail", image["detail"], DETAILS)
    if not image["url"].startswith(("data:image/", "http://", "https://")):
        raise invalid_image(at)


def invalid_image(at: str | None = None) -> ApiError:
    text = "You uploaded an unsupported image. Please make sure your image is valid."
    return bad_request(text, param=at, code="invalid_image_format")


def texts(message: Json) -> Iterator[str]:
    content = message.get("content")
    if isinstance(content, str):
        yield content
    for part in content if isinstance(content, list) else ():
        if part.get("type") == "text":
            yield part["text"]
