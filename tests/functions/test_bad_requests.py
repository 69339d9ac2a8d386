"""What no parser should see: every route that takes a body answers it with a clear 400, before it asks anything of the world."""

import base64
import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from tollgate.edge.http import write_json

ROUTES = Path(__file__).parents[2] / "functions" / "routes"
BODIES = {
    "create_chat_completion": [
        ("POST", "/api/chat"),
        ("POST", "/v1/chat/completions"),
        ("POST", "/v1/embeddings"),
        ("POST", "/v1/responses"),
    ],
    "check_cost": [("POST", "/api/cost/check")],
    "record_cost": [("POST", "/api/cost/record")],
    "put_budget": [("PUT", "/api/cost/budget/acme")],
    "create_raise": [("POST", "/api/cost/budget/acme/raises")],
    "create_key": [("POST", "/api/keys")],
    "create_connection": [("POST", "/api/connections")],
    "put_connection": [("PUT", "/api/connections/production-1001")],
}
EACH_ROUTE = pytest.mark.parametrize(
    ("folder", "method", "path"), [(folder, *route) for folder, routes in BODIES.items() for route in routes]
)
BAD = {
    "nothing": None,
    "empty": "",
    "half": "{",
    "null": "null",
    "number": "7",
    "list": "[]",
    "text": '"text"',
    "infinity": '{"dailyBudgetUsd": Infinity, "messages": -Infinity}',
    "deep": "[" * 5000 + "]" * 5000,
    "deep, and still read by Python": '{"messages": [{"role": "user", "content": ' + "[" * 900 + "]" * 900 + "}]}",
    "wrong types": '{"tenantId": 7, "messages": 7, "model": [], "role": {}, "name": null, "until": 3, "usage": 1}',
    "unknown": '{"frobnicate": true}',
    "control": '{"name": "\\u0000", "messages": [{"role": "user", "content": 7}]}',
    "half an emoji": '{"model": "gpt-4o", "messages": [{"role": "user", "content": "Hi"}], "user": "\\ud83d"}',
    "half an emoji for a name": '{"\\ud83d": 1}',
    "two million empty lists": json.dumps({"messages": [[]] * 2_000_000}),
    "huge number": '{"dailyBudgetUsd": 1e999, "inputTokens": 1e999, "messages": 1e999}',
}


def load(folder: str) -> ModuleType:
    name = f"handlers_under_test.{folder}"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, ROUTES / folder / "handler.py")
        assert spec is not None
        assert spec.loader is not None
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


def answer(folder: str, method: str, path: str, body: str | None, **changed: Any) -> tuple[int, dict[str, Any]]:
    event = {
        "resource": path,
        "path": path,
        "httpMethod": method,
        "headers": {"Content-Type": "application/json", "x-tollgate-tenant": "acme"},
        "multiValueHeaders": {},
        "queryStringParameters": None,
        "multiValueQueryStringParameters": None,
        "pathParameters": {},
        "requestContext": {
            "stage": "local",
            "path": f"/local{path}",
            "requestId": "request-1",
            "authorizer": {"keyId": "key-1", "role": "admin"},
        },
        "body": body,
        "isBase64Encoded": False,
    }
    context = SimpleNamespace(aws_request_id="request-1", get_remaining_time_in_millis=lambda: 10_000)
    told = load(folder).handle(event | changed, context)
    return told["statusCode"], json.loads(told["body"])


@EACH_ROUTE
@pytest.mark.parametrize("bad", BAD)
def test_a_body_that_is_not_a_request_gets_a_400_that_says_why(folder: str, method: str, path: str, bad: str) -> None:
    status, body = answer(folder, method, path, BAD[bad])

    assert status == 400, body
    assert body["error"]["message"]


@EACH_ROUTE
@pytest.mark.parametrize(
    ("bad", "why"), [("two million empty lists", "values"), ("deep, and still read by Python", "levels")]
)
def test_a_body_that_is_too_large_or_too_deep_to_be_walked_is_told_so(
    folder: str, method: str, path: str, bad: str, why: str
) -> None:
    status, body = answer(folder, method, path, BAD[bad])

    assert status == 400
    assert why in body["error"]["message"]


@EACH_ROUTE
@pytest.mark.parametrize("content_type", ["application/x-www-form-urlencoded", "text/plain", "multipart/form-data"])
def test_another_content_type_gets_a_400_that_names_the_right_one(
    folder: str, method: str, path: str, content_type: str
) -> None:
    headers = {"Content-Type": content_type, "x-tollgate-tenant": "acme"}

    status, body = answer(folder, method, path, "frobnicate=1", headers=headers)

    assert status == 400, body
    assert body["error"]["message"]


@EACH_ROUTE
@pytest.mark.parametrize("body", ["not base64!", base64.b64encode(b"\xff\xfe{").decode()])
def test_a_body_that_is_not_text_gets_a_400(folder: str, method: str, path: str, body: str) -> None:
    status, told = answer(folder, method, path, body, isBase64Encoded=True)

    assert status == 400, told
    assert told["error"]["message"]


@EACH_ROUTE
def test_a_route_without_an_authorizer_before_it_answers_401(folder: str, method: str, path: str) -> None:
    good = {
        "create_raise": {"dailyUsd": 1, "until": "2100-01-01T00:00:00Z", "reason": "storm"},
        "create_key": {"role": "admin", "name": "mine"},
        "create_connection": {
            "tenantId": "acme",
            "servicetitanTenantId": "1001",
            "clientId": "cid.mine",
            "clientSecret": "cs2.mine",
        },
        "put_connection": {"paused": True},
        "put_budget": {},
        "check_cost": {"model": "gpt-4o", "inputTokens": 1},
        "record_cost": {"recordId": "x", "costUsd": 1},
        "create_chat_completion": {"messages": [{"role": "user", "content": "Hello"}]},
    }

    status, body = answer(folder, method, path, json.dumps(good[folder]), requestContext={"requestId": "request-1"})

    assert status == 401, body
    assert body["error"]["code"] == "invalid_api_key"


def test_an_answer_with_half_an_emoji_can_be_sent() -> None:
    """A provider's stream splits text by tokens, and one can end inside a letter."""
    assert write_json({"content": "\ud83d"}) == '{"content":"\\ud83d"}'
