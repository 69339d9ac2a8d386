"""DynamoDB, Secrets Manager and OpenAI, as far as a function's first event and a governed call go: fixed answers, in a process of
their own, so that their work is not counted as ours."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any

from tests.bench.stored_item import item_of
from tollgate.adapters.dynamodb_accounts import account_item
from tollgate.domain.page import Page
from tollgate.domain.tenant import TenantSettings

COMPLETION = {
    "id": "chatcmpl-CfN3kUq1xQ9WvYb7Zr2LtEoA5sHjD",
    "object": "chat.completion",
    "created": 1_795_000_000,
    "model": "gpt-4o-2024-08-06",
    "choices": [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "Tomorrow at nine a plumber is free. " * 8, "refusal": None},
            "logprobs": None,
            "finish_reason": "stop",
        }
    ],
    "usage": {
        "prompt_tokens": 1_553,
        "completion_tokens": 187,
        "total_tokens": 1_740,
        "prompt_tokens_details": {"cached_tokens": 640, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
    },
    "service_tier": "default",
    "system_fingerprint": "fp_44709d6fcb",
}
NO_ITEMS = {"Items": [], "Count": 0, "ScannedCount": 0}


def answers(settings: TenantSettings, page: Page, key: Mapping[str, Any]) -> dict[str, bytes]:
    """What is asked -> what is said. A read of one item is told apart by the first word of its sort key."""
    said: dict[str, Any] = {
        "UpdateItem": {"Attributes": item_of(page)},
        "GetItem MONTH": {"Item": item_of(page)},
        "GetItem ACCOUNT": {"Item": account_item(settings)},
        "GetItem key": {"Item": key},
        "DeleteItem": {"Attributes": key},
        "Query": NO_ITEMS,
        "Scan": NO_ITEMS,
        "GetSecretValue": {"SecretString": "sk-test"},
        "/v1/chat/completions": COMPLETION,
    }
    return {asked: json.dumps(answer, separators=(",", ":")).encode() for asked, answer in said.items()}


@contextmanager
def stub_services(said: Mapping[str, bytes]) -> Iterator[str]:
    """Its address. What is not in `said` is answered with `{}`."""
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    server = context.Process(target=serve, args=(theirs, dict(said)), daemon=True)
    server.start()
    # The child has it now; where that dies before it is ready, `recv` ends instead of waiting.
    theirs.close()
    try:
        yield f"http://127.0.0.1:{ours.recv()}"
    finally:
        server.terminate()
        server.join()
        server.close()
        ours.close()


def serve(parent: Connection, said: Mapping[str, bytes]) -> None:
    class Answering(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            operation = self.headers.get("x-amz-target", "").rpartition(".")[2]
            answer = said.get(asked(operation, body) if operation else self.path, b"{}")
            head = (
                f"HTTP/1.1 200 OK\r\nContent-Type: {'application/x-amz-json-1.0' if operation else 'application/json'}\r\n"
                f"Date: {datetime.now(UTC):%a, %d %b %Y %H:%M:%S} GMT\r\nx-request-id: req_5f0c2a91\r\n"
                f"openai-processing-ms: 812\r\nx-ratelimit-remaining-requests: 9999\r\nContent-Length: {len(answer)}\r\n\r\n"
            )
            self.wfile.write(head.encode() + answer)

    class Quiet(ThreadingHTTPServer):
        def handle_error(self, request: Any, client_address: Any) -> None:
            """A process that ends leaves its connections as they are."""

    server = Quiet(("127.0.0.1", 0), Answering)
    parent.send(server.server_port)
    server.serve_forever()


def asked(operation: str, body: bytes) -> str:
    if operation != "GetItem":
        return operation
    sort_key = json.loads(body)["Key"].get("sk", {"S": "key"})["S"]
    return f"{operation} {sort_key.partition('#')[0]}"
