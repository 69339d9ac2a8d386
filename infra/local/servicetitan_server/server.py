"""Runs both origins in one thread, so that no two requests touch the world at once."""

import asyncio
import contextlib
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass

import uvicorn

from infra.local.servicetitan_server.routes import api_app, auth_app
from infra.local.servicetitan_server.world import World

HOST = "127.0.0.1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Addresses:
    base_url: str
    auth_url: str


def serve(world: World, *, api_port: int, auth_port: int) -> None:
    """Until the process is told to stop. Raises OSError when a port is in use."""
    with _listen(api_port) as api, _listen(auth_port) as auth:
        asyncio.run(_serve(_servers(world), [api, auth]))


@contextlib.contextmanager
def running(world: World) -> Iterator[Addresses]:
    """Both origins on free ports, in a thread of their own, for tests."""
    servers = _servers(world)
    with _listen(0) as api, _listen(0) as auth:
        thread = threading.Thread(target=lambda: asyncio.run(_serve(servers, [api, auth])), daemon=True)
        thread.start()
        try:
            yield Addresses(base_url=_url(api), auth_url=_url(auth))
        finally:
            for server in servers:
                server.should_exit = True
                server.force_exit = True
            thread.join(timeout=10)


def _servers(world: World) -> list[uvicorn.Server]:
    return [
        # The date is the world's to tell, which may be moved.
        uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False, lifespan="off", date_header=False))
        for app in (api_app(world), auth_app(world))
    ]


async def _serve(servers: list[uvicorn.Server], sockets: list[socket.socket]) -> None:
    await asyncio.gather(*(server.serve([listening]) for server, listening in zip(servers, sockets, strict=True)))


def _listen(port: int) -> socket.socket:
    # The protocol is named because asyncio sets TCP_NODELAY only then; without it each answer waits 40 ms.
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((HOST, port))
    except OSError:
        listening.close()
        raise
    listening.listen(128)
    return listening


def _url(listening: socket.socket) -> str:
    return f"http://{HOST}:{listening.getsockname()[1]}"
