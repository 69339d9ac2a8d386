"""The form that an answer must have: text, any JSON, or JSON of a schema."""

from __future__ import annotations

from dataclasses import dataclass

from infra.local.openai_server.api_error import ApiError, bad_request, missing, wrong_value
from infra.local.openai_server.fields import Json, thing
from infra.local.openai_server.message import texts
from infra.local.openai_server.schema_check import is_schema

KINDS = ("json_object", "json_schema", "text")


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputFormat:
    kind: str = "text"
    name: str = ""
    schema: Json | None = None

    @property
    def is_json(self) -> bool:
        return self.kind != "text"


def parse_format(body: Json, messages: list[Json]) -> OutputFormat:
    form = thing(body, "response_format")
    if not form:
        return OutputFormat()
    return checked_format(form, form.get("json_schema"), messages, at="response_format")


def checked_format(form: Json, wrapped: object, messages: list[Json], *, at: str) -> OutputFormat:
    match form.get("type"):
        case "text":
            return OutputFormat()
        case "json_object":
            if not any("json" in text.lower() for message in messages for text in texts(message)):
                message = f"'messages' must contain the word 'json' in some form, to use '{at}' of type 'json_object'."
                raise bad_request(message, param="messages")
            return OutputFormat(
                kind="json_object", schema={"type": "object", "properties": {"answer": {"type": "string"}}}
            )
        case "json_schema":
            return schema_format(wrapped, at)
        case None:
            raise missing(f"{at}.type")
        case kind:
            raise wrong_value(f"{at}.type", kind, KINDS)


def schema_format(wrapped: object, at: str) -> OutputFormat:
    if not isinstance(wrapped, dict):
        raise missing(f"{at}.json_schema")
    name, schema = wrapped.get("name"), wrapped.get("schema") or {}
    if not isinstance(name, str):
        raise missing(f"{at}.json_schema.name")
    if not is_schema(schema):
        raise invalid_schema(name, at, "it is not a JSON Schema")
    if wrapped.get("strict"):
        if schema.get("type") != "object":
            raise invalid_schema(name, at, "schema must be a JSON Schema of 'type: \"object\"'")
        if schema.get("additionalProperties") is not False:
            raise invalid_schema(
                name, at, "In context=(), 'additionalProperties' is required to be supplied and to be false"
            )
    return OutputFormat(kind="json_schema", name=name, schema=schema)


def invalid_schema(name: str, at: str, why: str) -> ApiError:
    return bad_request(f"Invalid schema for {at} '{name}': {why}.", param=at, code="invalid_json_schema")
