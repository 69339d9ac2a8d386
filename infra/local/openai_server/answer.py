"""A finished answer, and its way to the client, which may break off as a fault wants it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Protocol

from starlette.responses import HTMLResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from infra.local.openai_server.bill import Bill, Outcome
from infra.local.openai_server.books import Books
from infra.local.openai_server.call import Call
from infra.local.openai_server.compact_json import compact
from infra.local.openai_server.connection import Connection
from infra.local.openai_server.fault import Fault, FaultKind
from infra.local.openai_server.refusal import refusal_of
from infra.local.openai_server.writing import Writing

BAD_GATEWAY = (
    "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n<center><h1>502 Bad Gateway</h1></center>\r\n"
    "<hr><center>cloudflare</center>\r\n</body>\r\n</html>\r\n"
)
NOT_JSON = b'{"id": "chatcmpl-'
NOT_JSON_FRAME = b"data: " + NOT_JSON + b"\n\n"
ERROR = {"message": "The server had an error while processing your request.", "type": "server_error"}
ERROR_FRAME = f"data: {compact({'error': ERROR | {'param': None, 'code': None}})}\n\n".encode()
# Long enough for what was written to be read, before a reset throws away what was not.
READ_S = 0.05
SLOW_S = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Frames:
    """A stream: `closing` begins with the frame that carries the usage; without it, the stream ends by `end`."""

    content: list[bytes]
    closing: list[bytes]
    end: list[bytes]
    tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    bill: Bill
    headers: dict[str, str]
    content: bytes = b""
    frames: Frames | None = None


async def refuse(call: Call, fault: Fault | None, model: str) -> ASGIApp | None:
    """The answer of a fault that strikes before any work."""
    if fault is None:
        return None
    if fault.delay_s and fault.kind is not FaultKind.HANG:
        await asyncio.sleep(fault.delay_s)
    refusal = refusal_of(fault, model)
    if refusal is not None:
        raise refusal
    if fault.kind is FaultKind.HTML_502:
        return HTMLResponse(BAD_GATEWAY, 502, {"server": "cloudflare"})
    if fault.kind is FaultKind.RESET_BEFORE_WORK:
        await call.connection.reset()
        return nothing
    return None


async def deliver(call: Call, answer: Answer, fault: Fault | None, writing: Writing) -> ASGIApp:
    wait = writing.wait_s() + (SLOW_S if is_default_slow(fault) else 0)
    if wait:
        await asyncio.sleep(wait)
    books, connection = call.service.books, call.connection
    match fault:
        case Fault(kind=FaultKind.HANG):
            books.enter(answer.bill, Outcome.BILLED_UNSEEN)
            await connection.wait_lost(fault.delay_s)
            await connection.close()
            return nothing
        case Fault(kind=FaultKind.RESET_BEFORE_HEADERS):
            books.enter(answer.bill, Outcome.BILLED_UNSEEN)
            await connection.reset()
            return nothing
    kind = fault.kind if fault else None
    if answer.frames is not None:
        return Stream(answer, answer.frames, kind, writing.tokens_per_second, connection, books)
    return whole(answer, kind, connection, books)


def is_default_slow(fault: Fault | None) -> bool:
    return fault is not None and fault.kind is FaultKind.SLOW and fault.delay_s is None


def whole(answer: Answer, kind: FaultKind | None, connection: Connection, books: Books) -> ASGIApp:
    breaks = kind is not None and kind is not FaultKind.SLOW
    books.enter(answer.bill, Outcome.BILLED_UNSEEN if breaks or connection.is_lost else Outcome.SERVED)
    match kind:
        case FaultKind.RESET_AFTER_HEADERS:
            return Broken(answer, b"", connection, reset=True)
        case FaultKind.TRUNCATED_BODY:
            return Broken(answer, answer.content[: len(answer.content) // 2], connection, reset=False)
        case FaultKind.WRONG_JSON:
            return Response(NOT_JSON, 200, answer.headers, "application/json")
        case _:
            return Response(answer.content, 200, answer.headers, "application/json")


class Promised(Protocol):
    @property
    def headers(self) -> dict[str, str]: ...

    @property
    def content(self) -> bytes: ...


class Broken:
    """Promises a whole body and sends a part of it."""

    def __init__(self, answer: Promised, part: bytes, connection: Connection, *, reset: bool) -> None:
        self._headers = {
            **answer.headers,
            "content-length": str(len(answer.content)),
            "content-type": "application/json",
        }
        self._part, self._connection, self._reset = part, connection, reset

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        await start(send, self._headers)
        await send({"type": "http.response.body", "body": self._part, "more_body": True})
        await break_off(self._connection, reset=self._reset)


class Stream:
    def __init__(
        self,
        answer: Answer,
        frames: Frames,
        kind: FaultKind | None,
        tokens_per_second: float | None,
        connection: Connection,
        books: Books,
    ) -> None:
        self._answer, self._frames, self._kind = answer, frames, kind
        self._pause_s = frames.tokens / tokens_per_second / len(frames.content) if tokens_per_second else 0.0
        self._connection, self._books = connection, books

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        outcome = Outcome.BILLED_UNSEEN
        try:
            await start(send, {**self._answer.headers, "content-type": "text/event-stream; charset=utf-8"})
            await self._send_content(send)
            if self._kind in (None, FaultKind.SLOW) and not self._connection.is_lost:
                outcome = Outcome.SERVED
        finally:
            # Before the frame that says it, so that whoever has seen the end finds it in the books.
            self._books.enter(self._answer.bill, outcome)
        await self._send_end(send)

    async def _send_content(self, send: Send) -> None:
        content = self._frames.content
        match self._kind:
            case FaultKind.RESET_AFTER_HEADERS:
                content = []
            case FaultKind.TRUNCATED_BODY | FaultKind.WRONG_JSON | FaultKind.STREAM_ERROR_EVENT:
                content = content[: len(content) // 2]
        if not self._pause_s:
            content = [b"".join(content)]
        for frame in content:
            if self._connection.is_lost:
                return
            if self._pause_s:
                await asyncio.sleep(self._pause_s)
            await send({"type": "http.response.body", "body": frame, "more_body": True})

    async def _send_end(self, send: Send) -> None:
        match self._kind:
            case FaultKind.RESET_AFTER_HEADERS:
                await break_off(self._connection, reset=True)
                return
            case FaultKind.TRUNCATED_BODY | FaultKind.STREAM_CUT_BEFORE_USAGE:
                await break_off(self._connection, reset=False)
                return
            case FaultKind.WRONG_JSON:
                closing = [NOT_JSON_FRAME]
            case FaultKind.STREAM_ERROR_EVENT:
                closing = [ERROR_FRAME]
            case FaultKind.STREAM_USAGE_MISSING:
                closing = self._frames.end
            case _:
                closing = self._frames.closing
        await send({"type": "http.response.body", "body": b"".join(closing), "more_body": False})


async def start(send: Send, headers: dict[str, str]) -> None:
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": 200, "headers": raw})


async def break_off(connection: Connection, *, reset: bool) -> None:
    if connection.is_lost:
        return
    if reset:
        await asyncio.sleep(READ_S)
        await connection.reset()
    else:
        await connection.close()


async def nothing(_scope: Scope, _receive: Receive, _send: Send) -> None:
    """For a client that is gone."""
