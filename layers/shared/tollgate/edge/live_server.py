"""Serves one function's handler over HTTP, so that a stream leaves as it comes.

Lambda's own Python runtime hands over whole answers. The Lambda Web Adapter (a layer) hands each invocation to a server on loopback
instead, and what that writes goes to the client at once. It sends API Gateway's request context, the authorizer's word in it, and
Lambda's own context in two headers, which it sets itself whatever the client sent.

    cd <the function's folder> && python -m tollgate.edge.live_server

Our code serves one request at a time, as in Lambda; a second one waits.
"""

import base64
import importlib
import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from tollgate.edge.live import EVENT_STREAM

REQUEST_CONTEXT, LAMBDA_CONTEXT = "x-amzn-request-context", "x-amzn-lambda-context"
PORT_VARIABLE = "AWS_LWA_PORT"
DEFAULT_PORT = 8080
# What the adapter and HTTP add for the hop between them and us.
OF_THE_HOP = frozenset({REQUEST_CONTEXT, LAMBDA_CONTEXT, "connection", "content-length", "transfer-encoding", "host"})
END_OF_EVENT = "\n\n"
OK = 200
# Who does not take the next piece within this time has left: a call waits for its settlement, not for a reader.
PATIENCE_S = 5.0

Handle = Callable[[dict[str, Any], Any], dict[str, Any]]


@dataclass(slots=True)
class LiveContext:
    """Lambda's context, as far as we use it, with a way to the client. `deadline`: milliseconds since 1970."""

    aws_request_id: str
    deadline: int
    outlet: "HttpOutlet"
    function_name: str = "live"
    memory_limit_in_mb: int = 0
    invoked_function_arn: str = ""

    def get_remaining_time_in_millis(self) -> int:
        return max(0, self.deadline - int(time.time() * 1000))


class LiveServer(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, port: int, handle: Handle, *, patience_s: float = PATIENCE_S) -> None:
        self.handle_event = handle
        self.patience_s = patience_s
        self.one_at_a_time = Lock()
        super().__init__(("127.0.0.1", port), _Request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A connection that the other side has ended is no error; anything else is told as socketserver does."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class _Request(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # A piece of a stream that waits for the next one to fill a packet is late.
    disable_nagle_algorithm = True
    server: LiveServer

    def do_GET(self) -> None:
        """How the adapter sees that we are ready; API Gateway sends this function no GET."""
        self.send_response(204)
        self.end_headers()

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        outlet = HttpOutlet(self)
        with self.server.one_at_a_time:
            outlet.finish(self.server.handle_event(self._event(body), self._context(outlet)))

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """API Gateway keeps the access log."""

    def _event(self, body: bytes) -> dict[str, Any]:
        """As API Gateway's REST API makes it."""
        address = urlsplit(self.path)
        headers = {name: value for name, value in self.headers.items() if name.lower() not in OF_THE_HOP}
        return {
            "resource": address.path,
            "path": address.path,
            "httpMethod": self.command,
            "headers": headers,
            "multiValueHeaders": {name: [value] for name, value in headers.items()},
            "queryStringParameters": dict(parse_qsl(address.query)) or None,
            "requestContext": _request_context(self._json_header(REQUEST_CONTEXT)),
            "body": base64.b64encode(body).decode(),
            "isBase64Encoded": True,
        }

    def _context(self, outlet: "HttpOutlet") -> LiveContext:
        told = self._json_header(LAMBDA_CONTEXT)
        return LiveContext(
            aws_request_id=str(told.get("request_id", "")), deadline=int(told.get("deadline", 0)), outlet=outlet
        )

    def _json_header(self, name: str) -> dict[str, Any]:
        """HTTP's headers are read as Latin-1; what was put in is UTF-8. Empty where it came twice: one of the two would be a client's own,
        beside the adapter's, and nobody could say which."""
        given = self.headers.get_all(name) or ["{}"]
        value = json.loads(given[0].encode("latin-1")) if len(given) == 1 else {}
        return value if isinstance(value, dict) else {}


def _request_context(told: Mapping[str, Any]) -> dict[str, Any]:
    """The adapter may write the authorizer's facts one level deeper than API Gateway does, under `lambda`."""
    authorizer = told.get("authorizer") or {}
    return {**told, "authorizer": authorizer.get("lambda", authorizer)}


class HttpOutlet:
    """An Outlet. What a client that has left is sent goes nowhere."""

    def __init__(self, request: _Request) -> None:
        self._request = request
        self._events = 0
        self._has_begun = False
        self._is_gone = False

    def begin(self, headers: Mapping[str, str]) -> None:
        self._has_begun = True
        self._request.send_response(OK)
        lower = {name.lower(): value for name, value in headers.items()} | {"content-type": EVENT_STREAM}
        for name, value in (lower | {"transfer-encoding": "chunked", "cache-control": "no-cache"}).items():
            self._request.send_header(name, value)
        self._unless_gone(self._request.end_headers)

    def send(self, event: str) -> None:
        self._events += 1
        self._write(event.encode())

    def finish(self, answer: Mapping[str, Any]) -> None:
        """The rest of the answer, whose beginning may have been sent; all of it, where nothing was."""
        if not self._has_begun:
            self._send_whole(answer)
            return
        for event in self._rest(answer):
            self._write(event.encode())
        self._write(b"")

    def _rest(self, answer: Mapping[str, Any]) -> list[str]:
        """An answer that turned out to be another one can only be told as an event: the status is gone."""
        body = str(answer.get("body") or "")
        if answer.get("statusCode") != OK:
            return [f"event: error\ndata: {_one_line(body)}{END_OF_EVENT}"]
        return [event + END_OF_EVENT for event in body.split(END_OF_EVENT)[self._events :] if event]

    def _send_whole(self, answer: Mapping[str, Any]) -> None:
        body = str(answer.get("body") or "").encode()
        self._request.send_response(int(answer["statusCode"]))
        for name, value in _headers(answer):
            self._request.send_header(name, value)
        self._request.send_header("content-length", str(len(body)))
        self._unless_gone(self._request.end_headers)
        self._unless_gone(lambda: self._request.wfile.write(body))

    def _write(self, piece: bytes) -> None:
        """As a chunk of HTTP/1.1; an empty one ends the body."""
        self._unless_gone(lambda: self._request.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece)))

    def _unless_gone(self, write: Callable[[], Any]) -> None:
        if self._is_gone:
            return
        connection = self._request.connection
        try:
            connection.settimeout(self._request.server.patience_s)
            write()
            connection.settimeout(None)
        except OSError:
            self._is_gone = True
            self._request.close_connection = True


def _headers(answer: Mapping[str, Any]) -> list[tuple[str, str]]:
    many = answer.get("multiValueHeaders") or {}
    several = [(name, str(value)) for name, values in many.items() for value in values]
    return several + [(name, str(value)) for name, value in (answer.get("headers") or {}).items() if name not in many]


def _one_line(body: str) -> str:
    """JSON of ours has no line breaks; a provider's may, which would end the event."""
    return body.replace("\r", "").replace("\n", " ")


def main() -> None:
    sys.path.insert(0, os.getcwd())  # noqa: PTH109
    handle: Handle = importlib.import_module("handler").handle
    server = LiveServer(int(os.environ.get(PORT_VARIABLE, DEFAULT_PORT)), handle)
    sys.stderr.write(f"serving on {server.server_port}\n")
    sys.stderr.flush()
    server.serve_forever()


if __name__ == "__main__":
    main()
