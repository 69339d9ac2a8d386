"""The `/_local/` routes: what tests and demos may change, and look at."""

import json
from datetime import datetime, timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from infra.local.servicetitan_server.access import APP_KEY
from infra.local.servicetitan_server.business import FEEDS
from infra.local.servicetitan_server.faults import parse_fault
from infra.local.servicetitan_server.problem import Problem, invalid
from infra.local.servicetitan_server.shops import SHOPS
from infra.local.servicetitan_server.world import World


class Controls:
    def __init__(self, world: World) -> None:
        self._world = world

    async def plan_fault(self, request: Request) -> Response:
        self._world.faults.plan(parse_fault(await _body(request)))
        return JSONResponse({"planned": len(self._world.faults.planned)}, status_code=201)

    async def clear_faults(self, _: Request) -> Response:
        self._world.faults.clear()
        return Response(status_code=204)

    async def move_clock(self, request: Request) -> Response:
        body = await _body(request)
        if "freezeAt" in body:
            self._world.clock.freeze(datetime.fromisoformat(body["freezeAt"]))
        self._world.clock.advance(timedelta(seconds=body.get("advanceSeconds", 0)))
        return JSONResponse({"now": self._world.clock.now().isoformat()})

    async def revoke_tokens(self, _: Request) -> Response:
        self._world.access.revoke_all()
        return Response(status_code=204)

    async def change_tenant(self, request: Request) -> Response:
        tenant, body = parse_tenant(request.path_params["tenant"]), await _body(request)
        access = self._world.access
        access.enabled[tenant] = body.get("enabled", access.enabled[tenant])
        access.scopes[tenant] = tuple(body.get("scopes", access.scopes[tenant]))
        access.secrets[tenant] = body.get("clientSecret", access.secrets[tenant])
        return JSONResponse(self._facts(tenant))

    async def tenants(self, _: Request) -> Response:
        return JSONResponse({"appKey": APP_KEY, "tenants": [self._facts(tenant) for tenant in SHOPS]})

    async def rows(self, request: Request) -> Response:
        tenant, feed = parse_tenant(request.path_params["tenant"]), request.path_params["feed"]
        if feed not in FEEDS:
            raise invalid("feed", f"One of {', '.join(FEEDS)}.")
        return JSONResponse(self._world.rows(tenant, feed))

    async def stats(self, _: Request) -> Response:
        return JSONResponse(self._world.stats())

    def _facts(self, tenant: int) -> dict[str, Any]:
        shop, access = SHOPS[tenant], self._world.access
        return {
            "tenantId": tenant,
            "name": shop.name,
            "trade": shop.trade,
            "clientId": shop.client_id,
            "clientSecret": access.secrets[tenant],
            "enabled": access.enabled[tenant],
            "scopes": list(access.scopes[tenant]),
            "rows": {feed: len(self._world.rows(tenant, feed)) for feed in FEEDS},
        }


def parse_tenant(text: str) -> int:
    if not text.isdigit():
        raise invalid("tenant", f"The value '{text}' is not valid.")
    if int(text) not in SHOPS:
        raise Problem(403, "Provided authentication is insufficient to grant access")
    return int(text)


async def _body(request: Request) -> dict[str, Any]:
    try:
        body = json.loads(await request.body() or b"{}")
    except json.JSONDecodeError as error:
        raise invalid("body", "Not JSON.") from error
    if not isinstance(body, dict):
        raise invalid("body", "Not a JSON object.")
    return body
