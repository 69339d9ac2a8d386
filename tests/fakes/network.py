"""A network that fails by a script: answers that are lost, writes that land late or never, gates that die on the way."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TypeVar

from botocore.exceptions import ClientError, EndpointConnectionError, ReadTimeoutError

from tests.fakes.memory_ledger import MemoryTable, NoAnswer, NotCarriedOut

T = TypeVar("T")

# A signed request is refused after fifteen minutes at the most, so nothing lands later than that.
SIGNED_FOR = timedelta(minutes=15)


class Fate(StrEnum):
    """What becomes of one request."""

    ANSWERED = "answered"
    LOST = "carried out, its answer lost"
    LATE = "timed out, still on its way"
    VANISHED = "timed out, never lands"
    BUSY = "throttled, in conflict or not sent"
    DEATH = "the gate dies before it sends this"
    DEATH_SENT = "the gate dies, this is on its way"
    DEATH_DONE = "the gate dies after this was carried out"


DEATHS = frozenset({Fate.DEATH, Fate.DEATH_SENT, Fate.DEATH_DONE})


class Killed(BaseException):
    """The process is gone: no `except` and no `finally` of the code under test may answer this."""


@dataclass(frozen=True, slots=True)
class Step:
    """What happens in the world before one request, and what becomes of that."""

    fate: Fate = Fate.ANSWERED
    before: Callable[[], None] | None = None


@dataclass(slots=True)
class Delayed:
    send: Callable[[], object]
    began_at: datetime


class Network:
    """`after_write` is told of each write that took effect or was refused: once, and when the deed began that it was sent for."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._script: deque[Step] = deque()
        self._began_at = clock()
        self.delayed: list[Delayed] = []
        self.after_write: Callable[[datetime], None] = lambda began_at: None
        self.last_failed = False
        self.failures = 0
        self.requests = 0

    def play(self, steps: Iterable[Step]) -> None:
        """What becomes of the next requests; those after them are answered."""
        self._script, self._began_at, self.last_failed = deque(steps), self._clock(), False

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Something else happens meanwhile, with a script of its own or none."""
        script, began_at, last_failed = self._script, self._began_at, self.last_failed
        self.play(())
        yield
        self._script, self._began_at, self.last_failed = script, began_at, last_failed

    def send(self, request: Callable[[], T], *, writes: bool) -> T:
        step = self._script.popleft() if self._script else Step()
        if step.before is not None:
            step.before()
        fate = step.fate
        self.requests += 1
        self.last_failed = fate is not Fate.ANSWERED
        self.failures += self.last_failed
        if fate in (Fate.LATE, Fate.DEATH_SENT) and writes:
            self.delayed.append(Delayed(request, self._began_at))
        if fate in (Fate.LOST, Fate.DEATH_DONE) and writes:
            self._swallow(request, self._began_at)
        if fate in DEATHS:
            raise Killed
        if fate is Fate.BUSY:
            raise NotCarriedOut
        if fate is not Fate.ANSWERED:
            raise NoAnswer
        try:
            return request()
        finally:
            if writes:
                self.after_write(self._began_at)

    def land(self, index: int = 0) -> None:
        """One write that is on its way arrives; its answer is heard by nobody."""
        if self.delayed:
            late = self.delayed.pop(index % len(self.delayed))
            if self._clock() - late.began_at < SIGNED_FOR:
                self._swallow(late.send, late.began_at)

    def land_all(self) -> None:
        while self.delayed:
            self.land()

    def _swallow(self, request: Callable[[], object], began_at: datetime) -> None:
        try:
            request()
        except ClientError:
            pass
        finally:
            self.after_write(began_at)


class MemoryCarry:
    """The network before a table in memory."""

    def __init__(self, network: Network, table: MemoryTable) -> None:
        self._network = network
        self._table = table

    def __call__(self, request: Callable[[MemoryTable], T], *, writes: bool = True) -> T:
        return self._network.send(lambda: request(self._table), writes=writes)


class FaultyClient:
    """The network before a DynamoDB client, with botocore's own errors."""

    WRITES = frozenset({"update_item", "transact_write_items", "put_item"})
    READS = frozenset({"get_item"})

    def __init__(self, client: object, network: Network) -> None:
        self._client = client
        self._network = network

    def __getattr__(self, name: str) -> Callable[..., object]:
        method = getattr(self._client, name)
        if name not in self.WRITES | self.READS:
            return method  # type: ignore[no-any-return]

        def call(**arguments: object) -> object:
            try:
                return self._network.send(lambda: method(**arguments), writes=name in self.WRITES)
            except NoAnswer:
                raise ReadTimeoutError(endpoint_url="dynamodb") from None
            except NotCarriedOut:
                raise _busy(name, self._network) from None

        return call


def _busy(name: str, network: Network) -> Exception:
    """Each of the three ways in turn, so that every one of them is met."""
    if network.failures % 3 == 0:
        return EndpointConnectionError(endpoint_url="dynamodb")
    code = "ThrottlingException" if network.failures % 3 == 1 else "TransactionConflictException"
    return ClientError({"Error": {"Code": code, "Message": ""}, "ResponseMetadata": {"HTTPStatusCode": 400}}, name)  # type: ignore[typeddict-item]
