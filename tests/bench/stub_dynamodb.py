"""A DynamoDB that answers every write with the same page, in a process of its own, so that its work is not counted as ours."""

import json
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any

from tollgate.adapters.page_item import Item


@contextmanager
def stub_dynamodb(page: Item) -> Iterator[tuple[str, Any]]:
    """Its address, and how many requests it has had: a counter with `value`."""
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    requests = context.Value("q", 0)
    answer = json.dumps({"Attributes": page}, separators=(",", ":")).encode()
    server = context.Process(target=serve, args=(theirs, answer, requests), daemon=True)
    server.start()
    # The child has it now; where that dies before it is ready, `recv` ends instead of waiting.
    theirs.close()
    try:
        yield f"http://127.0.0.1:{ours.recv()}", requests
    finally:
        server.terminate()
        server.join()
        server.close()
        ours.close()


def serve(parent: Connection, answer: bytes, requests: Any) -> None:
    head = (
        "HTTP/1.1 200 OK\r\nContent-Type: application/x-amz-json-1.0\r\n"
        f"x-amz-crc32: {zlib.crc32(answer)}\r\nContent-Length: {len(answer)}\r\n\r\n"
    )
    whole = head.encode() + answer

    class Answering(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            with requests.get_lock():
                requests.value += 1
            self.wfile.write(whole)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answering)
    parent.send(server.server_port)
    server.serve_forever()
