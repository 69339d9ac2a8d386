"""Whether a JSON schema is well formed, as far as this server reads one."""

from __future__ import annotations

from typing import Any

NUMBERS = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf")
SIZES = ("minItems", "maxItems", "minLength", "maxLength")
LISTS = ("anyOf", "oneOf", "allOf")
MAPS = ("properties", "$defs", "definitions")


def is_schema(schema: Any) -> bool:
    if not isinstance(schema, dict):
        return False
    kind = schema.get("type", "")
    kinds = kind if isinstance(kind, list) else [kind]
    return (
        all(isinstance(one, str) for one in kinds)
        and isinstance(schema.get("$ref", ""), str)
        and isinstance(schema.get("format", ""), str)
        and isinstance(schema.get("enum", []), list)
        and all(is_number(schema.get(name, 0)) for name in NUMBERS)
        and all(is_size(schema.get(name, 0)) for name in SIZES)
        and all(is_schema(inner) for inner in inner_schemas(schema))
    )


def inner_schemas(schema: dict[str, Any]) -> list[Any]:
    """What is no schema where one belongs is among them, and fails."""
    found = [schema["items"]] if "items" in schema else []
    for name in LISTS:
        found += schema.get(name, []) if isinstance(schema.get(name, []), list) else [None]
    for name in MAPS:
        inner = schema.get(name, {})
        found += inner.values() if isinstance(inner, dict) else [None]
    return [one for one in found if not isinstance(one, bool)]


def is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def is_size(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
