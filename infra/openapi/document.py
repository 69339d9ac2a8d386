"""OpenAPI 3.1, merged from the handlers of all routes."""

import importlib.util
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from aws_lambda_powertools.event_handler.openapi.merge import OpenAPIMerge

from infra.build import ROOT
from tollgate import VERSION
from tollgate.domain import chat_fields, embeddings, responses

ANSWERS = Path(__file__).with_name("answers.yaml")
METHODS = ("get", "put", "post", "patch", "delete")
# What Powertools writes down of its own validation. Our edge answers these otherwise.
NOT_OURS = {"HTTPValidationError", "ValidationError", "ResponseValidationError"}
# What every route may answer that wants a key: the edge, the authorizer, API Gateway and the ledger behind it.
USUAL_ERRORS = (400, 401, 403, 413, 429, 503)
FIELDS = {"chat": chat_fields.FIELDS, "responses": responses.FIELDS, "embeddings": embeddings.FIELDS}
MEANINGS = {
    400: "The request is invalid, or its cost cannot be bounded.",
    401: "The key is missing, unknown, expired or revoked.",
    403: "The key may not do that.",
    404: "There is no such thing.",
    409: "It contradicts what is there already.",
    412: "It has been changed meanwhile.",
    413: "The body is too large.",
    422: "The Idempotency-Key was used for another request.",
    429: "A budget, a rate or a breaker refused it; `reason` says which. `x-should-retry` says whether a retry can help.",
    500: "Something broke on our side, or the provider's own error.",
    502: "The provider's own error.",
    503: "The ledger, the span store or the provider cannot be reached.",
    504: "The call may have been made and billed; its hold is booked in full.",
}


def document() -> dict[str, Any]:
    told = yaml.safe_load(ANSWERS.read_text(encoding="utf-8"))
    read = handlers()
    routes = {(method, path): operation for method, path, operation in _operations(read)}
    check_complete({f"{method.upper()} {path}" for method, path in routes}, set(told["routes"]))
    paths: dict[str, dict[str, Any]] = {}
    for (method, path), operation in sorted(
        routes.items(), key=lambda route: (route[0][1], METHODS.index(route[0][0]))
    ):
        paths.setdefault(path, {})[method] = _operation(
            operation, method, path, told["routes"][f"{method.upper()} {path}"]
        )
    schemas = {**read["components"]["schemas"], **told["schemas"]}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Tollgate", "version": VERSION, "description": "Cost control for LLM agents.", "license": {"name": "MIT"}},
        "tags": told["tags"],
        "servers": [{"url": "/"}],
        "security": [{"key": []}],
        "paths": paths,
        "components": {
            "schemas": {name: schemas[name] for name in sorted(schemas) if name not in NOT_OURS},
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer", "description": "A tenant's key, or an admin's."}},
        },
    }  # fmt: skip


def handlers() -> dict[str, Any]:
    """What Powertools reads off all of them. Its own discovery finds none: it looks for files that make their resolver by class."""
    merged = OpenAPIMerge(title="Tollgate", version=VERSION, on_conflict="error")
    for file in sorted((ROOT / "functions" / "routes").glob("*/handler.py")):
        spec = importlib.util.spec_from_file_location(f"route_{file.parent.name}", file)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        merged.add_schema(json.loads(module.app.get_openapi_json_schema()))
    return merged.get_openapi_schema()


def check_complete(routes: set[str], told: set[str]) -> None:
    """Raises ValueError where a route has no answers, or answers have no route."""
    if routes != told:
        raise ValueError(f"answers.yaml lacks {sorted(routes - told)} and has {sorted(told - routes)} too many")


def _operations(read: Mapping[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in read["paths"].items():
        for method, operation in methods.items():
            yield method, re.sub(r"\{(\w+)\}", lambda found: f"{{{camel(found[1])}}}", path), operation


def _operation(read: dict[str, Any], method: str, path: str, told: Mapping[str, Any]) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": re.sub(r"\W+", "_", f"{method} {path}").strip("_"),
        "summary": told["title"],
        "tags": [told["tag"]],
    }
    if "description" in told:
        operation["description"] = told["description"]
    parameters = [_parameter(each) for each in read.get("parameters", [])]
    named = {each["name"] for each in parameters}
    # Those that a handler reads by hand.
    parameters += [_in_path(name) for name in re.findall(r"\{(\w+)\}", path) if name not in named]
    if parameters:
        operation["parameters"] = parameters
    if "body" in told:
        operation["requestBody"] = _body(**told["body"])
    elif "requestBody" in read:
        operation["requestBody"] = read["requestBody"] | {"required": True}
    if told.get("open"):
        operation["security"] = []
    operation["responses"] = _answers(told)
    return operation


def _parameter(read: Mapping[str, Any]) -> dict[str, Any]:
    name = camel(read["name"]) if read["in"] == "path" else read["name"]
    schema = {key: value for key, value in read["schema"].items() if key != "title"}
    described = {"description": read["description"]} if "description" in read else {}
    return {"name": name, "in": read["in"], "required": bool(read.get("required"))} | described | {"schema": schema}


def _in_path(name: str) -> dict[str, Any]:
    return {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}


def _body(*, fields: str, required: list[str]) -> dict[str, Any]:
    """OpenAI's own, of which the names are ours to allow."""
    schema = {
        "type": "object",
        "properties": {name: {} for name in sorted(FIELDS[fields])},
        "required": required,
        "additionalProperties": False,
    }
    return {"required": True, "content": {"application/json": {"schema": schema}}}


def _answers(told: Mapping[str, Any]) -> dict[str, Any]:
    answers = {str(status): _answer(schema, told) for status, schema in told["answers"].items()}
    usual = () if told.get("open") else USUAL_ERRORS
    for status in sorted({*usual, *told.get("errors", ())} - set(told["answers"])):
        answers[str(status)] = {
            "description": MEANINGS[status],
            "content": {"application/json": {"schema": ref("Error")}},
        }
    return dict(sorted(answers.items()))


def _answer(schema: str | None, told: Mapping[str, Any]) -> dict[str, Any]:
    if schema is None:
        return {"description": "Done."}
    content: dict[str, Any] = {"text/html" if told.get("html") else "application/json": {"schema": ref(schema)}}
    if told.get("streams"):
        content["text/event-stream"] = {"schema": {"type": "string"}}
    if told.get("csv"):
        content["text/csv"] = {"schema": {"type": "string"}}
    return {"description": schema, "content": content}


def ref(schema: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{schema}"}


def camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)
