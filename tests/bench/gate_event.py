"""An event as API Gateway hands it to a route, with what the authorizer found."""

import json
from collections.abc import Mapping
from typing import Any

from tests.bench.busy_shop import TENANT_ID, agent_label
from tollgate.domain.settings_text import settings_to_text
from tollgate.domain.tenant import TenantSettings

ADMIN = {"keyId": "abcdefabcdef", "role": "admin"}
# Each call says another number: an agent that repeats itself is stopped.
NUMBER = "<number>"
QUESTION = f"Visit {NUMBER}. " + "Water runs down my kitchen wall, when can somebody come? I am home after four. " * 20
CHAT = {
    "model": "gpt-4o",
    "messages": [
        {"role": "system", "content": "You book visits for a plumber. Ask for the address and the trouble. " * 40},
        {"role": "user", "content": QUESTION},
    ],
    "max_completion_tokens": 1024,
    "temperature": 0.2,
    "metadata": {"agent": agent_label(0), "runId": "run_01J9ZK4M7Q", "jobId": "48213377"},
}


def tenant(settings: TenantSettings) -> dict[str, str]:
    return {"keyId": "abcdefabcdef", "role": "tenant", "tenantId": TENANT_ID, "account": settings_to_text(settings)}


def event(method: str, path: str, authorizer: Mapping[str, str], body: object = None) -> dict[str, Any]:
    headers = {
        "Accept": "application/json",
        "Authorization": "Bearer tg_abcdefabcdef_" + "x" * 43,
        "Content-Type": "application/json",
        "Host": "abc123.execute-api.us-east-1.amazonaws.com",
        "User-Agent": "OpenAI/Python 3.54.0",
        "X-Amzn-Trace-Id": "Root=1-6740b3a0-1f0f6d0a2b8d3c4e5f607182",
        "X-Forwarded-For": "203.0.113.7",
        "x-stainless-lang": "python",
        "x-stainless-retry-count": "0",
    }
    return {
        "resource": path,
        "path": path,
        "httpMethod": method,
        "headers": headers,
        "multiValueHeaders": {name: [value] for name, value in headers.items()},
        "queryStringParameters": None,
        "multiValueQueryStringParameters": None,
        "pathParameters": None,
        "stageVariables": None,
        "requestContext": {
            "stage": "dev",
            "path": f"/dev{path}",
            "httpMethod": method,
            "requestId": "7f1d2c3b-0a49-4c55-9e21-6b8d3f7a1c20",
            "identity": {"sourceIp": "203.0.113.7"},
            "authorizer": dict(authorizer),
        },
        "body": None if body is None else json.dumps(body),
        "isBase64Encoded": False,
    }
