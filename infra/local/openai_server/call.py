"""One request to the API: who asks, what, over which connection."""

from __future__ import annotations

import json
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from hashlib import sha256
from time import perf_counter
from uuid import uuid4

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp

from infra.local.openai_server.api_error import ApiError, bad_request, key_missing, key_wrong, server_error
from infra.local.openai_server.connection import Connection
from infra.local.openai_server.fields import Json
from infra.local.openai_server.service import Service
from infra.local.openai_server.spend_limit import check_spend

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    service: Service
    connection: Connection
    endpoint: str
    request_id: str
    key_hash: str
    started: float
    raw: bytes
    body: Json

    def headers(self) -> dict[str, str]:
        return common_headers(self.request_id, self.started)


Handler = Callable[[Call], Awaitable[ASGIApp]]
Endpoint = Callable[[Request], Awaitable[ASGIApp]]


def api(handler: Handler) -> Endpoint:
    """An endpoint that checks the key, reads the body, and answers errors in OpenAI's envelope."""

    async def endpoint(request: Request) -> ASGIApp:
        started, request_id = perf_counter(), f"req_{uuid4().hex}"
        try:
            key = bearer_key(request)
            project = request.app.state.service.organization.admit(key)
            raw = await request.body()
            call = Call(
                service=request.app.state.service,
                connection=request.state.connection,
                endpoint=request.url.path,
                request_id=request_id,
                key_hash=sha256(key.encode()).hexdigest()[:16],
                started=started,
                raw=raw,
                body=parse_body(raw) if request.method == "POST" else dict(request.path_params),
            )
            if request.method == "POST":
                check_spend(call.service, project)
            return await handler(call)
        except ApiError as error:
            refusal = error
        except Exception:
            logger.exception("%s %s", request_id, request.url.path)
            refusal = server_error()
        headers = {**common_headers(request_id, started), **refusal.headers}
        return Response(refusal.content(), refusal.status, headers, "application/json")

    return endpoint


def bearer_key(request: Request) -> str:
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    key = key.strip()
    if scheme.lower() != "bearer" or not key:
        raise key_missing()
    if not key.startswith("sk-"):
        raise key_wrong(key)
    return key


def parse_body(raw: bytes) -> Json:
    try:
        body = json.loads(raw)
    except ValueError as error:
        text = "We could not parse the JSON body of your request. The OpenAI API expects a JSON payload."
        raise bad_request(text) from error
    if not isinstance(body, dict):
        raise bad_request("The JSON body of your request is not an object.")
    return body


def common_headers(request_id: str, started: float) -> dict[str, str]:
    return {
        "x-request-id": request_id,
        "openai-processing-ms": str(round((perf_counter() - started) * 1_000)),
        "openai-version": "2020-10-01",
        "openai-organization": "org-local",
    }
