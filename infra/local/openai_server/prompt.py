"""A request as the row of tokens that OpenAI bills as its prompt.

Overheads: https://github.com/openai/openai-cookbook, examples/How_to_count_tokens_with_tiktoken.ipynb.
"""

from __future__ import annotations

from array import array
from binascii import crc32
from dataclasses import dataclass
from typing import Any

from infra.local.openai_server.compact_json import compact
from infra.local.openai_server.fields import Json
from infra.local.openai_server.image import image_size
from infra.local.openai_server.message import invalid_image
from infra.local.openai_server.model import Model
from infra.local.openai_server.output_format import OutputFormat
from infra.local.openai_server.tokens import encode

START, END, SEPARATOR = 200_264, 200_265, 200_266
# Which tokens OpenAI uses for these is not known; how many is.
NAME, OVERHEAD = 200_267, 200_268
PER_FUNCTION, AFTER_FUNCTIONS, BEFORE_PROPERTIES, PER_PROPERTY, PER_ENUM, PER_ENUM_ITEM = 7, 12, 3, 3, -3, 3
PER_CALL = 3
# Only a rough rule for PDFs: text and an image of each page, of about 100 kB.
FILE_BYTES_PER_TOKEN = 50


@dataclass(frozen=True, slots=True)
class Prompt:
    tokens: array[int]
    image_tokens: int

    def __len__(self) -> int:
        return len(self.tokens)


def chat_prompt(messages: list[Json], tools: list[Json], form: OutputFormat, model: Model) -> Prompt:
    """Tools and schema first, then the messages: the order in which prefixes are cached."""
    tokens = array("I")
    if tools:
        add_tools(tokens, tools)
    if form.kind == "json_schema":
        tokens.extend(encode(compact({"name": form.name, "schema": form.schema})))
    image_tokens = sum(add_message(tokens, message, model) for message in messages)
    tokens.extend((START, *encode("assistant"), SEPARATOR))
    return Prompt(tokens, image_tokens)


def add_message(tokens: array[int], message: Json, model: Model) -> int:
    """Returns how many of the tokens are an image's."""
    tokens.extend((START, encode(message["role"])[0], SEPARATOR, END))
    if message.get("name"):
        tokens.append(NAME)
        tokens.extend(encode(str(message["name"])))
    for call in message.get("tool_calls") or ():
        inner = call.get("function") or call.get("custom") or {}
        tokens.extend((OVERHEAD,) * PER_CALL)
        tokens.extend(encode(str(inner.get("name", ""))))
        tokens.extend(encode(str(inner.get("arguments") or inner.get("input") or "")))
    content = message.get("content")
    if isinstance(content, str):
        tokens.extend(encode(content))
        return 0
    return sum(add_part(tokens, part, model) for part in content or ())


def add_part(tokens: array[int], part: Json, model: Model) -> int:
    match part["type"]:
        case "image_url":
            return add_image(tokens, part["image_url"], model)
        case "file":
            data = str(part["file"]["file_data"])
            add_stand_ins(tokens, data, 1_000 + len(data) // FILE_BYTES_PER_TOKEN)
        case kind:
            tokens.extend(encode(part[kind]))
    return 0


def add_image(tokens: array[int], image: Json, model: Model) -> int:
    try:
        width, height = image_size(image["url"])
    except (ValueError, ArithmeticError) as error:
        raise invalid_image() from error
    size = model.images.tokens(width, height, image.get("detail") or "auto")
    add_stand_ins(tokens, image["url"], size)
    return size


def add_stand_ins(tokens: array[int], content: str, size: int) -> None:
    """As many tokens as asked for, the same for the same content, so that prefixes with images are cached too."""
    tokens.extend(array("I", [crc32(content.encode(errors="surrogatepass"))]) * size)


def add_tools(tokens: array[int], tools: list[Json]) -> None:
    overhead = AFTER_FUNCTIONS
    for tool in tools:
        inner = tool[tool["type"]]
        overhead += PER_FUNCTION
        tokens.extend(encode(f"{inner['name']}:{described(inner)}"))
        overhead += add_properties(tokens, inner.get("parameters") or inner.get("format") or {})
    tokens.extend((OVERHEAD,) * overhead)


def add_properties(tokens: array[int], schema: Json) -> int:
    """Returns the overhead of a schema's properties, theirs included."""
    properties: dict[str, Any] = schema.get("properties") or {}
    overhead = BEFORE_PROPERTIES if properties else 0
    for name, inner in properties.items():
        if not isinstance(inner, dict):
            continue
        overhead += PER_PROPERTY
        tokens.extend(encode(f"{name}:{inner.get('type', '')}:{described(inner)}"))
        if enum := inner.get("enum"):
            overhead += max(0, PER_ENUM + PER_ENUM_ITEM * len(enum))
            for item in enum:
                tokens.extend(encode(str(item)))
        overhead += add_properties(tokens, inner)
        if isinstance(inner.get("items"), dict):
            overhead += add_properties(tokens, inner["items"])
    return overhead


def described(schema: Json) -> str:
    return str(schema.get("description") or "").removesuffix(".")
