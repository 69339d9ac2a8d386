"""X.

The routes are those of the API's own document, so a new one is tried here as soon as there is one.
"""

import base64
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from infra.openapi.__main__ import DATA
from tests.system.tollgate_client import Stack, Tenant, Tollgate, new_tenant

DOCUMENT = json.loads((DATA / "openapi.json").read_text(encoding="utf-8"))
ROUTES = [
    (method.upper(), path, operation)
    for path, methods in DOCUMENT["paths"].items()
    for method, operation in methods.items()
]
KEYED = [(method, path) for method, path, operation in ROUTES if operation.get("security") != []]
FOR_ADMINS = [(method, path) for method, path, operation in ROUTES if "(admin)" in operation["summary"]]
OF_A_TENANT = [(method, path) for method, path in KEYED if "{tenantId}" in path and (method, path) not in FOR_ADMINS]
WITH_BODY = [(method, path) for method, path, operation in ROUTES if "requestBody" in operation]
NAMES_ITS_TENANT = ["/api/chat", "/api/cost/check", "/api/cost/record"]
BY_HEADER = [(method, path) for method, path in KEYED if path.startswith("/v1/")]

HELLO = [{"role": "user", "content": "Who can come?"}]
# What would be a request, so that nothing but the key stands in its way.
BODIES: dict[str, dict[str, Any]] = {
    "/v1/chat/completions": {"model": "gpt-4o-mini", "messages": HELLO},
    "/v1/responses": {"model": "gpt-4o-mini", "input": "Who can come?"},
    "/v1/embeddings": {"model": "text-embedding-3-small", "input": "Who can come?"},
    "/api/chat": {"messages": HELLO},
    "/api/cost/check": {"model": "gpt-4o-mini", "inputTokens": 10, "maxOutputTokens": 10},
    "/api/cost/record": {"recordId": "r-1", "costUsd": 1},
    "/api/cost/corrections": {"tenantId": "acme-hvac", "correctionId": "c-1", "reason": "mine", "amountUsd": -1},
    "/api/keys": {"role": "admin", "name": "mine now"},
    "/api/cost/budget/{tenantId}": {"dailyBudgetUsd": 1000},
    "/api/connections": {
        "tenantId": "acme-hvac",
        "servicetitanTenantId": "1001",
        "clientId": "cid.mine",
        "clientSecret": "cs2.mine",
    },
    "/api/connections/{connectionId}": {"tenantId": "acme-hvac"},
    "/api/cost/budget/{tenantId}/raises": {"dailyUsd": 1, "until": "2030-01-01T00:00:00Z", "reason": "mine"},
}


def _token(claims: dict[str, Any]) -> str:
    def part(value: dict[str, Any]) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    return f"{part({'alg': 'none', 'typ': 'JWT'})}.{part(claims)}."


# Whatever might be taken for a key.
FORGED = {
    "nothing": None,
    "an empty one": "Bearer",
    "no scheme": "tg_0123456789abcdef",
    "basic": "Basic " + base64.b64encode(b"admin:admin").decode(),
    "an unsigned token": "Bearer " + _token({"role": "admin", "sub": "admin"}),
    "a token of a tenant": "Bearer " + _token({"role": "tenant", "tenantId": "acme-hvac"}),
    "one that is made up": "Bearer tg_aaaaaaaaaaaa_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "a wildcard": "Bearer *",
    "an injection": "Bearer tg_' OR '1'='1",
    "a table's own key": "Bearer TENANT#acme-hvac",
    "a long one": "Bearer tg_" + "a" * 4000,
}


@dataclass(frozen=True, kw_only=True)
class Two:
    mine: Tenant
    other: Tenant


@pytest.fixture(scope="module")
def two(admin: Tollgate, stack: Stack) -> Two:
    mine, other = (new_tenant(admin, stack, dailyBudgetUsd=5) for _ in range(2))
    other.chat("Only ours")
    return Two(mine=mine, other=other)


@pytest.fixture
def untouched(two: Two, admin: Tollgate) -> Iterator[None]:
    """The other tenant is as it was."""
    before = two.other.budget()
    yield
    assert two.other.budget() == before


def _filled(path: str, tenant_id: str) -> str:
    named = path.replace("{tenantId}", tenant_id)
    return re.sub(r"\{\w+\}", "2026-11.24.aaaaaaaaaaaa", named)


def _send(stack: Stack, method: str, path: str, key: str | None, body: Any = None, **headers: str) -> httpx.Response:
    sent = {"Authorization": key} if key is not None else {}
    return httpx.request(method, stack.api_url + path, headers={**sent, **headers}, json=body, timeout=60, verify=False)


@pytest.mark.parametrize("kind", FORGED)
def test_nothing_but_a_key_of_ours_opens_any_route(kind: str, stack: Stack, two: Two, untouched: None) -> None:
    for method, path in KEYED:
        answer = _send(stack, method, _filled(path, two.other.tenant_id), FORGED[kind], BODIES.get(path))

        assert answer.status_code == 401, f"{method} {path}: {answer.status_code} {answer.text}"
        assert answer.json()["error"]["code"] == "invalid_api_key"


@pytest.mark.parametrize(("method", "path"), FOR_ADMINS)
def test_a_tenant_s_key_does_nothing_that_is_an_admin_s(
    method: str, path: str, stack: Stack, two: Two, untouched: None
) -> None:
    for tenant in (two.mine, two.other):
        key, body = f"Bearer {two.mine.api.key}", BODIES.get(path)
        if body and "tenantId" in body:
            body = body | {"tenantId": tenant.tenant_id}
        answer = _send(stack, method, _filled(path, tenant.tenant_id), key, body)

        assert answer.status_code == 403, answer.text


@pytest.mark.parametrize(("method", "path"), OF_A_TENANT)
def test_another_tenant_s_path_is_closed_and_does_not_tell_whether_there_is_one(
    method: str, path: str, stack: Stack, two: Two, untouched: None
) -> None:
    key = f"Bearer {two.mine.api.key}"

    theirs = _send(stack, method, _filled(path, two.other.tenant_id), key)
    nobodys = _send(stack, method, _filled(path, "there-is-no-such-shop"), key)

    assert theirs.status_code == nobodys.status_code == 403
    assert _without_id(theirs) == _without_id(nobodys)


@pytest.mark.parametrize("path", NAMES_ITS_TENANT)
def test_another_tenant_cannot_be_named_in_a_body(path: str, stack: Stack, two: Two, untouched: None) -> None:
    for name in ("tenantId", "tenant_id"):
        body = BODIES[path] | {name: two.other.tenant_id}

        assert _send(stack, "POST", path, f"Bearer {two.mine.api.key}", body).status_code == 403


@pytest.mark.parametrize(("method", "path"), BY_HEADER)
def test_another_tenant_cannot_be_named_in_a_header(
    method: str, path: str, stack: Stack, two: Two, untouched: None
) -> None:
    key, header = f"Bearer {two.mine.api.key}", {"x-tollgate-tenant": two.other.tenant_id}

    assert _send(stack, method, _filled(path, ""), key, BODIES.get(path), **header).status_code == 403


@pytest.mark.parametrize(
    "name",
    ["x-tenant-id", "x-tollgate-tenant-id", "x-forwarded-user", "x-user", "x-amzn-request-context", "x-amzn-lambda-context",
     "x-original-url", "x-rewrite-url", "x-http-method-override", "openai-organization", "openai-project"],
)  # fmt: skip
def test_a_header_that_names_another_tenant_somewhere_else_is_nothing_to_us(
    name: str, stack: Stack, two: Two, untouched: None
) -> None:
    key, value = f"Bearer {two.mine.api.key}", two.other.tenant_id
    if name.startswith("x-amzn-"):
        value = json.dumps({"authorizer": {"role": "admin", "tenantId": value}, "request_id": value, "deadline": 1})

    answer = _send(stack, "GET", f"/api/cost/budget/{two.mine.tenant_id}", key, **{name: value})
    call = _send(stack, "POST", "/v1/chat/completions", key, BODIES["/v1/chat/completions"], **{name: value})

    assert (answer.status_code, answer.json()["tenantId"]) == (200, two.mine.tenant_id)
    assert call.status_code == 200


def test_a_tenant_that_is_named_twice_is_not_the_other_one(stack: Stack, two: Two, untouched: None) -> None:
    """In a header, in a body, and in an address."""
    mine, other = two.mine.tenant_id, two.other.tenant_id
    key = ("Authorization", f"Bearer {two.mine.api.key}")
    check = '"model": "gpt-4o-mini", "inputTokens": 10, "maxOutputTokens": 10, "hold": true'
    answers = []
    with httpx.Client(base_url=stack.api_url, timeout=60, verify=False) as client:
        for first, second in ((mine, other), (other, mine)):
            twice = [("x-tollgate-tenant", first), ("x-tollgate-tenant", second)]
            answers.append(
                client.post("/v1/chat/completions", json=BODIES["/v1/chat/completions"], headers=[key, *twice])
            )
            body = f'{{"tenantId": "{first}", "tenantId": "{second}", {check}}}'
            answers.append(client.post("/api/cost/check", content=body, headers=[key]))
            answers.append(client.get(f"/api/cost/budget/{first}", params={"tenantId": second}, headers=[key]))

    for answer in answers:
        assert answer.status_code in (200, 400, 403), answer.text
        assert other not in answer.text


def test_half_of_another_s_key_and_half_of_one_s_own_is_none(stack: Stack, two: Two, untouched: None) -> None:
    (_, my_id, my_secret), (_, their_id, their_secret) = (
        tenant.api.key.split("_", 2) for tenant in (two.mine, two.other)
    )
    for key in (f"tg_{their_id}_{my_secret}", f"tg_{my_id}_{their_secret}", f"tg_{their_id}_{their_secret[::-1]}"):
        answer = _send(stack, "GET", f"/api/cost/budget/{two.other.tenant_id}", f"Bearer {key}")

        assert answer.status_code == 401


@pytest.mark.parametrize(
    "encoded", ["%2e%2e/{}", "{}/../{}", "{}%2f", "{}%00", "{}/%2e%2e/{}", "{}?tenantId={}", "{};{}"]
)
def test_a_path_cannot_be_bent_to_another_tenant(encoded: str, stack: Stack, two: Two, untouched: None) -> None:
    bent = encoded.replace("{}", two.mine.tenant_id, 1).replace("{}", two.other.tenant_id)

    answer = _send(stack, "GET", f"/api/cost/budget/{bent}", f"Bearer {two.mine.api.key}")

    assert answer.status_code < 500
    assert two.other.tenant_id not in answer.text.replace(bent, "")


def test_a_hold_of_another_tenant_cannot_be_settled(two: Two, stack: Stack) -> None:
    check = {"model": "gpt-4o-mini", "inputTokens": 10, "maxOutputTokens": 10, "hold": True}
    hold = two.other.api.post("/api/cost/check", check).json()["hold"]["id"]
    before = two.other.budget()
    usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}

    answer = two.mine.api.post("/api/cost/record", {"holdId": hold, "model": "gpt-4o-mini", "usage": usage})

    # It counts as money of one's own, spent without a hold.
    assert answer.status_code in {201, 404, 409}
    assert two.other.budget() == before
    assert [
        each["id"] for each in two.other.api.get(f"/api/cost/budget/{two.other.tenant_id}/holds").json()["holds"]
    ] == [hold]


def test_an_answer_kept_for_another_tenant_is_not_told_again(two: Two, stack: Stack) -> None:
    keyed = {"Idempotency-Key": "the-same-key"}
    body = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "The gate code of 12 Oak Street?"}]}
    _send(stack, "POST", "/v1/chat/completions", f"Bearer {two.other.api.key}", body, **keyed)

    mine = _send(stack, "POST", "/v1/chat/completions", f"Bearer {two.mine.api.key}", body, **keyed)

    assert mine.status_code == 200
    assert "x-tollgate-idempotent-replay" not in mine.headers


# ---- bodies that nobody means well with -----------------------------------------------------------------------------


MONSTERS: dict[str, bytes] = {
    "9 MB": b'{"a": "' + b"a" * 9_000_000 + b'"}',
    "a deep one": b"[" * 100_000,
    "half of one": b'{"messages": [',
    "not text": bytes(range(128, 256)),
    "a number": b"1",
    "null": b"null",
    "NaN": b'{"costUsd": NaN, "dailyBudgetUsd": NaN, "messages": NaN}',
    "a huge number": b'{"costUsd": 1e999, "dailyBudgetUsd": 1e999, "maxOutputTokens": 1e999}',
    "many digits": b'{"costUsd": ' + b"9" * 10_000 + b"}",
    "half an emoji": b'{"model": "\\ud83d", "name": "\\ud83d", "role": "\\ud83d"}',
    "NUL": b'{"model": "a\\u0000b", "recordId": "a\\u0000b", "reason": "\\u0000"}',
    "a name twice": b'{"tenantId": "a", "tenantId": "b"}',
    "a prototype": b'{"__proto__": {"role": "admin"}, "constructor": {"prototype": {}}}',
}


@pytest.mark.parametrize("kind", MONSTERS)
def test_no_body_breaks_a_route(kind: str, stack: Stack, two: Two, untouched: None) -> None:
    """An admin gets furthest."""
    with httpx.Client(
        base_url=stack.api_url, headers={"Authorization": f"Bearer {stack.admin_key}"}, timeout=60
    ) as client:
        for method, path in WITH_BODY:
            answer = client.request(method, _filled(path, "shop-of-nobody"), content=MONSTERS[kind])

            assert 400 <= answer.status_code < 500, f"{method} {path}: {answer.status_code} {answer.text[:300]}"
            assert answer.json()["error"]["message"]


def _without_id(answer: httpx.Response) -> dict[str, Any]:
    error: dict[str, Any] = answer.json()["error"]
    error.pop("requestId", None)
    return error
