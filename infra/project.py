"""python -m infra.project TENANT: gives a tenant an OpenAI project of its own (infra/runbooks/projects.md).

Each step looks before it acts, so it can be repeated: after a change of the tenant's month, to move the spend limit along; with --rotate
for a new key, and with --retire, once every function has it, to take away the old ones. With --local on the local stack, else on AWS
with your own credentials.
"""

import argparse
import json
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import ROUND_CEILING, Decimal
from typing import Any

import httpx
from botocore.exceptions import BotoCoreError, ClientError

from infra.local.configuration import StackError
from infra.restore import Deployed, find
from tollgate.adapters.dynamodb_accounts import DynamoDbAccounts
from tollgate.domain.errors import TollgateError
from tollgate.domain.money import to_usd
from tollgate.domain.tenant import TenantSettings
from tollgate.domain.window import window_at
from tollgate.usecases.change_limits import change_settings

ACCOUNT_NAME = "tollgate"
# Somewhat above the tenant's month: Tollgate refuses first, and OpenAI counts by its own clock.
FACTOR = Decimal("1.1")
PAGES_MAX = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Organization:
    """OpenAI's admin API. Raises StackError with what it says."""

    http: httpx.Client

    def get(self, path: str, **query: str) -> dict[str, Any]:
        return self._read(self.http.get(path, params=query))

    def post(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        return self._read(self.http.post(path, json=body))

    def delete(self, path: str) -> dict[str, Any]:
        return self._read(self.http.delete(path))

    def find(self, path: str) -> dict[str, Any] | None:
        """None where there is none."""
        answer = self.http.get(path)
        return None if answer.status_code == httpx.codes.NOT_FOUND else self._read(answer)

    def every(self, path: str) -> Iterator[dict[str, Any]]:
        after: dict[str, str] = {}
        for _ in range(PAGES_MAX):
            page = self.get(path, limit="100", **after)
            yield from page["data"]
            if not page["has_more"]:
                return
            after = {"after": page["data"][-1]["id"]}
        raise StackError(f"{path} does not come to an end.")

    def _read(self, answer: httpx.Response) -> dict[str, Any]:
        if answer.is_success:
            return dict(answer.json())
        try:
            why = answer.json()["error"]["message"]
        except (ValueError, KeyError, TypeError):
            why = "it does not say why"
        raise StackError(
            f"OpenAI refused {answer.request.method} {answer.request.url.path} ({answer.status_code}): {why}"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Outputs:
    """Of the stack."""

    ledger_table: str
    secret_prefix: str
    admin_base_url: str
    admin_key_arn: str | None

    @property
    def environment(self) -> str:
        return self.secret_prefix.split("/")[1]


def outputs_of(deployed: Deployed, stack: str) -> Outputs:
    told = deployed.client("cloudformation").describe_stacks(StackName=stack)["Stacks"][0]["Outputs"]
    values = {each["OutputKey"]: each["OutputValue"] for each in told}
    if "OpenAiProjectSecretPrefix" not in values:
        raise StackError("The stack knows no projects: deploy this release first.")
    return Outputs(
        ledger_table=deployed.name("Ledger"),
        secret_prefix=values["OpenAiProjectSecretPrefix"],
        admin_base_url=values["OpenAiAdminBaseUrl"],
        admin_key_arn=values.get("OpenAiAdminKeySecretArn"),
    )


def admin_key(deployed: Deployed, outputs: Outputs) -> str:
    given = os.environ.get("OPENAI_ADMIN_KEY", "").strip()
    if given:
        return given
    if outputs.admin_key_arn is None:
        raise StackError("Set OPENAI_ADMIN_KEY, or deploy with OpenAiAdminKeySecretArn.")
    return str(
        deployed.client("secretsmanager").get_secret_value(SecretId=outputs.admin_key_arn)["SecretString"]
    ).strip()


# ---- the steps --------------------------------------------------------------------------------------------------------------


def set_up(deployed: Deployed, outputs: Outputs, openai: Organization, chosen: argparse.Namespace) -> None:
    """The key is stored before the tenant's settings name the project: from that moment on calls are made with it, or not at all."""
    accounts = DynamoDbAccounts(deployed.client("dynamodb"), outputs.ledger_table)
    settings = accounts.read(chosen.tenant)
    if settings is None:
        raise StackError(f"There is no tenant {chosen.tenant!r}: PUT /api/cost/budget/{chosen.tenant} makes one.")
    project = find_project(openai, settings, f"tollgate-{outputs.environment}-{chosen.tenant}")
    store = SecretStore(deployed.client("secretsmanager"), f"{outputs.secret_prefix}{chosen.tenant}")
    account = provide_key(openai, store, project, rotates=chosen.rotate)
    if chosen.limit_factor > 0:
        set_limit(openai, project, settings, chosen.limit_factor)
    if settings.openai_project == project:
        print(f"Tenant {chosen.tenant} has this project already.")
    else:
        change_settings(
            chosen.tenant,
            lambda current, _: replace(current, openai_project=project),
            accounts,
            clock=lambda: datetime.now(UTC),
        )
        print(f"Tenant {chosen.tenant} has the project {project}: its calls go there from the next one on.")
    tell_of_others(openai, project, account, retires=chosen.retire)


def find_project(openai: Organization, settings: TenantSettings, name: str) -> str:
    """The one that the settings name, else one of that name, else a new one."""
    known = {each["id"]: each for each in openai.every("organization/projects") if each.get("status") == "active"}
    if settings.openai_project is not None:
        if settings.openai_project not in known:
            raise StackError(
                f"The tenant's project {settings.openai_project} is not an active one of this organization."
            )
        return settings.openai_project
    same = sorted(str(each["id"]) for each in known.values() if each.get("name") == name)
    if len(same) > 1:
        raise StackError(f"{len(same)} projects are named {name}: archive all but one.")
    if same:
        print(f"Project {same[0]} ({name}) is there.")
        return same[0]
    made = str(openai.post("organization/projects", {"name": name})["id"])
    print(f"Project {made} ({name}) is made.")
    return made


@dataclass(frozen=True, slots=True)
class SecretStore:
    client: Any
    name: str

    def read(self) -> dict[str, Any]:
        """Empty where there is none."""
        try:
            return dict(json.loads(self.client.get_secret_value(SecretId=self.name)["SecretString"]))
        except self.client.exceptions.ResourceNotFoundException:
            return {}

    def write(self, held: Mapping[str, str]) -> None:
        text = json.dumps(held)
        try:
            self.client.create_secret(Name=self.name, SecretString=text)
        except self.client.exceptions.ResourceExistsException:
            self.client.put_secret_value(SecretId=self.name, SecretString=text)


def provide_key(openai: Organization, store: SecretStore, project: str, *, rotates: bool) -> str:
    """The service account whose key is stored. A key is told once, so it is stored before anything else is done."""
    held = store.read()
    if held.get("project") == project and not rotates:
        print(f"The secret {store.name} has a key of it.")
        return str(held.get("serviceAccount", ""))
    made = openai.post(f"organization/projects/{project}/service_accounts", {"name": ACCOUNT_NAME})
    key = (made.get("api_key") or {}).get("value")
    if not key:
        raise StackError(f"OpenAI made the service account {made['id']} without a key: delete it, and allow keys.")
    store.write({"project": project, "key": key, "serviceAccount": made["id"]})
    print(f"A key of it (service account {made['id']}) is in the secret {store.name}.")
    return str(made["id"])


def set_limit(openai: Organization, project: str, settings: TenantSettings, factor: Decimal) -> None:
    now = datetime.now(UTC)
    month = settings.limit_of(window_at(now, settings.zones).month, now)
    cents = max(1, int((to_usd(month) * factor * 100).to_integral_value(rounding=ROUND_CEILING)))
    path = f"organization/projects/{project}/spend_limit"
    before = openai.find(path)
    if before is not None and before["threshold_amount"] == cents:
        print(f"Its spend limit is ${Decimal(cents) / 100:.2f} a month.")
        return
    openai.post(path, {"threshold_amount": cents, "currency": "USD", "interval": "month"})
    was = f", it was ${Decimal(before['threshold_amount']) / 100:.2f}" if before else ""
    print(f"Its spend limit is ${Decimal(cents) / 100:.2f} a month now{was}.")


def tell_of_others(openai: Organization, project: str, account: str, *, retires: bool) -> None:
    path = f"organization/projects/{project}/service_accounts"
    for other in [each for each in openai.every(path) if each["name"] == ACCOUNT_NAME and each["id"] != account]:
        if retires:
            openai.delete(f"{path}/{other['id']}")
            print(f"Service account {other['id']} and its key are deleted.")
        else:
            print(
                f"Service account {other['id']} has an older key: --retire deletes it, ten minutes from now at the earliest."
            )


# ---- the command ------------------------------------------------------------------------------------------------------------


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m infra.project", description=__doc__)
    parser.add_argument("tenant")
    parser.add_argument(
        "--limit-factor",
        type=Decimal,
        default=FACTOR,
        help="the project's spend limit in tenant's months (default 1.1; 0 leaves it as it is)",
    )
    parser.add_argument("--rotate", action="store_true", help="make a new key and store it")
    parser.add_argument("--retire", action="store_true", help="delete the keys that are not stored any more")
    parser.add_argument("--stack", default="tollgate")
    parser.add_argument("--local", action="store_true")
    chosen = parser.parse_args(arguments)
    if chosen.rotate and chosen.retire:
        parser.error("functions keep the old key for five minutes: --rotate first, --retire later")
    try:
        deployed = find(chosen.stack, local=chosen.local)
        outputs = outputs_of(deployed, chosen.stack)
        with httpx.Client(
            base_url=outputs.admin_base_url,
            headers={"Authorization": f"Bearer {admin_key(deployed, outputs)}"},
            timeout=30,
        ) as http:
            set_up(deployed, outputs, Organization(http=http), chosen)
    except (StackError, TollgateError, ClientError, BotoCoreError, httpx.HTTPError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
