"""The first event of every function. Those that need Postgres, ServiceTitan or a sink get none: their clients are made, which is what
a cold start has of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.bench.busy_shop import TENANT_ID
from tests.bench.gate_event import ADMIN, CHAT, event, tenant
from tollgate.domain.page import Page
from tollgate.domain.tenant import TenantSettings
from tollgate.domain.window import next_month

CONNECTION_ID = "production-1001"
KEY_ID, SECRET = "abcdefabcdef", "x" * 43


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstEvent:
    """Either `event`, with the status that answers it where that is a route, or `made`: what wiring builds."""

    event: Mapping[str, Any] | None = None
    status: int | None = None
    made: tuple[str, ...] = field(default=())


def first_events(settings: TenantSettings, page: Page) -> dict[str, FirstEvent]:
    """By the function's folder."""
    return {
        "authorizers/authenticate_key": FirstEvent(event=_of_authorizer()),
        **{f"routes/{name}": found for name, found in _routes(settings, page).items()},
        "streams/write_spans": FirstEvent(made=("spans", "poison")),
        "streams/export_spans": FirstEvent(event={"Records": []}),
        "schedules/sweep_holds": FirstEvent(event={}),
        "schedules/roll_up_spend": FirstEvent(made=("spans", "rollups")),
        "schedules/expire_pages": FirstEvent(made=("shelf", "span_books", "span_months")),
        "schedules/sync_servicetitan": FirstEvent(made=("connections", "given_connection", "syncs", "sync_queue")),
        "queues/sync_connection": FirstEvent(made=("sync_ports",)),
        "schedules/refresh_models": FirstEvent(made=("model_source", "stored_ends", "prices")),
        # Where nobody compares, or bills, there is nothing to do.
        "schedules/reconcile_books": FirstEvent(made=("remote_comparison", "event_alerts")),
        "schedules/fetch_openai_bill": FirstEvent(event={}),
        "tasks/compare_books": FirstEvent(made=("ledger", "shelf", "comparison", "drifts")),
        "tasks/store_openai_bill": FirstEvent(made=("bill_books",)),
        "tasks/store_jobs": FirstEvent(made=("job_store",)),
        "tasks/migrate_database": FirstEvent(made=("schema",)),
        "hooks/migrate_before_traffic": FirstEvent(made=("remote_migration", "deployment_hook")),
        "tasks/restore_ledger": FirstEvent(made=("ledger", "accounts", "shelf", "span_books")),
        "tasks/replay_spans": FirstEvent(made=("spans",)),
        "tasks/create_admin_key": FirstEvent(event={"name": "first"}),
    }


def _routes(settings: TenantSettings, page: Page) -> dict[str, FirstEvent]:
    mine = tenant(settings)
    budget = f"/api/cost/budget/{TENANT_ID}"
    hold_id = f"{page.month}.{next(iter(page.holds.values())).day}.{next(iter(page.holds))}"
    check = {"model": CHAT["model"], "inputTokens": 1_500, "maxOutputTokens": 500, "hold": True}
    usage = {"prompt_tokens": 1_553, "completion_tokens": 187, "total_tokens": 1_740}
    record = {"recordId": "visit-48213377", "model": CHAT["model"], "usage": usage}
    raised = {"dailyUsd": 10, "until": f"{next_month(page.month)}-01T00:00:00Z", "reason": "first frost"}
    correction = {"tenantId": TENANT_ID, "correctionId": "invoice-11", "reason": "billed twice", "amountUsd": -0.01}
    key = {"tenantId": TENANT_ID, "role": "tenant", "name": "first"}

    def get(path: str) -> FirstEvent:
        return FirstEvent(event=event("GET", path, ADMIN), status=200)

    def delete(path: str) -> FirstEvent:
        return FirstEvent(event=event("DELETE", path, ADMIN), status=204)

    return {
        "create_chat_completion": FirstEvent(event=event("POST", "/v1/chat/completions", mine, CHAT), status=200),
        "check_cost": FirstEvent(event=event("POST", "/api/cost/check", mine, check), status=200),
        "record_cost": FirstEvent(event=event("POST", "/api/cost/record", mine, record), status=201),
        "get_budget": FirstEvent(event=event("GET", budget, mine), status=200),
        "put_budget": FirstEvent(event=event("PUT", budget, ADMIN, {"dailyBudgetUsd": 120}), status=200),
        "create_raise": FirstEvent(event=event("POST", f"{budget}/raises", ADMIN, raised), status=201),
        # There is none: the answer comes after the account was read.
        "end_raise": FirstEvent(event=event("DELETE", f"{budget}/raises/aaaabbbbcccc", ADMIN), status=404),
        "list_holds": get(f"{budget}/holds"),
        "close_hold": FirstEvent(event=event("DELETE", f"{budget}/holds/{hold_id}", ADMIN), status=200),
        "summarize_cost": FirstEvent(made=("accounts", "rollups")),
        "list_drifts": FirstEvent(made=("drifts",)),
        # A record of another content has that id here: the answer comes after the ledger was asked.
        "correct_cost": FirstEvent(event=event("POST", "/api/cost/corrections", ADMIN, correction), status=409),
        "get_health": get("/api/health"),
        "get_openapi": get("/openapi.json"),
        "create_key": FirstEvent(event=event("POST", "/api/keys", ADMIN, key), status=201),
        "list_keys": get("/api/keys"),
        "revoke_key": delete(f"/api/keys/{KEY_ID}"),
        "list_models": FirstEvent(event=event("GET", "/v1/models", mine), status=200),
        "list_breakers": get("/api/breakers"),
        "list_connections": get("/api/connections"),
        # There is none, so that the answer comes after the table was asked; a lease is what the table here cannot give.
        "get_connection": FirstEvent(event=event("GET", f"/api/connections/{CONNECTION_ID}", ADMIN), status=404),
        "put_connection": FirstEvent(
            event=event("PUT", f"/api/connections/{CONNECTION_ID}", ADMIN, {"paused": True}), status=404
        ),
        "delete_connection": FirstEvent(event=event("DELETE", f"/api/connections/{CONNECTION_ID}", ADMIN), status=404),
        "create_connection": FirstEvent(made=("accounts", "connections", "connection_secrets", "leases")),
        "check_connection": FirstEvent(made=("connections", "leases")),
        # Nor such a breaker.
        "reset_breaker": FirstEvent(event=event("DELETE", "/api/breakers/0123456789abcdef", ADMIN), status=404),
    }


def _of_authorizer() -> dict[str, Any]:
    headers = {"Authorization": f"Bearer tg_{KEY_ID}_{SECRET}"}
    arn = "arn:aws:execute-api:us-east-1:123456789012:abc123/dev/GET/api/cost/budget"
    return {"type": "REQUEST", "methodArn": arn, "headers": headers, "requestContext": {"requestId": "request-1"}}
