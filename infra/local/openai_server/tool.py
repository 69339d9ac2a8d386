"""The tools of a request, and whether it must, may or must not call them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from infra.local.openai_server.api_error import bad_request, missing, wrong_value
from infra.local.openai_server.fields import Json, things
from infra.local.openai_server.schema_check import is_schema

NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolChoice:
    mode: str
    names: tuple[str, ...]
    """Those that may be called."""


def parse_tools(body: Json) -> list[Json]:
    tools = things(body, "tools")
    for index, tool in enumerate(tools):
        check_tool(tool, f"tools[{index}]")
    return tools


def check_tool(tool: Json, at: str) -> None:
    kind = tool.get("type")
    if kind not in ("function", "custom"):
        raise missing(f"{at}.type") if kind is None else wrong_value(f"{at}.type", kind, ("function", "custom"))
    inner = tool.get(kind)
    if not isinstance(inner, dict) or not isinstance(inner.get("name"), str):
        raise missing(f"{at}.{kind}.name")
    if not NAME.fullmatch(inner["name"]):
        expected = "Expected a string that matches the pattern '^[a-zA-Z0-9_-]+$'."
        message = f"Invalid '{at}.{kind}.name': string does not match pattern. {expected}"
        raise bad_request(message, param=f"{at}.{kind}.name", code="invalid_value")
    parameters = inner.get("parameters") or {}
    if kind == "function" and not (is_schema(parameters) and parameters.get("type", "object") == "object"):
        message = f"Invalid schema for function '{inner['name']}': schema must be a JSON Schema of 'type: \"object\"'."
        raise bad_request(message, param=f"{at}.function.parameters", code="invalid_function_parameters")


def parse_choice(body: Json, tools: list[Json]) -> ToolChoice:
    names = tuple(tool_name(tool) for tool in tools)
    choice = body.get("tool_choice")
    if choice is None:
        return ToolChoice(mode="auto", names=names)
    if not tools and choice != "none":
        message = "Invalid value for 'tool_choice': 'tool_choice' is only allowed when 'tools' are specified."
        raise bad_request(message, param="tool_choice")
    match choice:
        case "none" | "auto" | "required":
            return ToolChoice(mode=choice, names=names)
        case {"type": "function" | "custom" as kind}:
            return named_choice(choice.get(kind, choice), names)
        case {"type": "allowed_tools"}:
            allowed = choice.get("allowed_tools", choice)
            return ToolChoice(mode=allowed.get("mode", "auto"), names=tuple(map(tool_name, allowed.get("tools", ()))))
        case _:
            raise wrong_value("tool_choice", choice, ("none", "auto", "required"))


def named_choice(inner: Json, names: tuple[str, ...]) -> ToolChoice:
    name = inner.get("name", "")
    if name not in names:
        message = f"Invalid value for 'tool_choice': the function '{name}' was not found in the list of tools."
        raise bad_request(message, param="tool_choice")
    return ToolChoice(mode="required", names=(name,))


def tool_name(tool: Json) -> str:
    return str(tool.get(tool["type"], tool)["name"])
