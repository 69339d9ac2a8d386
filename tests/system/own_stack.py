"""A deployed stack on ports and a state of its own, for as long as it is needed."""

import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.leaks import leaks_of
from tests.system.tollgate_client import Stack

ROOT = Path(__file__).parents[2]
PORTS = (
    "TOLLGATE_PORT",
    "MINISTACK_PORT",
    "POSTGRES_PORT",
    "OPENAI_PORT",
    "SERVICETITAN_PORT",
    "SERVICETITAN_AUTH_PORT",
)


@contextmanager
def own_stack(state: Path, **more: str) -> Iterator[Stack]:
    """`more`: variables of its own. At the end no log of it may have a key, a secret or a prompt that the tests sent."""
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("OPENAI_", "SERVICETITAN_", "HELICONE_", "OTEL_"))
    }
    environment |= (
        more | {"TOLLGATE_STATE_DIR": str(state)} | dict(zip(PORTS, map(str, free_ports(len(PORTS))), strict=True))
    )
    with ExitStack() as closing:
        run = Stack(root=ROOT, state=state, environment=environment, closing=closing)
        try:
            run.command("up", seconds=400)
            yield run
            leaks = leaks_of(log_files(state))
        finally:
            run.command("clean", seconds=120)
        assert not leaks, "The stack's logs have what no log may have:\n" + "\n".join(leaks[:50])


def log_files(state: Path) -> list[Path]:
    """Of every program of the stack: what functions log is in ministack's and in the gateway's."""
    return sorted((state / "logs").glob("*.log"))


def free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports
