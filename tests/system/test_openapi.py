"""The API's document against the deployed API: requests made up from it, and every answer held against it."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.system.tollgate_client import Stack, Tenant, Tollgate, new_tenant

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
EXAMPLES = 12
asked: Counter[str] = Counter()


@pytest.fixture(scope="module")
def document(stack: Stack) -> Any:
    return schemathesis.openapi.from_url(f"{stack.api_url}/openapi.json")


@pytest.fixture(scope="module")
def shop(admin: Tollgate, stack: Stack) -> Tenant:
    return new_tenant(admin, stack, dailyBudgetUsd=5)


@pytest.fixture(scope="module", autouse=True)
def counted() -> Iterator[None]:
    yield
    print(f"{sum(asked.values())} requests made up, of {len(asked)} operations")


api = schemathesis.pytest.from_fixture("document")


@api.parametrize()
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_every_answer_is_one_that_the_document_knows(case: Any, stack: Stack, shop: Tenant) -> None:
    """By turns as an admin and as a tenant, on a tenant that is there and on made-up ones."""
    number = asked[case.operation.label]
    asked[case.operation.label] += 1
    key = stack.admin_key if number % 2 else shop.api.key
    if case.path_parameters and "tenantId" in case.path_parameters and number % 3:
        case.path_parameters["tenantId"] = shop.tenant_id

    case.call_and_validate(checks=CHECKS, headers={"Authorization": f"Bearer {key}"}, timeout=30)


def test_the_page_names_every_route(stack: Stack) -> None:
    page = httpx.get(f"{stack.api_url}/docs")
    paths = httpx.get(f"{stack.api_url}/openapi.json").json()["paths"]

    assert page.headers["content-type"].startswith("text/html")
    assert all(f"<code>{path}</code>" in page.text for path in paths)
    assert "<script" not in page.text
