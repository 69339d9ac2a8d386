"""A real HTTP server in a thread, which keeps what it was sent and answers as a test says. Every connection ends with its answer."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

HTML_502 = b"<html><head><title>502 Bad Gateway</title></head><body>cloudflare</body></html>"


@dataclass(frozen=True, kw_only=True)
class Received:
    path: str
    headers: Mapping[str, str]
    content: bytes

    @property
    def body(self) -> Any:
        return json.loads(self.content)


@dataclass(frozen=True, kw_only=True)
class Reply:
    """`cut`: the connection ends after so many bytes of the content, or of the headers where it is 0."""

    status: int = 200
    content: bytes = b"{}"
    headers: Mapping[str, str] = field(default_factory=dict)
    cut: int | None = None


def json_reply(body: object, *, status: int = 200, **headers: str) -> Reply:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(status=status, content=json.dumps(body).encode(), headers={"content-type": "application/json"} | named)


def bad_gateway(_: Received) -> Reply:
    return Reply(status=502, content=HTML_502, headers={"content-type": "text/html"})


@dataclass
class Server:
    """`answer` may be changed while it runs."""

    answer: Callable[[Received], Reply]
    url: str = ""
    received: list[Received] = field(default_factory=list)

    def take(self, received: Received) -> Reply:
        self.received.append(received)
        return self.answer(received)


@contextmanager
def serving(server: Server) -> Iterator[Server]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            content = self.rfile.read(int(self.headers.get("content-length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            reply = server.take(Received(path=self.path, headers=headers, content=content))
            if reply.cut == 0:
                return
            self.send_response(reply.status)
            for name, value in ({"content-length": str(len(reply.content))} | dict(reply.headers)).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(reply.content[: reply.cut])

        def log_message(self, *_: object) -> None:
            """Nobody reads it."""

    listening = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.url = f"http://127.0.0.1:{listening.server_address[1]}"
    thread = Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        listening.shutdown()
        listening.server_close()
        thread.join()
