"""The two origins: the token endpoint's, and the API's with the `/_local/` controls beside it."""

from itertools import count
from urllib.parse import parse_qsl

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from infra.local.servicetitan_server.access import TokenRefused
from infra.local.servicetitan_server.controls import Controls, known_tenant
from infra.local.servicetitan_server.faults import REVOKING, suffer
from infra.local.servicetitan_server.problem import Problem
from infra.local.servicetitan_server.reading import Export, Twist, list_page
from infra.local.servicetitan_server.resources import PATH, RESOURCES, Resource
from infra.local.servicetitan_server.world import World

FORM = "application/x-www-form-urlencoded"


def auth_app(world: World) -> Starlette:
    """`https://auth.servicetitan.io`, locally."""

    async def token(request: Request) -> Response:
        is_form = request.headers.get("content-type", "").partition(";")[0] == FORM
        form = dict(parse_qsl((await request.body()).decode(errors="replace"))) if is_form else {}
        fault = world.faults.take(request.url.path, world.access.tenant_of(form.get("client_id", "")))
        broken = await suffer(fault, world.clock.now()) if fault else None
        if broken:
            return broken
        if not is_form:
            return JSONResponse({"error": "invalid_request"}, status_code=400)
        try:
            return JSONResponse(world.access.mint(form))
        except TokenRefused as refused:
            return JSONResponse({"error": str(refused)}, status_code=400)

    routes = [Route("/connect/token", token, methods=["POST"]), Route("/_local/health", _health)]
    return _app(routes)


def api_app(world: World) -> Starlette:
    """`https://api.servicetitan.io`, locally."""

    async def read(request: Request) -> Response:
        path = request.url.path
        tenant, resource = _address(world, path)
        world.arrive(request.headers.get("st-app-key", ""), tenant)
        fault = world.faults.take(path, tenant)
        broken = await suffer(fault, world.clock.now()) if fault else None
        if broken:
            return broken
        if fault and fault.kind == REVOKING:
            world.access.revoke(request.headers.get("authorization", ""))
        world.access.admit(request.headers, tenant=tenant, scope=resource.scope)
        world.requests[tenant, path] += 1
        now = world.clock.now()
        history = world.business(tenant).history(resource.feed, now)
        query = dict(request.query_params)
        if not resource.is_export:
            return JSONResponse(list_page(history, query, now=now))
        feed = Export(
            history=history,
            endpoint=path,
            places=world.places[tenant],
            now=now,
            rows_max=world.rows_max,
            active=resource.active,
        )
        return JSONResponse(feed.page(query, fault.twist() if fault else Twist()))

    return _app([*_controls(world), Route("/{path:path}", read, methods=["GET"])])


def _controls(world: World) -> list[Route]:
    controls = Controls(world)
    return [
        Route("/_local/health", _health),
        Route("/_local/stats", controls.stats),
        Route("/_local/tenants", controls.tenants, methods=["GET"]),
        Route("/_local/tenants", controls.add_tenant, methods=["POST"]),
        Route("/_local/tenants/{tenant}", controls.change_tenant, methods=["POST"]),
        Route("/_local/tenants/{tenant}/rows/{feed}", controls.rows),
        Route("/_local/tenants/{tenant}/rows/{feed}/{id:int}", controls.amend, methods=["POST"]),
        Route("/_local/tenants/{tenant}/runs", controls.runs),
        Route("/_local/tenants/{tenant}/tokens", controls.revoke_tokens_of, methods=["DELETE"]),
        Route("/_local/tenants/{tenant}/places", controls.end_places, methods=["DELETE"]),
        Route("/_local/faults", controls.plan_fault, methods=["POST"]),
        Route("/_local/faults", controls.clear_faults, methods=["DELETE"]),
        Route("/_local/clock", controls.move_clock, methods=["POST"]),
        Route("/_local/tokens", controls.revoke_tokens, methods=["DELETE"]),
    ]


async def _health(_: Request) -> Response:
    return JSONResponse({"status": "ok"})


def _address(world: World, path: str) -> tuple[int, Resource]:
    found = PATH.fullmatch(path)
    if found is None:
        raise Problem(404, "Resource not found")
    resource = RESOURCES.get((found["module"], int(found["version"]), found["rest"]))
    if resource is None:
        raise Problem(404, "Resource not found")
    return known_tenant(world, found["tenant"]), resource


def _app(routes: list[Route]) -> Starlette:
    traces = count(1)

    async def on_problem(_: Request, error: Exception) -> Response:
        assert isinstance(error, Problem)
        return error.response(f"00-{next(traces):032x}-00")

    return Starlette(routes=routes, exception_handlers={Problem: on_problem})
