"""The routes."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from infra.local.openai_server import control, organization_projects, organization_usage
from infra.local.openai_server.admin import admin
from infra.local.openai_server.api_error import ApiError
from infra.local.openai_server.call import api
from infra.local.openai_server.chat import create_chat_completion
from infra.local.openai_server.embedding import create_embeddings
from infra.local.openai_server.fault import ORGANIZATION
from infra.local.openai_server.model_list import get_model, list_models
from infra.local.openai_server.responses import count_input_tokens, create_response
from infra.local.openai_server.service import Service

PROJECTS = f"{ORGANIZATION}projects"
PROJECT = f"{PROJECTS}/{{project_id}}"
ACCOUNTS = f"{PROJECT}/service_accounts"


def application(service: Service) -> Starlette:
    app = Starlette(
        routes=[
            Route("/v1/chat/completions", api(create_chat_completion), methods=["POST"]),
            Route("/v1/responses", api(create_response), methods=["POST"]),
            Route("/v1/responses/input_tokens", api(count_input_tokens), methods=["POST"]),
            Route("/v1/embeddings", api(create_embeddings), methods=["POST"]),
            Route("/v1/models", api(list_models)),
            Route("/v1/models/{name:path}", api(get_model)),
            Route(f"{ORGANIZATION}costs", admin(organization_usage.get_costs)),
            Route(f"{ORGANIZATION}usage/completions", admin(organization_usage.get_completions)),
            Route(f"{ORGANIZATION}usage/embeddings", admin(organization_usage.get_embeddings)),
            Route(PROJECTS, admin(organization_projects.projects), methods=["GET", "POST"]),
            Route(PROJECT, admin(organization_projects.one_project)),
            Route(f"{PROJECT}/archive", admin(organization_projects.archive_project), methods=["POST"]),
            Route(f"{PROJECT}/api_keys", admin(organization_projects.api_keys)),
            Route(ACCOUNTS, admin(organization_projects.service_accounts), methods=["GET", "POST"]),
            Route(
                f"{ACCOUNTS}/{{account_id}}",
                admin(organization_projects.one_service_account),
                methods=["GET", "DELETE"],
            ),
            Route(
                f"{PROJECT}/spend_limit", admin(organization_projects.spend_limit), methods=["GET", "POST", "DELETE"]
            ),
            Route("/_local/delays", control.delays, methods=["GET", "POST", "DELETE"]),
            Route("/_local/health", control.get_health),
            Route("/_local/served", control.get_served),
            Route("/_local/usage", control.get_usage),
            Route("/_local/faults", control.faults, methods=["GET", "POST", "DELETE"]),
            Route("/_local/behaviour", control.behaviour, methods=["GET", "POST", "DELETE"]),
        ],
        exception_handlers={404: unknown_address, 405: wrong_method},
    )
    app.state.service = service
    return app


async def unknown_address(request: Request, _error: Exception) -> Response:
    message = f"Invalid URL ({request.method} {request.url.path})"
    return Response(ApiError(status=404, message=message).content(), 404, media_type="application/json")


async def wrong_method(request: Request, _error: Exception) -> Response:
    message = f"Not allowed to {request.method} on {request.url.path}"
    return Response(ApiError(status=405, message=message).content(), 405, media_type="application/json")
