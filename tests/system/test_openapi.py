"""The API's document against the deployed API: requests made up from it, and every answer held against it."""

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from infra.openapi.__main__ import DATA
from tests.system.tollgate_client import Stack, Tenant, Tollgate, new_tenant

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
# Half of them as the document has it, half not; each operation.
REQUESTS = 10
DOCUMENT = schemathesis.openapi.from_dict(json.loads((DATA / "openapi.json").read_text(encoding="utf-8")))
OPERATIONS = {found.ok().label: found.ok() for found in DOCUMENT.get_all_operations()}
REPRODUCIBLE = settings(
    max_examples=REQUESTS,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(scope="module")
def shop(admin: Tollgate, stack: Stack) -> Tenant:
    return new_tenant(admin, stack, dailyBudgetUsd=5)


@pytest.mark.parametrize("label", sorted(OPERATIONS))
def test_every_answer_is_one_that_the_document_knows(label: str, stack: Stack, shop: Tenant) -> None:
    """By an admin and by a tenant, on a tenant that is there and on made-up ones."""
    keys = st.sampled_from([stack.admin_key, shop.api.key])

    @REPRODUCIBLE
    @given(case=_requests(OPERATIONS[label]), key=keys, is_there=st.booleans())
    def each(case: Any, key: str, is_there: bool) -> None:
        if is_there and "tenantId" in (case.path_parameters or {}):
            case.path_parameters["tenantId"] = shop.tenant_id
        headers = {"Authorization": f"Bearer {key}"}
        answer = case.call(base_url=stack.api_url, headers=headers, timeout=60)
        case.validate_response(answer, checks=CHECKS, headers=headers)

    each()


def _requests(operation: Any) -> st.SearchStrategy[Any]:
    """Where there is nothing to get wrong, only right ones."""
    right: Callable[..., st.SearchStrategy[Any]] = operation.as_strategy
    if not (list(operation.iter_parameters()) or operation.body):
        return right()
    return right() | right(generation_mode=GenerationMode.NEGATIVE)


def test_the_page_names_every_route(stack: Stack) -> None:
    page = httpx.get(f"{stack.api_url}/docs")
    paths = httpx.get(f"{stack.api_url}/openapi.json").json()["paths"]

    assert page.headers["content-type"].startswith("text/html")
    assert all(f"<code>{path}</code>" in page.text for path in paths)
    assert "<script" not in page.text
