"""Kept connections to one address, whose failures are botocore's errors: what they mean for a write is decided by those."""

import select
import socket
import weakref
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import botocore
from botocore.exceptions import (
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    ReadTimeoutError,
    SSLError,
)

PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """`headers`: names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Connections:
    """Threads may share them: each has one for itself while it asks."""

    def __init__(self, url: str, *, connect_timeout_s: float, read_timeout_s: float) -> None:
        parts = urlsplit(url)
        assert parts.hostname is not None, f"{url} has no host"
        self.host, self.path = parts.netloc, parts.path or "/"
        self._url = url
        self._name, self._port = parts.hostname, parts.port or PORTS[parts.scheme]
        self._connect_timeout_s, self._read_timeout_s = connect_timeout_s, read_timeout_s
        self._tls = _tls_context() if parts.scheme == "https" else None
        self._idle: list[socket.socket] = []
        # Whoever forgets a client has not closed it.
        weakref.finalize(self, _close_all, self._idle)

    def post(self, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Raises ConnectTimeoutError, EndpointConnectionError and SSLError where nothing was sent, else ReadTimeoutError and
        ConnectionClosedError."""
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        head = f"POST {self.path} HTTP/1.1\r\n{lines}content-length: {len(body)}\r\n\r\n"
        connection = self._connected()
        try:
            answer, is_kept = _exchange(connection, head.encode("ascii") + body)
        except TimeoutError as error:
            connection.close()
            raise ReadTimeoutError(endpoint_url=self._url, error=error) from error
        except (OSError, HTTPException) as error:
            connection.close()
            raise ConnectionClosedError(endpoint_url=self._url, error=error) from error
        except BaseException:
            # What is left of an answer would be taken for the next one's.
            connection.close()
            raise
        if is_kept:
            self._idle.append(connection)
        else:
            connection.close()
        return answer

    def close(self) -> None:
        _close_all(self._idle)

    def _connected(self) -> socket.socket:
        """The one that was used last: the others may have been closed by the other side meanwhile."""
        while True:
            try:
                connection = self._idle.pop()
            except IndexError:
                return self._connect()
            if not _was_left(connection):
                return connection
            connection.close()

    def _connect(self) -> socket.socket:
        try:
            connection = socket.create_connection((self._name, self._port), timeout=self._connect_timeout_s)
        except TimeoutError as error:
            raise ConnectTimeoutError(endpoint_url=self._url, error=error) from error
        except OSError as error:
            raise EndpointConnectionError(endpoint_url=self._url, error=error) from error
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        if self._tls is not None:
            connection = self._secured(connection, self._tls)
        connection.settimeout(self._read_timeout_s)
        return connection

    def _secured(self, connection: socket.socket, tls: Any) -> socket.socket:
        try:
            secured: socket.socket = tls.wrap_socket(connection, server_hostname=self._name)
            return secured
        except TimeoutError as error:
            connection.close()
            raise ConnectTimeoutError(endpoint_url=self._url, error=error) from error
        except OSError as error:
            connection.close()
            raise SSLError(endpoint_url=self._url, error=error) from error


def _close_all(connections: list[socket.socket]) -> None:
    while connections:
        connections.pop().close()


def _exchange(connection: socket.socket, request: bytes) -> tuple[Answer, bool]:
    """The answer, and whether the connection may be used again."""
    connection.sendall(request)
    with HTTPResponse(connection, method="POST") as response:
        response.begin()
        answer = Answer(
            status=response.status,
            headers={name.lower(): value for name, value in response.getheaders()},
            body=response.read(),
        )
        return answer, not response.will_close


def _was_left(connection: socket.socket) -> bool:
    """Whether the other side has closed it, or sends what nobody asked for: a request on it would get no answer of its own."""
    poll = select.poll()
    poll.register(connection, select.POLLIN)
    return bool(poll.poll(0))


def _tls_context() -> Any:
    import ssl

    # The authorities that botocore trusts.
    return ssl.create_default_context(cafile=str(Path(botocore.__file__).parent / "cacert.pem"))
