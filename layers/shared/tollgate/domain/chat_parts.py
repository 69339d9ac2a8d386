"""The messages of a chat request: their fields, the parts of their contents, and the images among these."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tollgate.domain.chat_fields import (
    MESSAGE_FIELDS,
    MESSAGE_REFUSED,
    PART_FIELDS_REFUSED,
    PARTS,
    PARTS_REFUSED,
)
from tollgate.domain.errors import NotBounded, RequestInvalid
from tollgate.domain.image import Detail, Image, parse_image
from tollgate.domain.image_tokens import detail_sent, takes_original

Messages = Sequence[Mapping[str, Any]]


def check_messages(messages: Any) -> Messages:
    """Raises RequestInvalid and NotBounded, which name the message's place."""
    if not isinstance(messages, list) or not messages or not all(isinstance(message, dict) for message in messages):
        raise RequestInvalid("messages must be a list of at least one message.", param="messages")
    for index, message in enumerate(messages):
        place = f"messages.{index}"
        _check_fields({**message, "content": None}, MESSAGE_FIELDS, MESSAGE_REFUSED, place)
        _check_content(message.get("content"), f"{place}.content")
    return messages


def _check_content(content: Any, place: str) -> None:
    if content is None or isinstance(content, str):
        return
    if not isinstance(content, list):
        raise RequestInvalid(f"{place} must be a string or a list of parts.", param=place)
    for number, part in enumerate(content):
        _check_part(part, f"{place}.{number}")


def _check_part(part: Any, place: str) -> None:
    kind = part.get("type") if isinstance(part, dict) else None
    if not isinstance(kind, str) or kind not in PARTS:
        remedy = PARTS_REFUSED.get(str(kind), "Send text or image_url parts.")
        raise NotBounded(f"{place}: a part of type {str(kind)[:40]!r} cannot be bounded. {remedy}", param=place)
    _check_fields(part, PARTS[kind], PART_FIELDS_REFUSED, place)
    if kind != "image_url" and not isinstance(part.get(kind), str):
        raise RequestInvalid(f"{place}.{kind} must be a string.", param=place)


def _check_fields(value: Mapping[str, Any], known: frozenset[str], refused: Mapping[str, str], place: str) -> None:
    for name in value.keys() - known:
        if value[name] is not None:
            remedy = refused.get(name, "It is not known, so its cost cannot be bounded; leave it out.")
            raise NotBounded(f"{place}.{name[:80]}: {remedy}", param=place)


def images_in(messages: Messages) -> tuple[Image, ...]:
    """Of messages that were checked. Raises RequestInvalid and NotBounded for an image that is none."""
    return tuple(
        parse_image(part.get("image_url"), f"messages.{index}.content.{number}.image_url")
        for index, message in enumerate(messages)
        for number, part in enumerate(_parts(message))
        if _is_image(part)
    )


def without_images(messages: Messages) -> list[Mapping[str, Any]]:
    """What is billed as text: neither an image's bytes nor its address is."""
    return [
        {**message, "content": [part for part in message["content"] if not _is_image(part)]}
        if _has_image(message)
        else message
        for message in messages
    ]


def with_details(messages: Messages, model: str, *, is_downgrade: bool) -> list[Mapping[str, Any]]:
    """The messages as they are sent to this model: no image is left at a detail that has no limit."""
    return [
        {**message, "content": [_with_detail(part, model, is_downgrade=is_downgrade) for part in message["content"]]}
        if _has_image(message)
        else message
        for message in messages
    ]


def _with_detail(part: Mapping[str, Any], model: str, *, is_downgrade: bool) -> Mapping[str, Any]:
    if not _is_image(part):
        return part
    asked = Detail(part["image_url"].get("detail") or Detail.AUTO)
    detail = detail_sent(model, asked)
    if is_downgrade and detail is Detail.ORIGINAL and not takes_original(model):
        detail = Detail.HIGH
    return part if detail is asked else {**part, "image_url": {**part["image_url"], "detail": detail.value}}


def _parts(message: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    content = message.get("content")
    yield from content if isinstance(content, list) else ()


def _is_image(part: Mapping[str, Any]) -> bool:
    return part.get("type") == "image_url"


def _has_image(message: Mapping[str, Any]) -> bool:
    return any(map(_is_image, _parts(message)))
