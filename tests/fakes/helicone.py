"""Helicone: its proxy in front of a provider, and its log.

As in its worker: the proxy hands on what it is sent without its own headers, and the provider's answer with its headers and a
`helicone-id`; it serves whether or not its key is right. The log reads `meta` as headers, which must be latin-1; wants a key; and
keeps a request under the id that it is given.
"""

from typing import Any

import httpx

from tests.fakes.http_server import Received, Reply, Server, json_reply

PROXY_PATHS = ("/v1/chat/completions", "/v1/responses")
LOG_PATH = "/custom/v1/log"
PARTS = {"providerRequest": {"url", "json", "meta"}, "providerResponse": {"status", "headers", "json"}}
MOMENT = {"seconds", "milliseconds"}


def proxy(provider: Server) -> Server:
    def forward(received: Received) -> Reply:
        if received.path not in PROXY_PATHS:
            return json_reply({"error": "Not found"}, status=404)
        passed = {
            name: value
            for name, value in received.headers.items()
            if not name.startswith("helicone-") and name not in ("host", "connection", "accept-encoding")
        }
        with httpx.Client(verify=False, trust_env=False) as client:
            answer = client.post(f"{provider.url}{received.path}", content=received.content, headers=passed)
        return Reply(
            status=answer.status_code,
            content=answer.content,
            headers={**answer.headers, "helicone-id": received.headers.get("helicone-request-id", "made-up")},
        )

    return Server(forward)


def unauthorized(_: Received) -> Reply:
    """What stands before a self-hosted one says no, in OpenAI's shape and without its request id."""
    return json_reply({"error": {"message": "Unauthorized", "type": "auth", "code": "unauthorized"}}, status=401)


class Log:
    """`kept`: by request id, as its store has them."""

    def __init__(self) -> None:
        self.kept: dict[str, dict[str, Any]] = {}
        self.server = Server(self.keep)

    def keep(self, received: Received) -> Reply:
        if received.path != LOG_PATH:
            return json_reply({"error": "Not found"}, status=404)
        if not received.headers.get("authorization", "").startswith("Bearer "):
            return Reply(status=401, content=b"Unauthorized")
        body = received.body
        if not all(PARTS[part] <= body.get(part, {}).keys() for part in PARTS) or not _is_timed(body.get("timing")):
            return json_reply({"error": "Invalid asyncLogModel"}, status=400)
        try:
            meta = {name.lower(): value.encode("latin-1").decode() for name, value in _meta(body).items()}
        except ValueError:
            return Reply(status=500, content=b"Internal Server Error")
        self.kept[meta["helicone-request-id"]] = body
        return json_reply({})


def _meta(body: dict[str, Any]) -> dict[str, str]:
    meta: dict[str, str] = body["providerRequest"]["meta"]
    return meta


def _is_timed(timing: Any) -> bool:
    return isinstance(timing, dict) and all(timing.get(end, {}).keys() == MOMENT for end in ("startTime", "endTime"))
