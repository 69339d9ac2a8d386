"""/v1/organization/projects, their service accounts, keys and spend limits"""

from __future__ import annotations

from time import time

from infra.local.openai_server.admin import Ask
from infra.local.openai_server.api_error import ApiError, bad_request, missing
from infra.local.openai_server.fields import Json
from infra.local.openai_server.organization import Project, ServiceAccount
from infra.local.openai_server.spend_limit import is_over_limit


def projects(ask: Ask) -> Json:
    organization = ask.service.organization
    if ask.method == "POST":
        name = ask.body.get("name")
        if not isinstance(name, str) or not name:
            raise missing("name")
        return project_json(organization.create(name))
    archived = ask.one("include_archived") == "true"
    return listed(
        ask, [project_json(each) for each in organization.projects.values() if archived or not each.archived_at]
    )


def one_project(ask: Ask) -> Json:
    return project_json(project_of(ask))


def archive_project(ask: Ask) -> Json:
    project = project_of(ask)
    project.archived_at = int(time())
    ask.service.organization.save()
    return project_json(project)


def service_accounts(ask: Ask) -> Json:
    project = project_of(ask)
    if ask.method == "POST":
        name = ask.body.get("name")
        if not isinstance(name, str) or not name:
            raise missing("name")
        account, key = ask.service.organization.create_account(project, name)
        shown = {
            "object": "organization.project.service_account.api_key",
            "id": account.key_id,
            "name": "Secret Key",
            "created_at": account.created_at,
            "value": key,
            "expires_at": None,
        }
        return account_json(account) | {"api_key": shown}
    return listed(ask, [account_json(account) for account in live(project)])


def one_service_account(ask: Ask) -> Json:
    """GET and DELETE."""
    account = next((each for each in live(project_of(ask)) if each.id == ask.path["account_id"]), None)
    if account is None:
        raise not_found("service account")
    if ask.method == "DELETE":
        account.is_deleted = True
        ask.service.organization.save()
        return {"object": "organization.project.service_account.deleted", "id": account.id, "deleted": True}
    return account_json(account)


def api_keys(ask: Ask) -> Json:
    return listed(ask, [key_json(account) for account in live(project_of(ask))])


def spend_limit(ask: Ask) -> Json:
    project = project_of(ask)
    match ask.method:
        case "POST":
            project.limit_cents = parse_limit(ask.body)
            ask.service.organization.save()
        case "DELETE":
            project.limit_cents = None
            ask.service.organization.save()
            return {"object": "project.spend_limit.deleted", "deleted": True}
    if project.limit_cents is None:
        raise not_found("spend limit")
    return {
        "object": "project.spend_limit",
        "threshold_amount": project.limit_cents,
        "currency": "USD",
        "interval": "month",
        "enforcement": {"status": "enforcing" if is_over_limit(ask.service, project) else "inactive"},
    }


def parse_limit(body: Json) -> int:
    for name, only in (("currency", "USD"), ("interval", "month")):
        if body.get(name) != only:
            raise bad_request(f"Invalid value for '{name}': only '{only}' is supported.", param=name)
    amount = body.get("threshold_amount")
    if not isinstance(amount, int) or amount < 1:
        raise bad_request("Invalid 'threshold_amount': a whole number of cents.", param="threshold_amount")
    return amount


def project_of(ask: Ask) -> Project:
    """Raises ApiError."""
    project = ask.service.organization.projects.get(ask.path["project_id"])
    if project is None:
        raise not_found("project")
    return project


def not_found(what: str) -> ApiError:
    return ApiError(status=404, message=f"No such {what}.", code="not_found")


def live(project: Project) -> list[ServiceAccount]:
    return [account for account in project.accounts if not account.is_deleted]


def listed(ask: Ask, entries: list[Json]) -> Json:
    """A page of a list, which goes on after the id of its last entry."""
    ids = [entry["id"] for entry in entries]
    after, limit = ask.one("after"), ask.one("limit") or "20"
    if not limit.isdecimal() or not 1 <= int(limit) <= 100:
        raise bad_request("Invalid 'limit': between 1 and 100.", param="limit")
    begin = ids.index(after) + 1 if after in ids else 0
    page = entries[begin : begin + int(limit)]
    return {
        "object": "list",
        "data": page,
        "first_id": page[0]["id"] if page else None,
        "last_id": page[-1]["id"] if page else None,
        "has_more": begin + len(page) < len(entries),
    }


def project_json(project: Project) -> Json:
    return {
        "object": "organization.project",
        "id": project.id,
        "name": project.name,
        "created_at": project.created_at,
        "archived_at": project.archived_at,
        "status": "archived" if project.archived_at else "active",
    }


def account_json(account: ServiceAccount) -> Json:
    return {
        "object": "organization.project.service_account",
        "id": account.id,
        "name": account.name,
        "role": "member",
        "created_at": account.created_at,
    }


def key_json(account: ServiceAccount) -> Json:
    owner = {"id": account.id, "name": account.name, "role": "member", "created_at": account.created_at}
    return {
        "object": "organization.project.api_key",
        "id": account.key_id,
        "name": "Secret Key",
        "redacted_value": account.redacted,
        "created_at": account.created_at,
        "last_used_at": None,
        "owner_project_access": "active",
        "owner": {"type": "service_account", "service_account": owner},
    }
