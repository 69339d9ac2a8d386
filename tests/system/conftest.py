"""The whole stack, deployed once for all system tests, on ports and a state of its own."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.system.own_stack import own_stack
from tests.system.tollgate_client import Stack, Tenant, Tollgate, new_tenant


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with own_stack(tmp_path_factory.mktemp("stack")) as run:
        yield run


@pytest.fixture(scope="session")
def admin(stack: Stack) -> Tollgate:
    return Tollgate(stack, stack.admin_key)


@pytest.fixture
def tenant(admin: Tollgate, stack: Stack) -> Tenant:
    """A new tenant with five dollars a day."""
    return new_tenant(admin, stack, dailyBudgetUsd=5)


@pytest.fixture
def local_openai(stack: Stack) -> Iterator[httpx.Client]:
    """The control of the local OpenAI, without faults before and after."""
    with httpx.Client(base_url=stack.openai_base_url.removesuffix("/v1"), timeout=30) as client:
        client.delete("/_local/faults")
        client.delete("/_local/behaviour")
        yield client
        client.delete("/_local/faults")
        client.delete("/_local/behaviour")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The first of these tests waits for the stack, and one for the sweep."""
    for item in items:
        if "system" in Path(str(item.path)).parts:
            item.add_marker(pytest.mark.timeout(900))
