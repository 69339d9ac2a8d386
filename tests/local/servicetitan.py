"""A client of the local ServiceTitan for its own tests: over HTTP, on a clock that the test moves."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import httpx

from infra.local.servicetitan_server.resources import RESOURCES
from infra.local.servicetitan_server.server import running
from infra.local.servicetitan_server.world import World

NOW = datetime(2026, 11, 22, 10, 30, tzinfo=UTC)
EXPORTS = {
    resource.feed: f"/{module}/v{version}/tenant/%s/{path}"
    for (module, version, path), resource in RESOURCES.items()
    if resource.is_export
}


@dataclass
class Server:
    world: World
    api: httpx.Client
    auth: httpx.Client

    def mint(self, tenant: int = 1004, **change: str) -> httpx.Response:
        form = {
            "grant_type": "client_credentials",
            "client_id": f"local-client-{tenant}",
            "client_secret": f"local-secret-{tenant}",
        }
        return self.auth.post("/connect/token", data=form | change)

    def token(self, tenant: int = 1004, **change: str) -> str:
        return str(self.mint(tenant, **change).raise_for_status().json()["access_token"])

    def get(self, path: str, token: str, app_key: str = "local-app-key", **query: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {token}", "ST-App-Key": app_key}
        return self.api.get(path, params=query, headers={name: value for name, value in headers.items() if value})

    def pages(self, path: str, token: str, start: str = "", **query: Any) -> Iterator[dict[str, Any]]:
        has_more = True
        while has_more:
            page = self.get(path, token, **{"from": start}, **query).raise_for_status().json()
            yield page
            start, has_more = page["continueFrom"], page["hasMore"]

    def rows(self, feed: str, token: str, *, tenant: int = 1004, start: str = "", **query: Any) -> list[dict[str, Any]]:
        return [row for page in self.pages(EXPORTS[feed] % tenant, token, start, **query) for row in page["data"]]

    def control(self, method: str, path: str, body: Any = None) -> httpx.Response:
        return self.api.request(method, f"/_local/{path}", json=body)


@contextlib.contextmanager
def served(world: World) -> Iterator[Server]:
    with (
        running(world) as addresses,
        httpx.Client(base_url=addresses.base_url, trust_env=False, verify=False) as api,
        httpx.Client(base_url=addresses.auth_url, trust_env=False, verify=False) as auth,
    ):
        yield Server(world=world, api=api, auth=auth)
