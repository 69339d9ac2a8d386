"""An HTTP proxy that fails on purpose: answers that are lost, writes that land late or never, throttling, conflicts, and stops.

It stands before a real server, so what is under test is the whole way: the client library, its time limits, the connection.
"""

import json
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from enum import StrEnum
from http.client import HTTPConnection, HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

HOP_BY_HOP = frozenset(
    {"connection", "keep-alive", "transfer-encoding", "te", "trailer", "upgrade", "proxy-connection"}
)
# Makes closing a socket send RST instead of FIN.
AT_ONCE = struct.pack("ii", 1, 0)


class Fate(StrEnum):
    """What becomes of one request."""

    PASSED = "passed"
    LOST = "carried out, the answer dropped"
    LATE = "carried out after the client's time limit"
    THROTTLED = "throttled, not carried out"
    BROKEN = "500, not carried out"
    BROKEN_AFTER = "500, though carried out"
    CONFLICT = "transaction conflict, not carried out"
    CUT = "connection cut, not carried out"


@dataclass(frozen=True, slots=True)
class Request:
    """`number`: how many with this subject came before it, so that a plan can tell a first try from a second."""

    method: str
    path: str
    operation: str
    body: bytes
    subject: str
    number: int

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True, slots=True)
class Sentence:
    """`delay_s`: how long a late one is kept back."""

    fate: Fate = Fate.PASSED
    delay_s: float = 0.0


Plan = Callable[[Request], Sentence]


class Moment(StrEnum):
    BEFORE = "before it is forwarded"
    AFTER = "before its answer is given"


@dataclass(slots=True)
class Stop:
    """The first request that `matches` stands still at this moment; whoever asked is then killed, and `release` lets it go."""

    matches: Callable[[Request], bool]
    moment: Moment
    forwards: bool = False
    reached: threading.Event = field(default_factory=threading.Event)
    released: threading.Event = field(default_factory=threading.Event)
    done: threading.Event = field(default_factory=threading.Event)

    def release(self, *, forwards: bool = False) -> None:
        """Its sender is gone. `forwards`: what it had sent arrives nevertheless."""
        self.forwards = forwards
        self.released.set()


def no_fault(_: Request) -> Sentence:
    return Sentence()


class FaultProxy(ThreadingHTTPServer):
    """Before `upstream` (host and port), on a free port of the loopback. `subject`: whom a request is about, by its body."""

    daemon_threads = False
    request_queue_size = 256

    def __init__(
        self, upstream: tuple[str, int], *, plan: Plan = no_fault, subject: Callable[[bytes], str] = lambda _: ""
    ) -> None:
        super().__init__(("127.0.0.1", 0), Carrier)
        self.upstream = upstream
        self.plan = plan
        self.stops: list[Stop] = []
        self.counts: Counter[tuple[str, Fate]] = Counter()
        # How many requests about each subject failed since the last one that passed.
        self.failures: Counter[str] = Counter()
        self.on_their_way = 0
        self._subject = subject
        self._numbers: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._quiet = threading.Condition(self._lock)
        self._open: set[socket.socket] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def stop_at(self, matches: Callable[[Request], bool], moment: Moment) -> Stop:
        stop = Stop(matches, moment)
        self.stops.append(stop)
        return stop

    def judge(self, method: str, path: str, operation: str, body: bytes) -> tuple[Request, Sentence]:
        subject = self._subject(body) or operation
        with self._lock:
            request = Request(method, path, operation, body, subject, self._numbers[subject])
            self._numbers[subject] += 1
            sentence = self.plan(request)
            self.counts[operation, sentence.fate] += 1
            self.failures[subject] = 0 if sentence.fate is Fate.PASSED else self.failures[subject] + 1
        return request, sentence

    @contextmanager
    def keeping_back(self) -> Iterator[None]:
        with self._quiet:
            self.on_their_way += 1
        try:
            yield
        finally:
            with self._quiet:
                self.on_their_way -= 1
                self._quiet.notify_all()

    def wait_until_all_landed(self, *, within_s: float) -> None:
        with self._quiet:
            assert self._quiet.wait_for(lambda: not self.on_their_way, within_s), "a late write never landed"

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, address = super().get_request()
        self._open.add(connection)
        return connection, address

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that left, or was killed, is what this is for."""

    def close(self) -> None:
        for stop in self.stops:
            stop.release()
        self.shutdown()
        for connection in list(self._open):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self.server_close()


@contextmanager
def fault_proxy(upstream: tuple[str, int], **options: Any) -> Iterator[FaultProxy]:
    proxy = FaultProxy(upstream, **options)
    serving = threading.Thread(target=lambda: proxy.serve_forever(poll_interval=0.05))
    serving.start()
    try:
        yield proxy
    finally:
        proxy.close()
        serving.join()


class Carrier(BaseHTTPRequestHandler):
    """One connection of a client, with one of its own to the server behind."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    server: FaultProxy

    def setup(self) -> None:
        super().setup()
        self._behind = HTTPConnection(*self.server.upstream, timeout=60)

    def finish(self) -> None:
        self._behind.close()
        with suppress(OSError, ValueError):
            super().finish()

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        operation = self.headers.get("X-Amz-Target", "").rpartition(".")[2] or self.path
        request, sentence = self.server.judge(self.command, self.path, operation, body)
        stop = next((stop for stop in self.server.stops if not stop.reached.is_set() and stop.matches(request)), None)
        if stop is not None:
            self._stand_still(stop, request)
        else:
            self._suffer(sentence, request)

    def do_GET(self) -> None:
        self.do_POST()

    def _stand_still(self, stop: Stop, request: Request) -> None:
        if stop.moment is Moment.AFTER:
            self._forward(request)
        stop.reached.set()
        stop.released.wait()
        if stop.moment is Moment.BEFORE and stop.forwards:
            self._forward(request)
        stop.done.set()
        self._hang_up()

    def _suffer(self, sentence: Sentence, request: Request) -> None:
        match sentence.fate:
            case Fate.PASSED:
                self._answer(*self._forward(request))
            case Fate.LOST:
                self._forward(request)
                self._hang_up()
            case Fate.LATE:
                with self.server.keeping_back():
                    time.sleep(sentence.delay_s)
                    self._forward(request)
                self._hang_up()
            case Fate.CUT:
                self._hang_up(at_once=True)
            case Fate.BROKEN_AFTER:
                self._forward(request)
                self._refuse(*broken())
            case Fate.BROKEN:
                self._refuse(*broken())
            case Fate.THROTTLED:
                self._refuse(*throttled(request))
            case Fate.CONFLICT:
                self._refuse(*conflict(request))

    def _forward(self, request: Request) -> tuple[int, Mapping[str, str], bytes]:
        """Raises HTTPException or OSError where the server behind is gone."""
        headers = {name: value for name, value in self.headers.items() if name.lower() not in HOP_BY_HOP}
        try:
            self._behind.request(request.method, request.path, body=request.body, headers=headers)
            answer = self._behind.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read()
        except (HTTPException, OSError):
            self._behind.close()
            raise

    def _answer(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        self.send_response_only(status)
        for name, value in headers.items():
            if name.lower() not in HOP_BY_HOP | {"content-length"}:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def _refuse(self, status: int, error: Mapping[str, Any]) -> None:
        self._answer(status, {"Content-Type": "application/x-amz-json-1.0"}, json.dumps(error).encode())

    def _hang_up(self, *, at_once: bool = False) -> None:
        if at_once:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, AT_ONCE)
        self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it so
        pass


# ---- DynamoDB's words -------------------------------------------------------------------------------------------------------

NAMESPACE = "com.amazonaws.dynamodb.v20120810#"


def broken() -> tuple[int, Mapping[str, Any]]:
    return 500, {"__type": f"{NAMESPACE}InternalServerError", "message": "Internal server error"}


def throttled(request: Request) -> tuple[int, Mapping[str, Any]]:
    """Each of the ways in turn."""
    if request.operation == "TransactWriteItems" and request.number % 2:
        return cancelled(request, "ThrottlingError", "Throughput exceeds the current capacity of your table or index.")
    if request.number % 2:
        return 400, {
            "__type": f"{NAMESPACE}ProvisionedThroughputExceededException",
            "message": "The level of configured provisioned throughput for the table was exceeded.",
        }
    return 400, {"__type": "com.amazon.coral.availability#ThrottlingException", "message": "Rate exceeded"}


def conflict(request: Request) -> tuple[int, Mapping[str, Any]]:
    if request.operation == "TransactWriteItems":
        return cancelled(request, "TransactionConflict", "Transaction is ongoing for the item")
    return 400, {
        "__type": f"{NAMESPACE}TransactionConflictException",
        "message": "Transaction is ongoing for the item",
    }


def cancelled(request: Request, code: str, message: str) -> tuple[int, Mapping[str, Any]]:
    """The first write is to blame, the others are its company."""
    others = len(request.json()["TransactItems"]) - 1
    reasons = [{"Code": code, "Message": message}] + [{"Code": "None"}] * others
    codes = ", ".join(reason["Code"] for reason in reasons)
    return 400, {
        "__type": f"{NAMESPACE}TransactionCanceledException",
        "Message": f"Transaction cancelled, please refer cancellation reasons for specific reasons [{codes}]",
        "CancellationReasons": reasons,
    }
