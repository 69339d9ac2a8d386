"""The address that people type, in front of ministack's long one: bounds the functions in flight, and answers for a crashed one.

Every call in flight costs ministack a process. A burst of 200 without this bound takes all memory and fails by half;
behind it the same burst is done in seconds. Streams it serves itself, as they come (environments.py).
"""

import argparse
import asyncio
import json
import os
import uuid
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import httpx
import uvicorn

from infra.local.environments import Authorizer, Environments, deployed

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

# Longer than any function may run, so that who gives up first is the function or its caller.
TIMEOUT_S = 960
# What the template lets stream.
STREAMS = {"/v1/chat/completions", "/v1/responses"}
# They belong to one connection, not to the message (RFC 9110, 7.6.1).
HOP_BY_HOP = {b"connection", b"keep-alive", b"proxy-connection", b"te", b"trailer", b"transfer-encoding", b"upgrade"}


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: Headers
    body: bytes


class Gateway:
    def __init__(
        self,
        upstream: str,
        *,
        in_flight_max: int,
        crash_template: str,
        streaming: tuple[Environments, Authorizer] | None = None,
    ) -> None:
        self._upstream = upstream
        self._crash_template = crash_template
        self._streaming = streaming
        self._places = asyncio.Semaphore(in_flight_max)
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=in_flight_max)
        self.client = httpx.AsyncClient(timeout=httpx.Timeout(TIMEOUT_S), limits=limits, trust_env=False)

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        body = await body_of(receive)
        async with self._places:
            if self._streaming is not None and asks_for_a_stream(scope, body):
                environments, authorizer = self._streaming
                facts = await authorizer.facts(header(scope, b"authorization"), scope["path"])
                if facts is not None:
                    await self._stream(scope, body, environments, facts, send)
                    return
            answer = await self._forward(scope, body)
        await send({"type": "http.response.start", "status": answer.status, "headers": answer.headers})
        await send({"type": "http.response.body", "body": answer.body})

    async def _stream(
        self, scope: Message, body: bytes, environments: Environments, facts: Mapping[str, Any], send: Send
    ) -> None:
        """As API Gateway and the web adapter do it: whether or not the client stays, the function runs to its end."""
        request_id = str(uuid.uuid4())
        told = {
            b"x-amzn-request-context": {"requestId": request_id, "path": scope["path"], "authorizer": facts},
            b"x-amzn-lambda-context": environments.context(request_id),
        }
        headers = [(name, value) for name, value in end_to_end(scope["headers"]) if name not in {b"host", *told}]
        headers += [(name, json.dumps(value).encode()) for name, value in told.items()]
        async with environments.one() as port:
            url = f"http://127.0.0.1:{port}{scope['path']}"
            request = httpx.Request("POST", url, headers=headers, content=body)
            response = await self.client.send(request, stream=True)
            await send(
                {
                    "type": "http.response.start",
                    "status": response.status_code,
                    "headers": end_to_end(response.headers.raw),
                }
            )
            async for piece in response.aiter_raw():
                await send({"type": "http.response.body", "body": piece, "more_body": True})
            await send({"type": "http.response.body", "body": b""})

    async def _forward(self, scope: Message, body: bytes) -> Answer:
        try:
            # Not read through httpx's own decoding: the bytes and their content-encoding go on as they came.
            response = await self.client.send(self._request(scope, body), stream=True)
            content = b"".join([chunk async for chunk in response.aiter_raw()])
        except httpx.HTTPError as error:
            print(f"ministack did not answer: {error!r}", flush=True)
            return self._internal_error(500)
        if is_crash(response.status_code, content):
            print(f"a function failed: {content.decode(errors='replace')}", flush=True)
            return self._internal_error(response.status_code)
        return Answer(response.status_code, end_to_end(response.headers.raw), content)

    def _request(self, scope: Message, body: bytes) -> httpx.Request:
        query = b"?" + scope["query_string"] if scope["query_string"] else b""
        target = httpx.URL(self._upstream)
        url = target.copy_with(raw_path=target.raw_path + scope["raw_path"] + query)
        headers = [
            (name, value) for name, value in end_to_end(scope["headers"]) if name not in {b"host", b"content-length"}
        ]
        # As API Gateway does.
        headers.append((b"x-forwarded-for", (scope.get("client") or ("127.0.0.1",))[0].encode()))
        headers.append((b"x-forwarded-proto", b"http"))
        return httpx.Request(scope["method"], url, headers=headers, content=body)

    def _internal_error(self, status: int) -> Answer:
        request_id = str(uuid.uuid4())
        body = self._crash_template.replace("$context.requestId", request_id).encode()
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(body)).encode()),
            (b"x-amzn-requestid", request_id.encode()),
            (b"x-amzn-errortype", b"InternalServerErrorException"),
        ]
        return Answer(status, headers, body)


async def body_of(receive: Receive) -> bytes:
    parts = []
    more = True
    while more:
        message = await receive()
        parts.append(message.get("body", b""))
        more = message.get("more_body", False)
    return b"".join(parts)


def asks_for_a_stream(scope: Message, body: bytes) -> bool:
    if scope["method"] != "POST" or scope["path"] not in STREAMS:
        return False
    try:
        asked = json.loads(body)
    except (ValueError, RecursionError):
        return False
    return isinstance(asked, dict) and asked.get("stream") is True


def header(scope: Message, name: bytes) -> str:
    return next((value.decode("latin-1") for known, value in scope["headers"] if known.lower() == name), "")


def end_to_end(headers: Iterable[tuple[bytes, bytes]]) -> Headers:
    return [(name, value) for name, value in headers if name.lower() not in HOP_BY_HOP]


def is_crash(status: int, body: bytes) -> bool:
    """ministack's own word on a function that raised or died. It applies no gateway response to it, as API Gateway would;
    what a function answers is never that bare."""
    if status not in {500, 502, 504}:
        return False
    try:
        answer = json.loads(body)
    except ValueError:
        return True
    return isinstance(answer, dict) and answer.keys() <= {"message", "errorMessage", "errorType", "__type"}


def crash_template(api_id: str) -> str:
    client = boto3.client("apigateway")
    response = client.get_gateway_response(restApiId=api_id, responseType="DEFAULT_5XX")
    return str(response["responseTemplates"]["application/json"])


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--api", required=True)
    parser.add_argument("--stage", required=True)
    parser.add_argument("--functions", required=True, type=json.loads, help="logical id -> name, as JSON")
    parser.add_argument("--builds", required=True, type=Path)
    parser.add_argument("--version", help="of what is deployed: another one takes another gateway")
    chosen = parser.parse_args()
    streaming = deployed(chosen.functions, chosen.builds, api_id=chosen.api, stage=chosen.stage)
    gateway = Gateway(
        f"{os.environ['AWS_ENDPOINT_URL']}/_aws/execute-api/{chosen.api}/{chosen.stage}",
        in_flight_max=int(os.environ["TOLLGATE_MAX_IN_FLIGHT"]),
        crash_template=crash_template(chosen.api),
        streaming=streaming,
    )
    try:
        serve(gateway)
    finally:
        streaming[0].close()


def serve(gateway: Gateway) -> None:
    uvicorn.run(
        gateway,
        host="127.0.0.1",
        port=int(os.environ["TOLLGATE_PORT"]),
        lifespan="off",
        ws="none",
        access_log=False,
        server_header=False,
        date_header=False,
        log_level="warning",
        backlog=2048,
        # Above what clients keep idle connections for: a server that closes first makes errors out of nothing.
        timeout_keep_alive=300,
        timeout_graceful_shutdown=15,
    )


if __name__ == "__main__":
    main()
