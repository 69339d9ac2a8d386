"""The client's TCP connection, so that an answer can break off as networks break."""

from __future__ import annotations

import asyncio
import socket
import struct
from typing import Any

from uvicorn.protocols.http.auto import AutoHTTPProtocol

# Linger for no time: closing then sends RST instead of FIN.
NO_LINGER = struct.pack("ii", 1, 0)


class Connection:
    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._lost = asyncio.Event()

    @property
    def is_lost(self) -> bool:
        return self._lost.is_set() or self._transport.is_closing()

    def mark_lost(self) -> None:
        self._lost.set()

    async def wait_lost(self, seconds: float | None) -> None:
        try:
            await asyncio.wait_for(self._lost.wait(), seconds)
        except TimeoutError:
            return

    async def close(self) -> None:
        """What was written still goes out, then the connection ends, in the middle of whatever it was."""
        self._transport.close()
        await self._lost.wait()

    async def reset(self) -> None:
        connected = self._transport.get_extra_info("socket")
        connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)
        self._transport.abort()
        await self._lost.wait()


class ConnectedProtocol(AutoHTTPProtocol):  # type: ignore[misc, valid-type]
    """uvicorn's protocol; each request finds its connection in `request.state.connection`."""

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self.connection = Connection(transport)
        # Every request is given a copy of this as its state.
        self.app_state: dict[str, Any] = {**self.app_state, "connection": self.connection}

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self.connection.mark_lost()
