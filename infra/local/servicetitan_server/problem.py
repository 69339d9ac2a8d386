"""How the real API says no: RFC 7807 bodies, and a few forms of its gateway."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from starlette.responses import JSONResponse, Response

NO_APP_KEY = "Application key not present, check ST-App-Key header value."


@dataclass
class Problem(Exception):
    """Raised anywhere in the server, rendered at its edge."""

    status: int
    title: str
    errors: Mapping[str, list[str]] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)

    def response(self, trace_id: str) -> Response:
        body: dict[str, Any] = {
            "type": f"https://httpstatuses.io/{self.status}",
            "title": self.title,
            "status": self.status,
            "traceId": trace_id,
            "errors": dict(self.errors),
            "data": {},
        }
        return JSONResponse(
            body, status_code=self.status, headers=dict(self.headers), media_type="application/problem+json"
        )


def invalid(name: str, message: str) -> Problem:
    return Problem(400, "One or more validation errors occurred.", errors={name: [message]})
