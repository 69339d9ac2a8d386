"""`/_local/`: what tests and demonstrations ask of this server, and OpenAI has not."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from infra.local.openai_server.fault import FaultInvalid
from infra.local.openai_server.service import Delays, Service
from infra.local.openai_server.writing import Writing, WritingInvalid


def service_of(request: Request) -> Service:
    service: Service = request.app.state.service
    return service


def invalid(why: object) -> Response:
    return JSONResponse({"error": str(why)}, 400)


async def get_health(request: Request) -> Response:
    return JSONResponse({"status": "ok", "served": len(service_of(request).books)})


async def get_served(request: Request) -> Response:
    since = request.query_params.get("since", "0")
    if not since.isdecimal():
        return invalid("since is a whole number")
    return Response(service_of(request).books.since(int(since)), media_type="application/json")


async def get_usage(request: Request) -> Response:
    return JSONResponse({"usage": service_of(request).books.usage()})


async def faults(request: Request) -> Response:
    orders = service_of(request).faults
    match request.method:
        case "POST":
            try:
                return JSONResponse(orders.add(await request.json()).as_json(), 201)
            except (FaultInvalid, ValueError, AttributeError) as error:
                return invalid(error)
        case "DELETE":
            orders.clear()
    return JSONResponse({"faults": [order.as_json() for order in orders]})


async def behaviour(request: Request) -> Response:
    service = service_of(request)
    match request.method:
        case "POST":
            try:
                service.writing = service.writing.changed(await request.json())
            except (WritingInvalid, ValueError, AttributeError) as error:
                return invalid(error)
        case "DELETE":
            service.writing = Writing()
    return JSONResponse(service.writing.as_json())


async def delays(request: Request) -> Response:
    """Seconds until what was billed shows in the organization's costs and usage."""
    service = service_of(request)
    match request.method:
        case "POST":
            asked = await request.json()
            if asked.keys() - {"costsSeconds", "usageSeconds"}:
                return invalid("costsSeconds and usageSeconds are all there is")
            service.delays.costs = float(asked.get("costsSeconds", service.delays.costs))
            service.delays.usage = float(asked.get("usageSeconds", service.delays.usage))
        case "DELETE":
            service.delays = Delays()
    return JSONResponse({"costsSeconds": service.delays.costs, "usageSeconds": service.delays.usage})
