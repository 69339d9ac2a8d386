"""The input items and tools of a Responses request: those that are whole in themselves, so that their bytes bound them.

Each with the fields that it may have; one that is not here could bring in stored input, or be billed by another measure.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from tollgate.domain.errors import NotBounded, RequestInvalid
from tollgate.domain.image import Detail, Image, parse_image
from tollgate.domain.image_tokens import detail_sent, takes_original
from tollgate.domain.request_fields import things

PARTS = {
    "input_text": {"text"},
    "output_text": {"text", "annotations", "logprobs"},
    "refusal": {"refusal"},
    "summary_text": {"text"},
    "reasoning_text": {"text"},
    "input_image": {"image_url", "detail"},
}
# Where an item keeps its parts.
PARTED = ("content", "output", "summary")
ITEMS = {
    "message": {"role", "content", "id", "status", "phase"},
    "function_call": {"call_id", "name", "arguments", "id", "status", "namespace"},
    "function_call_output": {"call_id", "output", "id", "status"},
    "custom_tool_call": {"call_id", "name", "input", "id", "status", "namespace"},
    "custom_tool_call_output": {"call_id", "output", "id", "status"},
    "reasoning": {"encrypted_content", "summary", "content", "id", "status"},
}
TOOLS = {
    "function": {"name", "description", "parameters", "strict"},
    "custom": {"name", "description", "format"},
}
INSTEAD = {
    "item_reference": "a stored item is billed again as input; send the item itself, and store false",
    "input_file": "a file cannot be bounded; send its text, or its pages as input_image parts",
    "input_audio": "audio cannot be bounded; send its text",
}


def check_input(given: Any) -> int:
    """Returns how many items it has. Raises RequestInvalid and NotBounded, which name the item."""
    if isinstance(given, str):
        return 1
    if not isinstance(given, list) or not given or not all(isinstance(item, dict) for item in given):
        raise RequestInvalid("input must be a text, or a list of at least one item.", param="input")
    for index, item in enumerate(given):
        _check_item(item, f"input[{index}]")
    return len(given)


def check_tools(given: Any) -> list[Mapping[str, Any]]:
    tools = things("tools", given)
    for index, tool in enumerate(tools):
        kind = _kind_of(tool)
        if kind not in TOOLS:
            raise NotBounded(
                f"tools[{index}]: a hosted tool of type {kind[:40]!r} is billed by the call and by what it finds; "
                "send function or custom tools.",
                param=f"tools[{index}].type",
            )
        _check_names(tool, TOOLS[kind], f"tools[{index}]")
    return tools


def check_tool_choice(given: Any) -> None:
    kind = _kind_of(given)
    if isinstance(given, dict) and kind not in (*TOOLS, "allowed_tools"):
        raise NotBounded(f"tool_choice: a tool of type {kind[:40]!r} cannot be bounded.", param="tool_choice")
    if given is not None and not isinstance(given, str | dict):
        raise RequestInvalid("tool_choice must be a word or an object.", param="tool_choice")


def _check_item(item: Mapping[str, Any], place: str) -> None:
    kind = _kind_of(item) if "type" in item else "message"
    if kind not in ITEMS:
        raise _refused("an item", kind, place)
    _check_names(item, ITEMS[kind], place)
    if kind == "reasoning" and not item.get("encrypted_content"):
        raise NotBounded(
            f"{place}: a reasoning item without its encrypted_content is a stored one; ask for include "
            "['reasoning.encrypted_content'] with store false and send it back whole, or leave the item out.",
            param=place,
        )
    for name in PARTED:
        _check_parts(item.get(name), f"{place}.{name}")


def _check_parts(content: Any, place: str) -> None:
    if content is None or isinstance(content, str):
        return
    if not isinstance(content, list):
        raise RequestInvalid(f"{place} must be a text or a list of parts.", param=place)
    for index, part in enumerate(content):
        at = f"{place}[{index}]"
        kind = _kind_of(part)
        if kind not in PARTS:
            raise _refused("a part", kind, at)
        if part.get("file_id") is not None:
            raise NotBounded(
                f"{at}.file_id: what is stored cannot be measured; send the image as a base64 data URL in image_url.",
                param=at,
            )
        _check_names(part, PARTS[kind], at)


# ---- images -----------------------------------------------------------------------------------------------------------------


def images_in(given: Any) -> tuple[Image, ...]:
    """Of an input that was checked. Raises RequestInvalid and NotBounded for an image that is none."""
    return tuple(_images(given)) if isinstance(given, list) else ()


def _images(given: list[Mapping[str, Any]]) -> Iterator[Image]:
    for index, item in enumerate(given):
        for name in PARTED:
            for number, part in enumerate(_parts(item, name)):
                if _is_image(part):
                    at = f"input[{index}].{name}[{number}]"
                    yield parse_image({"url": part.get("image_url"), "detail": part.get("detail")}, at)


def without_images(given: Any) -> Any:
    """What is billed as text: neither an image's bytes nor its address is."""
    if not isinstance(given, list):
        return given
    return [{name: _text_parts(value) if name in PARTED else value for name, value in item.items()} for item in given]


def with_details(given: Any, model: str, *, is_downgrade: bool) -> Any:
    """The input as it is sent to this model: no image is left at a detail that has no limit."""

    def sent(part: Mapping[str, Any]) -> Mapping[str, Any]:
        if not _is_image(part):
            return part
        detail = detail_sent(model, Detail(part.get("detail") or Detail.AUTO))
        if is_downgrade and detail is Detail.ORIGINAL and not takes_original(model):
            detail = Detail.HIGH
        return {**part, "detail": detail.value}

    return [
        {
            name: [sent(part) for part in value] if name in PARTED and isinstance(value, list) else value
            for name, value in item.items()
        }
        for item in given
    ]


def _parts(item: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    parts = item.get(name)
    return parts if isinstance(parts, list) else []


def _text_parts(parts: Any) -> Any:
    return [part for part in parts if not _is_image(part)] if isinstance(parts, list) else parts


def _is_image(part: Mapping[str, Any]) -> bool:
    return part.get("type") == "input_image"


def _check_names(value: Mapping[str, Any], known: set[str], place: str) -> None:
    for name in value:
        if name != "type" and name not in known and value[name] is not None:
            at = f"{place}.{name[:80]}"
            raise NotBounded(f"The field {at!r} is not known, so its cost cannot be bounded; leave it out.", param=at)


def _kind_of(value: Any) -> str:
    return str(value.get("type")) if isinstance(value, dict) else "none"


def _refused(what: str, kind: str, place: str) -> NotBounded:
    instead = INSTEAD.get(kind, "its cost cannot be bounded")
    return NotBounded(f"{place}: {what} of type {kind[:40]!r} is not taken: {instead}.", param=place)
