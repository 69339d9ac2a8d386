"""A stream's events on their way to the client while the model still speaks.

What is sent early is the beginning of the very answer that the route gives in the end, so whoever serves it sends the rest of that.
A client that leaves changes nothing: the provider is read to its end, and the call is settled.
"""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from tollgate.domain.governed_request import GovernedRequest
from tollgate.ports import Listener
from tollgate.usecases.take_hold import Taken

EVENT_STREAM = "text/event-stream; charset=utf-8"
# After one of these nothing else comes but a chunk with the usage.
LAST_OF_RESPONSES = frozenset({"response.completed", "response.incomplete", "response.failed", "error"})


class Outlet(Protocol):
    """The way to the client. Never raises: a client that has left is no trouble of the call's."""

    def begin(self, headers: Mapping[str, str]) -> None:
        """The answer is a 200 under these headers; before the first `send`."""

    def send(self, event: str) -> None:
        """The next event, as it goes over the wire, its empty line included."""


class LiveEvents:
    """A Listener. The event that may be the last waits for the settlement, whose facts it carries."""

    def __init__(
        self,
        outlet: Outlet,
        headers: Mapping[str, str],
        *,
        render: Callable[[Mapping[str, Any]], str | None],
        may_be_last: Callable[[Mapping[str, Any]], bool],
    ) -> None:
        """`render`: an event as it goes over the wire, None for one that this client does not get."""
        self._outlet = outlet
        self._headers = dict(headers)
        self._render = render
        self._may_be_last = may_be_last
        self._has_begun = False
        self._waiting: str | None = None

    def begin(self, headers: Mapping[str, str]) -> None:
        self._headers = {**headers, **self._headers}

    def hear(self, chunk: Mapping[str, Any]) -> None:
        event = self._render(chunk)
        if event is None:
            return
        if self._waiting is not None:
            self._send(self._waiting)
            self._waiting = None
        if self._may_be_last(chunk):
            self._waiting = event
        else:
            self._send(event)

    def _send(self, event: str) -> None:
        # Not before there is something to hear: until then a call that fails can still be answered by a status of its own.
        if not self._has_begun:
            self._outlet.begin(self._headers)
            self._has_begun = True
        self._outlet.send(event)


Listen = Callable[[Taken], Listener]


def listen(
    context: Any,
    asked: GovernedRequest,
    headers: Callable[[Taken], Mapping[str, str]],
    *,
    render: Callable[[Mapping[str, Any]], str | None],
) -> Listen | None:
    """Who hears the call, where `context` has a way to the client and the client asked for a stream. Elsewhere nobody: the answer is
    given when it is complete."""
    outlet: Outlet | None = getattr(context, "outlet", None)
    if outlet is None or not asked.streams:
        return None
    way = outlet
    return lambda taken: LiveEvents(way, headers(taken), render=render, may_be_last=may_be_last)


def may_be_last(chunk: Mapping[str, Any]) -> bool:
    """Of Chat's chunks and of the events of Responses."""
    if "type" in chunk:
        return chunk["type"] in LAST_OF_RESPONSES
    choices = chunk.get("choices")
    if not choices:
        return True
    return any(isinstance(choice, dict) and choice.get("finish_reason") for choice in choices)
