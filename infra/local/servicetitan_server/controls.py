"""The `/_local/` routes: what tests and demos may change, and look at."""

import math
from datetime import timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from infra.local.servicetitan_server.access import APP_KEY, SCOPES
from infra.local.servicetitan_server.archive import FEEDS
from infra.local.servicetitan_server.body import moment_of, read_object
from infra.local.servicetitan_server.faults import FIELDS as FAULT_FIELDS
from infra.local.servicetitan_server.faults import parse_fault
from infra.local.servicetitan_server.problem import Problem, invalid
from infra.local.servicetitan_server.shops import TRADES, open_shop
from infra.local.servicetitan_server.world import World

NEW_TENANT = {
    "tenantId": "a whole number",
    "name": "a text",
    "trade": "a text",
    "scale": "a number",
    "clientId": "a text",
    "clientSecret": "a text",
}
TENANT = {
    "enabled": "true or false",
    "scopes": "a list of texts",
    "clientSecret": "a text",
    "placesLiveSeconds": "a number",
}
# A thousand jobs a day and more would not fit the ids of a day.
SCALE_MAX = 100


class Controls:
    def __init__(self, world: World) -> None:
        self._world = world

    async def plan_fault(self, request: Request) -> Response:
        self._world.faults.plan(parse_fault(await read_object(request, FAULT_FIELDS)))
        return JSONResponse({"planned": len(self._world.faults.planned)}, status_code=201)

    async def clear_faults(self, _: Request) -> Response:
        self._world.faults.clear()
        return Response(status_code=204)

    async def move_clock(self, request: Request) -> Response:
        body = await read_object(request, {"freezeAt": "a text", "advanceSeconds": "a number"})
        clock = self._world.clock
        if "freezeAt" in body:
            clock.freeze(moment_of(body, "freezeAt", clock.now()))
        clock.advance(timedelta(seconds=body.get("advanceSeconds", 0)))
        return JSONResponse({"now": clock.now().isoformat()})

    async def revoke_tokens(self, _: Request) -> Response:
        self._world.access.revoke_all()
        return Response(status_code=204)

    async def revoke_tokens_of(self, request: Request) -> Response:
        self._world.access.revoke_of(self._tenant(request))
        return Response(status_code=204)

    async def end_places(self, request: Request) -> Response:
        self._world.places[self._tenant(request)].end_all()
        return Response(status_code=204)

    async def add_tenant(self, request: Request) -> Response:
        body = await read_object(request, NEW_TENANT)
        tenant, scale = body.get("tenantId", 0), body.get("scale", 1)
        if tenant < 1:
            raise invalid("tenantId", "A whole number above 0.")
        if body.get("trade") not in TRADES:
            raise invalid("trade", f"One of {', '.join(TRADES)}.")
        if not 0 < scale <= SCALE_MAX:
            raise invalid("scale", f"Above 0, and at most {SCALE_MAX}.")
        shop = open_shop(
            tenant,
            body.get("name") or f"Shop {tenant}",
            TRADES[body["trade"]],
            scale=scale,
            client_id=body.get("clientId", ""),
            client_secret=body.get("clientSecret", ""),
        )
        try:
            self._world.add(shop)
        except ValueError as error:
            raise Problem(409, f"There is a tenant with {error} already.") from error
        return JSONResponse(self._facts(tenant), status_code=201)

    async def change_tenant(self, request: Request) -> Response:
        tenant, body = self._tenant(request), await read_object(request, TENANT)
        unknown = set(body.get("scopes", ())) - set(SCOPES)
        if unknown:
            raise invalid("scopes", f"No such scopes: {', '.join(sorted(unknown))}.")
        access = self._world.access
        access.enabled[tenant] = body.get("enabled", access.enabled[tenant])
        access.scopes[tenant] = tuple(body.get("scopes", access.scopes[tenant]))
        access.secrets[tenant] = body.get("clientSecret", access.secrets[tenant])
        if "placesLiveSeconds" in body:
            self._world.places[tenant].live_for = timedelta(seconds=body["placesLiveSeconds"])
        return JSONResponse(self._facts(tenant))

    async def tenants(self, _: Request) -> Response:
        return JSONResponse({"appKey": APP_KEY, "tenants": [self._facts(tenant) for tenant in self._world.shops]})

    async def rows(self, request: Request) -> Response:
        return JSONResponse(self._world.rows(self._tenant(request), _feed(request)))

    async def runs(self, request: Request) -> Response:
        return JSONResponse(self._world.runs(self._tenant(request)))

    async def amend(self, request: Request) -> Response:
        tenant, feed, id_ = self._tenant(request), _feed(request), request.path_params["id"]
        fields = {"set": "an object", "modifiedOn": "a text", "shownAt": "a text"}
        body = await read_object(request, fields)
        modified_on = moment_of(body, "modifiedOn", self._world.clock.now())
        shown_at = moment_of(body, "shownAt", modified_on)
        if shown_at < modified_on:
            raise invalid("shownAt", "Before it was modified.")
        if {"id", "modifiedOn"} & set(body.get("set", {})):
            raise invalid("set", "The id stays, and modifiedOn stands beside `set`.")
        try:
            self._world.amend(tenant, feed, id_, body.get("set", {}), modified_on=modified_on, shown_at=shown_at)
        except KeyError as error:
            raise Problem(404, f"No row {id_} in {feed} by {modified_on.isoformat()}.") from error
        return Response(status_code=204)

    async def stats(self, _: Request) -> Response:
        return JSONResponse(self._world.stats())

    def _tenant(self, request: Request) -> int:
        return known_tenant(self._world, request.path_params["tenant"])

    def _facts(self, tenant: int) -> dict[str, Any]:
        shop, access = self._world.shops[tenant], self._world.access
        live_for = self._world.places[tenant].live_for
        return {
            "tenantId": tenant,
            "name": shop.name,
            "trade": shop.trade,
            "clientId": shop.client_id,
            "clientSecret": access.secrets[tenant],
            "enabled": access.enabled[tenant],
            "scopes": list(access.scopes[tenant]),
            "placesLiveSeconds": None if live_for is None else math.floor(live_for.total_seconds()),
            "rows": {feed: self._world.count(tenant, feed) for feed in FEEDS},
        }


def known_tenant(world: World, text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise invalid("tenant", f"The value '{text}' is not valid.")
    if int(text) not in world.shops:
        raise Problem(403, "Provided authentication is insufficient to grant access")
    return int(text)


def _feed(request: Request) -> str:
    feed = str(request.path_params["feed"])
    if feed not in FEEDS:
        raise invalid("feed", f"One of {', '.join(FEEDS)}.")
    return feed
