"""A value that obeys a simple JSON schema, with field-service words where the names suggest them."""

from __future__ import annotations

from random import Random
from typing import Any

from infra.local.openai_server.dispatcher import SENTENCES, SLOTS, fill

DEEPEST = 6
FORMATS = {
    "date": "2026-12-01",
    "date-time": "2026-12-01T08:00:00Z",
    "time": "08:00:00",
    "email": "maria.alvarez@example.com",
    "uri": "https://example.com/jobs/4821",
    "uuid": "3f2c8a54-7f0e-4f7b-9a51-0d6a5d2c4821",
}
WORDS = (
    ("date", ("2026-12-01", "2026-12-02", "2026-12-03")),
    ("window", SLOTS["window"]),
    ("time", ("08:00", "10:30", "13:00", "15:30")),
    ("address", SLOTS["street"]),
    ("street", SLOTS["street"]),
    ("tech", SLOTS["tech"]),
    ("name", SLOTS["name"]),
    ("part", SLOTS["part"]),
    ("job", SLOTS["job"]),
    ("city", ("Springfield", "Dayton", "Boise", "Tulsa")),
    ("phone", ("555-0142", "555-0177", "555-0193")),
    ("email", ("maria.alvarez@example.com", "owen.price@example.com")),
    ("id", SLOTS["number"]),
    ("number", SLOTS["number"]),
)

Schema = dict[str, Any]


def value_of(schema: Schema, random: Random) -> Any:
    return Values(schema, random).of(schema, name="", depth=0)


class Values:
    def __init__(self, root: Schema, random: Random) -> None:
        self._root, self._random = root, random

    def of(self, schema: Any, *, name: str, depth: int) -> Any:
        # A schema may also be just `true`: anything goes.
        schema = resolved({} if isinstance(schema, bool) else schema, self._root, depth)
        if "const" in schema:
            return schema["const"]
        if schema.get("enum"):
            return self._random.choice(schema["enum"])
        kind = kind_of(schema, depth)
        if kind == "object":
            properties: Schema = schema.get("properties") or {}
            return {key: self.of(inner, name=key, depth=depth + 1) for key, inner in properties.items()}
        if kind == "array":
            return self._array(schema, name, depth)
        return simple(schema, kind, name, self._random)

    def _array(self, schema: Schema, name: str, depth: int) -> list[Any]:
        size = max(schema.get("minItems", 0), 0 if depth >= DEEPEST else self._random.randint(1, 2))
        items = schema.get("items") or {"type": "string"}
        return [self.of(items, name=name, depth=depth + 1) for _ in range(min(size, schema.get("maxItems", size)))]


def simple(schema: Schema, kind: str, name: str, random: Random) -> Any:
    match kind:
        case "integer" | "number":
            return number(schema, random)
        case "boolean":
            return random.choice((True, False))
        case "null":
            return None
        case _:
            return string(schema, name, random)


def resolved(schema: Schema, root: Schema, depth: int) -> Schema:
    for _ in range(DEEPEST):
        if "$ref" in schema:
            schema = target(schema["$ref"], root)
        elif options := schema.get("anyOf") or schema.get("oneOf"):
            # Deep down, the shortest way out of a recursive schema.
            ends = [option for option in options if option.get("type") == "null"]
            schema = ends[0] if ends and depth >= DEEPEST else options[0]
        elif schema.get("allOf"):
            schema = {key: value for part in schema["allOf"] for key, value in resolved(part, root, depth).items()}
        else:
            break
    return schema


def target(reference: str, root: Schema) -> Schema:
    found: Any = root
    for step in reference.removeprefix("#").strip("/").split("/"):
        if step:
            found = found.get(step, {})
    return found if isinstance(found, dict) else {}


def kind_of(schema: Schema, depth: int) -> str:
    kind = schema.get("type")
    if isinstance(kind, list):
        return (
            "null" if depth >= DEEPEST and "null" in kind else str(next((one for one in kind if one != "null"), "null"))
        )
    return str(kind) if kind else "object" if "properties" in schema else "string"


def number(schema: Schema, random: Random) -> int:
    least = schema.get("minimum", schema.get("exclusiveMinimum", 0) + ("exclusiveMinimum" in schema))
    most = schema.get("maximum", schema.get("exclusiveMaximum", least + 100) - ("exclusiveMaximum" in schema))
    step = schema.get("multipleOf", 1)
    chosen = random.randint(int(least), max(int(least), int(most)))
    return chosen if step == 1 else int(chosen // step * step)


def string(schema: Schema, name: str, random: Random) -> str:
    if schema.get("format") in FORMATS:
        return FORMATS[schema["format"]]
    lowered = name.lower()
    words = next((words for part, words in WORDS if part in lowered), None)
    text = random.choice(words) if words else fill(random.choice(SENTENCES), random)
    return text[: schema.get("maxLength", len(text))].ljust(schema.get("minLength", 0), ".")
