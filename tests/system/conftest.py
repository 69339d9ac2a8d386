"""The whole stack, deployed once for all system tests, on ports and a state of its own."""

import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from tests.system.tollgate_client import Stack, Tenant, Tollgate, new_tenant

ROOT = Path(__file__).parents[2]
PORTS = (
    "TOLLGATE_PORT",
    "MINISTACK_PORT",
    "POSTGRES_PORT",
    "OPENAI_PORT",
    "SERVICETITAN_PORT",
    "SERVICETITAN_AUTH_PORT",
)


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    state = tmp_path_factory.mktemp("stack")
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("OPENAI_", "SERVICETITAN_", "HELICONE_"))
    }
    environment |= {"TOLLGATE_STATE_DIR": str(state)} | dict(zip(PORTS, map(str, free_ports(len(PORTS))), strict=True))
    with ExitStack() as closing:
        run = Stack(root=ROOT, state=state, environment=environment, closing=closing)
        try:
            run.command("up", seconds=400)
            yield run
        finally:
            run.command("clean", seconds=120)


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


def free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The first of these tests waits for the stack, and one for the sweep."""
    for item in items:
        if "system" in Path(str(item.path)).parts:
            item.add_marker(pytest.mark.timeout(900))
