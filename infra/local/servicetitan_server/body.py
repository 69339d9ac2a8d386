"""What the `/_local/` routes are sent: one JSON object, each field of its type, or a clear refusal."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from starlette.requests import Request

from infra.local.servicetitan_server.problem import invalid

TYPES: Mapping[str, tuple[type, ...]] = {
    "true or false": (bool,),
    "a whole number": (int,),
    "a number": (int, float),
    "a text": (str,),
    "a list of texts": (list,),
    "an object": (dict,),
}


async def read_object(request: Request, fields: Mapping[str, str]) -> dict[str, Any]:
    """The body; `fields` says for each what it must be. Raises Problem."""
    try:
        body = json.loads(await request.body() or b"{}")
    except ValueError as error:
        raise invalid("body", "Not JSON.") from error
    if not isinstance(body, dict):
        raise invalid("body", "Not a JSON object.")
    for name, value in body.items():
        if name not in fields:
            raise invalid(name, f"There are only {', '.join(fields)}.")
        if not _is(value, fields[name]):
            raise invalid(name, f"Not {fields[name]}.")
    return body


def moment_of(body: Mapping[str, Any], name: str, default: datetime) -> datetime:
    """A time with its zone. Raises Problem."""
    if name not in body:
        return default
    try:
        at = datetime.fromisoformat(body[name])
    except ValueError as error:
        raise invalid(name, "Not a time.") from error
    if at.tzinfo is None:
        raise invalid(name, "A time without a zone.")
    return at


def _is(value: Any, what: str) -> bool:
    if isinstance(value, bool):
        return what == "true or false"
    if what == "a list of texts":
        return isinstance(value, list) and all(isinstance(item, str) for item in value)
    return isinstance(value, TYPES[what])
