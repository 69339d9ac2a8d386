"""Faults on demand: what shall go wrong, where, and how many times."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from starlette.responses import HTMLResponse, Response
from starlette.types import Receive, Scope, Send

from infra.local.servicetitan_server.access import throttled
from infra.local.servicetitan_server.clock import Clock
from infra.local.servicetitan_server.problem import Problem, invalid
from infra.local.servicetitan_server.reading import Twist

# These break the answer, and these go on to it: the token is withdrawn first, or the page of an export is odd.
BREAKING = ("429", "500", "502", "503", "html", "html-200", "reset", "stall", "401", "403", "400", "storm")
REVOKING, EMPTY, REPEATING = "revoke", "empty", "repeat"
KINDS = (*BREAKING, REVOKING, EMPTY, REPEATING)
THROTTLE_FORMS = ("seconds", "date", "title", "bare")
FIELDS = {
    "kind": "a text",
    "times": "a whole number",
    "skip": "a whole number",
    "tenant": "a whole number",
    "path": "a text",
    "form": "a text",
    "seconds": "a number",
    "rows": "a whole number",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """`path` is a part of the paths that break (all when empty); `skip` calls pass before, then `times` calls break.

    A storm counts no calls: it lasts for `seconds` from when it was planned, by the world's clock.
    """

    kind: str
    times: int = 1
    skip: int = 0
    tenant: int | None = None
    path: str = ""
    form: str = "seconds"
    seconds: float = 100
    rows: int = 5

    def meets(self, path: str, tenant: int | None) -> bool:
        return self.path in path and (self.tenant is None or self.tenant == tenant)

    def twist(self) -> Twist:
        return Twist(is_empty=self.kind == EMPTY, repeated=self.rows if self.kind == REPEATING else 0)


def parse_fault(body: Mapping[str, Any]) -> Fault:
    """From a body whose fields have the types of `FIELDS`. Raises Problem."""
    if body.get("kind") not in KINDS:
        raise invalid("kind", f"One of {', '.join(KINDS)}.")
    if body.get("form", "seconds") not in THROTTLE_FORMS:
        raise invalid("form", f"One of {', '.join(THROTTLE_FORMS)}.")
    for name, least in (("times", 1), ("skip", 0), ("seconds", 0), ("rows", 1)):
        if body.get(name, least) < least:
            raise invalid(name, f"At least {least}.")
    return Fault(**body)


class Faults:
    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.planned: list[Fault] = []
        self._storms: list[tuple[datetime, Fault]] = []

    def plan(self, fault: Fault) -> None:
        if fault.kind == "storm":
            self._storms.append((self._clock.now() + timedelta(seconds=fault.seconds), fault))
        else:
            self.planned.append(fault)

    def clear(self) -> None:
        self.planned.clear()
        self._storms.clear()

    def take(self, path: str, tenant: int | None = None) -> Fault | None:
        """The fault that this call meets, counted down."""
        now = self._clock.now()
        self._storms = [(until, storm) for until, storm in self._storms if now < until]
        for _, storm in self._storms:
            if storm.meets(path, tenant):
                return storm
        for index, fault in enumerate(self.planned):
            if not fault.meets(path, tenant):
                continue
            if fault.skip:
                self.planned[index] = replace(fault, skip=fault.skip - 1)
                return None
            self._count_down(index, fault)
            return fault
        return None

    def _count_down(self, index: int, fault: Fault) -> None:
        if fault.times > 1:
            self.planned[index] = replace(fault, times=fault.times - 1)
        else:
            del self.planned[index]


class BrokenResponse(Response):
    """Promises more than it sends, so that the server drops the connection in the middle of the answer."""

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        headers = [(b"content-type", b"application/json"), (b"content-length", b"4096")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b'{"hasMore":', "more_body": False})


async def suffer(fault: Fault, now: datetime) -> Response | None:
    """The broken answer, or nothing where the call goes on. Raises Problem for faults that have the API's own shape."""
    match fault.kind:
        case "stall":
            await asyncio.sleep(fault.seconds)
            return None
        case "reset":
            return BrokenResponse()
        case "html":
            return HTMLResponse("<html><body><h1>502 Bad Gateway</h1></body></html>", status_code=502)
        case "html-200":
            return HTMLResponse("<html><body>We are down for maintenance.</body></html>")
        case "429" | "storm":
            raise throttled(fault.form, now)
        case kind if kind in BREAKING:
            raise Problem(int(kind), "A planned fault")
        case _:
            return None
