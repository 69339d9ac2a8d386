"""Every route, asked in process what nobody means well: thousands of requests, none of which breaks it, or is believed."""

import json
import os
from collections import Counter
from collections.abc import Iterator
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from tests.fakes.gate import TENANT, load, wired
from tests.fakes.http_server import Server, serving
from tests.fakes.openai_provider import provider
from tests.functions.bent_requests import ROUTES, Request, bent
from tests.infra.template import functions
from tollgate import wiring

# Of each route, as an admin; twice as many as a tenant.
EACH = 2_000 if os.environ.get("HYPOTHESIS_PROFILE") == "soak" else 30
# Done; or would be, where there were such a hold, and Postgres.
NOT_A_FAULT = {200, 201, 204, 404, 503}
OTHER = "bolt-electric"
# Nobody is there: what has come so far was read, and is answered with 503.
NO_DATABASE = "postgresql://tollgate@127.0.0.1:9/tollgate"


@pytest.fixture(scope="module")
def openai() -> Iterator[Server]:
    with serving(provider()) as server:
        yield server


@pytest.fixture(scope="module")
def world(openai: Server) -> Iterator[None]:
    never = {"LOOP_REPEATS": "0", "LOOP_FAILURES": "0", "BREAKER_FAILURES": "0", "BREAKER_RATE_LIMITS": "0"}
    tables = {
        "KEYS_TABLE": "keys",
        "IDEMPOTENCY_TABLE": "kept",
        "DATABASE_URL": NO_DATABASE,
        "SERVICETITAN_SECRET_ARN": "st",
    }
    forget_all()
    with wired("OPENAI_API_KEY_SECRET_ARN", OPENAI_BASE_URL=f"{openai.url}/v1", **tables, **never):
        for name in ("keys", "kept"):
            wiring.dynamodb().create_table(
                TableName=name,
                AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
                KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
                BillingMode="PAY_PER_REQUEST",
            )
        for tenant_id in (TENANT, OTHER):
            wiring.accounts().create(wiring.default_settings(tenant_id), [])
        yield
    forget_all()


def forget_all() -> None:
    for built in vars(wiring).values():
        if hasattr(built, "cache_clear"):
            built.cache_clear()


_loaded: dict[str, ModuleType] = {}


def handler_of(method: str, path: str) -> ModuleType:
    folder = next(iter(_folders(method, path)))
    if folder not in _loaded:
        _loaded[folder] = load(folder)
    return _loaded[folder]


def _folders(method: str, path: str) -> Iterator[str]:
    for function in functions().values():
        events = [each["Properties"] for each in function.get("Events", {}).values() if each["Type"] == "Api"]
        if any((each["Method"].upper(), each["Path"]) == (method, path) for each in events):
            yield str(function["CodeUri"]).removeprefix("functions/")
    yield "routes/create_chat_completion"


def asked(request: Request, route: str, authorizer: dict[str, str]) -> tuple[int, str]:
    event = {
        "resource": route,
        "path": request.path,
        "httpMethod": request.method,
        "headers": request.headers,
        "multiValueHeaders": {name: [value] for name, value in request.headers.items()},
        "queryStringParameters": request.query or None,
        "multiValueQueryStringParameters": {name: [value] for name, value in request.query.items()} or None,
        "pathParameters": request.path_parameters,
        "requestContext": {"stage": "local", "path": request.path, "requestId": "r-1", "authorizer": authorizer},
        "body": request.body,
        "isBase64Encoded": False,
    }
    context = SimpleNamespace(aws_request_id="r-1", get_remaining_time_in_millis=lambda: 20_000)
    told: dict[str, Any] = handler_of(request.method, route).handle(event, context)
    return int(told["statusCode"]), str(told["body"])


@pytest.mark.parametrize(("method", "path"), [(method, path) for method, path, _ in ROUTES])
def test_no_bent_request_breaks_a_route(method: str, path: str, world: None) -> None:
    """As an admin, who gets furthest."""
    operation = next(each for verb, route, each in ROUTES if (verb, route) == (method, path))
    statuses: Counter[int] = Counter()
    for request in bent(method, path, operation, count=EACH):
        status, body = asked(request, path, {"keyId": "key-1", "role": "admin"})
        statuses[status] += 1

        # Without Postgres a summary is a 503, once its parameters were read.
        assert status < 500 or (status == 503 and "spans_unavailable" in body), (status, body[:300], request)
        if status >= 400:
            error = json.loads(body)["error"]
            assert error["message"]
            assert "Traceback" not in body

    assert statuses.total() == EACH
    assert statuses.keys() & NOT_A_FAULT, "the request that was bent is no right one"
    print(f"{method} {path}: {dict(sorted(statuses.items()))}")


@pytest.mark.parametrize(("method", "path"), [(method, path) for method, path, _ in ROUTES])
def test_no_bent_request_of_one_tenant_s_reaches_another(method: str, path: str, world: None) -> None:
    before = state_of(OTHER)
    operation = next(each for verb, route, each in ROUTES if (verb, route) == (method, path))

    for request in bent(method, path, operation, count=EACH):
        for named in (request, towards(request, OTHER)):
            status, body = asked(named, path, {"keyId": "key-1", "role": "tenant", "tenantId": TENANT})

            assert status != 500, (status, body[:300], named)
            assert OTHER not in body or status in (400, 403, 404), (status, body[:300], named)

    assert state_of(OTHER) == before


def towards(request: Request, tenant_id: str) -> Request:
    """The same, with the other tenant wherever one's own is named."""
    return Request(
        method=request.method,
        path=request.path.replace(TENANT, tenant_id),
        query=request.query | {"tenantId": tenant_id},
        headers={**request.headers, "x-tollgate-tenant": tenant_id},
        body=request.body.replace(TENANT, tenant_id) if request.body else None,
        path_parameters={name: value.replace(TENANT, tenant_id) for name, value in request.path_parameters.items()},
    )


def state_of(tenant_id: str) -> list[Any]:
    """All that any table has of him."""
    client = wiring.dynamodb()
    items = [item for table in client.list_tables()["TableNames"] for item in client.scan(TableName=table)["Items"]]
    return [item for item in items if tenant_id in json.dumps(item, default=str)]
