"""What may stand in a request's fields, checked in OpenAI's words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from infra.local.openai_server.api_error import ApiError, bad_request, missing, wrong_type, wrong_value

Json = dict[str, Any]
# Of metadata.
PAIRS_MOST, NAME_MOST, VALUE_MOST = 16, 64, 512


def check_known(body: Mapping[str, Any], known: Iterable[str]) -> None:
    for name in body.keys() - set(known):
        raise bad_request(f"Unknown parameter: '{name}'.", param=name, code="unknown_parameter")


def required(body: Json, name: str) -> Any:
    if body.get(name) is None:
        raise missing(name)
    return body[name]


def whole(body: Json, name: str, *, least: int, most: int | None = None) -> int | None:
    value = body.get(name)
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool):
        raise wrong_type(name, expected="an integer", got=value)
    return int(in_range(name, value, least, most, kind="integer"))


def decimal(body: Json, name: str, *, least: float, most: float) -> float | None:
    value = body.get(name)
    if value is None:
        return None
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise wrong_type(name, expected="a decimal", got=value)
    return in_range(name, value, least, most, kind="decimal")


def in_range(name: str, value: float, least: float, most: float | None, *, kind: str) -> float:
    if value < least:
        raise out_of_range(name, value, f"{kind} below minimum", f">= {least}", code=f"{kind}_below_min_value")
    if most is not None and value > most:
        raise out_of_range(name, value, f"{kind} above maximum", f"<= {most}", code=f"{kind}_above_max_value")
    return value


def out_of_range(name: str, value: float, what: str, expected: str, *, code: str) -> ApiError:
    message = f"Invalid '{name}': {what} value. Expected a value {expected}, but got {value} instead."
    return bad_request(message, param=name, code=code)


def flag(body: Json, name: str) -> bool:
    value = body.get(name)
    if value is not None and not isinstance(value, bool):
        raise wrong_type(name, expected="a boolean", got=value)
    return bool(value)


def text(body: Json, name: str) -> str | None:
    value = body.get(name)
    if value is not None and not isinstance(value, str):
        raise wrong_type(name, expected="a string", got=value)
    return value


def word(body: Json, name: str, supported: tuple[str, ...]) -> str | None:
    value = text(body, name)
    if value is not None and value not in supported:
        raise wrong_value(name, value, supported)
    return value


def thing(body: Json, name: str) -> Json:
    value = body.get(name)
    if value is not None and not isinstance(value, dict):
        raise wrong_type(name, expected="an object", got=value)
    return value or {}


def things(body: Json, name: str) -> list[Json]:
    value = body.get(name)
    if value is None:
        return []
    if not isinstance(value, list):
        raise wrong_type(name, expected="an array of objects", got=value)
    for index, item in enumerate(value):
        if not isinstance(item, dict):
            raise wrong_type(f"{name}[{index}]", expected="an object", got=item)
    return value


def metadata(body: Json) -> dict[str, str]:
    pairs = thing(body, "metadata")
    if len(pairs) > PAIRS_MOST:
        message = f"Invalid 'metadata': expected at most {PAIRS_MOST} properties, but got {len(pairs)} instead."
        raise bad_request(message, param="metadata", code="object_above_max_properties")
    for name, value in pairs.items():
        if not isinstance(value, str):
            raise wrong_type(f"metadata.{name}", expected="a string", got=value)
        if len(name) > NAME_MOST or len(value) > VALUE_MOST:
            message = f"Invalid 'metadata.{name}': string too long."
            raise bad_request(message, param="metadata", code="string_above_max_length")
    return pairs
