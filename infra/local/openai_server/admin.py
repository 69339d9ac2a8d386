"""One request to `/v1/organization/...`: only an admin key may ask, and only faults that name such an address strike."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from time import perf_counter
from typing import Any
from uuid import uuid4

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.types import ASGIApp

from infra.local.openai_server.answer import BAD_GATEWAY, NOT_JSON, SLOW_S, Broken, nothing
from infra.local.openai_server.api_error import ApiError, server_error
from infra.local.openai_server.call import bearer_key, common_headers, parse_body
from infra.local.openai_server.fault import Fault, FaultKind
from infra.local.openai_server.fields import Json
from infra.local.openai_server.organization import ADMIN
from infra.local.openai_server.refusal import refusal_of
from infra.local.openai_server.service import Service

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """`query`: in the order in which it was asked; `path`: what stands in the address."""

    service: Service
    method: str
    path: dict[str, Any]
    query: list[tuple[str, str]]
    body: Json

    def several(self, name: str) -> list[str]:
        """`group_by=a&group_by=b` and `group_by[]=a`, as clients write it."""
        return [value for key, value in self.query if key in (name, f"{name}[]")]

    def one(self, name: str) -> str | None:
        found = self.several(name)
        return found[-1] if found else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Whole:
    headers: dict[str, str]
    content: bytes


Endpoint = Callable[[Request], Awaitable[ASGIApp]]


def admin(handler: Callable[[Ask], Json]) -> Endpoint:
    async def endpoint(request: Request) -> ASGIApp:
        started, request_id = perf_counter(), f"req_{uuid4().hex}"
        service: Service = request.app.state.service
        try:
            check_admin(bearer_key(request))
            raw = await request.body()
            fault = service.faults.take(models=(), endpoint=request.url.path, body=raw, stream=False)
            early = await strike(fault, request)
            if early is not None:
                return early
            ask = Ask(
                service=service,
                method=request.method,
                path=request.path_params,
                query=request.query_params.multi_items(),
                body=parse_body(raw) if request.method == "POST" else {},
            )
            content = json.dumps(handler(ask)).encode()
            return whole(Whole(headers=common_headers(request_id, started), content=content), fault, request)
        except ApiError as error:
            refusal = error
        except Exception:
            logger.exception("%s %s", request_id, request.url.path)
            refusal = server_error()
        headers = {**common_headers(request_id, started), **refusal.headers}
        return Response(refusal.content(), refusal.status, headers, "application/json")

    return endpoint


def check_admin(key: str) -> None:
    """Raises ApiError."""
    if not key.startswith(ADMIN):
        message = "Incorrect API key provided: this address takes an admin key of the organization."
        raise ApiError(status=401, message=message, code="invalid_api_key")


async def strike(fault: Fault | None, request: Request) -> ASGIApp | None:
    """The answer of a fault that strikes before any work."""
    if fault is None:
        return None
    if fault.kind is FaultKind.HANG:
        await request.state.connection.wait_lost(fault.delay_s)
        await request.state.connection.close()
        return nothing
    if fault.delay_s or fault.kind is FaultKind.SLOW:
        await asyncio.sleep(fault.delay_s or SLOW_S)
    refusal = refusal_of(fault, "")
    if refusal is not None:
        raise refusal
    if fault.kind is FaultKind.HTML_502:
        return HTMLResponse(BAD_GATEWAY, 502, {"server": "cloudflare"})
    if fault.kind in (FaultKind.RESET_BEFORE_WORK, FaultKind.RESET_BEFORE_HEADERS):
        await request.state.connection.reset()
        return nothing
    return None


def whole(answer: Whole, fault: Fault | None, request: Request) -> ASGIApp:
    match fault.kind if fault else None:
        case FaultKind.RESET_AFTER_HEADERS:
            return Broken(answer, b"", request.state.connection, reset=True)
        case FaultKind.TRUNCATED_BODY:
            return Broken(answer, answer.content[: len(answer.content) // 2], request.state.connection, reset=False)
        case FaultKind.WRONG_JSON:
            return Response(NOT_JSON, 200, answer.headers, "application/json")
        case _:
            return Response(answer.content, 200, answer.headers, "application/json")
