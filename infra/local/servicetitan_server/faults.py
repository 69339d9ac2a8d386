"""Faults on demand: what shall go wrong, where, and how many times."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from starlette.responses import HTMLResponse, Response
from starlette.types import Receive, Scope, Send

from infra.local.servicetitan_server.access import throttled
from infra.local.servicetitan_server.problem import Problem, invalid

KINDS = ("429", "500", "502", "503", "html", "html-200", "reset", "stall", "401", "403", "400")
THROTTLE_FORMS = ("seconds", "date", "title", "bare")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """`path` is a part of the paths that break (all when empty); `skip` calls pass before, then `times` calls break."""

    kind: str
    times: int = 1
    skip: int = 0
    tenant: int | None = None
    path: str = ""
    form: str = "seconds"
    seconds: float = 100

    def meets(self, path: str) -> bool:
        return self.path in path and (self.tenant is None or f"/tenant/{self.tenant}/" in path)


def parse_fault(body: Mapping[str, Any]) -> Fault:
    unknown = set(body) - set(Fault.__dataclass_fields__)
    if unknown or body.get("kind") not in KINDS or body.get("form", "seconds") not in THROTTLE_FORMS:
        raise invalid("kind", f"One of {', '.join(KINDS)}; fields: {', '.join(Fault.__dataclass_fields__)}.")
    return Fault(**body)


class Faults:
    def __init__(self) -> None:
        self.planned: list[Fault] = []

    def plan(self, fault: Fault) -> None:
        self.planned.append(fault)

    def clear(self) -> None:
        self.planned.clear()

    def take(self, path: str) -> Fault | None:
        """The fault that this call meets, counted down."""
        for index, fault in enumerate(self.planned):
            if not fault.meets(path):
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
    """The broken answer, or nothing after a stall. Raises Problem for the faults that have the API's own shape."""
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
        case "429":
            raise throttled(fault.form, now)
        case _:
            raise Problem(int(fault.kind), "A planned fault")
