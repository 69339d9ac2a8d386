"""The key of a tenant's own OpenAI project: found, kept, taken anew, and never another's."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from tests.fakes.http_server import serving
from tests.fakes.openai_provider import provider
from tollgate.adapters.openai_upstream import OpenAiUpstream
from tollgate.adapters.project_keys import ProjectKeys, ProjectKeyUnusable
from tollgate.adapters.secrets import KEPT_SECONDS, Secrets
from tollgate.domain.call_labels import CallLabels
from tollgate.domain.outcome import Answered, NotSent, UpstreamResult
from tollgate.domain.span import Attribution

PREFIX, TENANT, PROJECT = "tollgate/test/openai-project/", "acme-hvac", "proj_acme"


class Vault:
    """Secrets Manager, with a clock that a test moves."""

    def __init__(self, **texts: str) -> None:
        self.texts = {f"{PREFIX}{name.replace('_', '-')}": text for name, text in texts.items()}
        self.reads: list[str] = []
        self.now = 0.0
        secrets = Secrets(self, clock=lambda: self.now)
        self.keys = ProjectKeys(PREFIX, secrets.read, secrets.read_anew)

    def get_secret_value(self, *, SecretId: str) -> dict[str, str]:  # noqa: N803 - the service's own name
        self.reads.append(SecretId)
        if SecretId not in self.texts:
            raise ClientError({"Error": {"Code": "ResourceNotFoundException", "Message": ""}}, "GetSecretValue")
        return {"SecretString": self.texts[SecretId]}


def held(key: str, project: str = PROJECT) -> str:
    return json.dumps({"project": project, "key": key})


def test_a_key_is_read_once_and_kept_for_some_minutes() -> None:
    vault = Vault(acme_hvac=held("sk-one"))

    assert [vault.keys.key_of(TENANT, PROJECT) for _ in range(3)] == ["sk-one"] * 3
    assert vault.reads == [f"{PREFIX}{TENANT}"]


def test_a_rotated_key_is_taken_up_within_that_time() -> None:
    vault = Vault(acme_hvac=held("sk-one"))
    vault.keys.key_of(TENANT, PROJECT)

    vault.texts[f"{PREFIX}{TENANT}"] = held("sk-two")
    vault.now = KEPT_SECONDS

    assert vault.keys.key_of(TENANT, PROJECT) == "sk-two"


def test_a_secret_kept_from_before_the_project_changed_is_read_anew_at_once() -> None:
    vault = Vault(acme_hvac=held("sk-old", "proj_old"))
    vault.keys.key_of(TENANT, "proj_old")

    vault.texts[f"{PREFIX}{TENANT}"] = held("sk-new")

    assert vault.keys.key_of(TENANT, PROJECT) == "sk-new"


@pytest.mark.parametrize("text", [held("sk-other", "proj_other"), "sk-plain", "{}", "[]", '{"project": "proj_acme"}'])
def test_a_secret_that_does_not_name_the_project_is_refused_without_a_word_of_its_content(text: str) -> None:
    with pytest.raises(ProjectKeyUnusable, match="proj_acme") as refused:
        Vault(acme_hvac=text).keys.key_of(TENANT, PROJECT)

    assert "sk-" not in str(refused.value)


def test_a_secret_that_is_not_there_or_cannot_be_asked_for_is_refused() -> None:
    with pytest.raises(ProjectKeyUnusable, match="ResourceNotFoundException"):
        Vault().keys.key_of(TENANT, PROJECT)

    def no_way(_: str) -> str:
        raise EndpointConnectionError(endpoint_url="http://secrets.test")

    with pytest.raises(ProjectKeyUnusable, match="EndpointConnectionError"):
        ProjectKeys(PREFIX, no_way, no_way).key_of(TENANT, PROJECT)


# ---- the call ---------------------------------------------------------------------------------------------------------------


def call(url: str, vault: Vault, project: str | None, tenant_id: str = TENANT) -> UpstreamResult:
    upstream = OpenAiUpstream(f"{url}/v1", lambda: "sk-shared", project_key=vault.keys.key_of)
    labels = CallLabels(
        tenant_id=tenant_id, hold_id="2026-11.23.Zk3vQ0a1xY_9", attribution=Attribution(), openai_project=project
    )
    request: Mapping[str, Any] = {"model": "gpt-4o", "messages": [{"role": "user", "content": "Hi"}]}
    result = upstream.complete(request, path="chat/completions", labels=labels, timeout_s=10)
    upstream.close()
    return result


def test_a_tenant_with_a_project_pays_with_its_own_key_and_the_others_look_nothing_up() -> None:
    vault = Vault(acme_hvac=held("sk-acme"))
    with serving(provider()) as server:
        own, shared = call(server.url, vault, PROJECT), call(server.url, vault, None, "bolt-electric")

    assert isinstance(own, Answered)
    assert isinstance(shared, Answered)
    assert [each.headers["authorization"] for each in server.received] == ["Bearer sk-acme", "Bearer sk-shared"]
    assert vault.reads == [f"{PREFIX}{TENANT}"]


def test_one_client_serves_tenants_with_different_keys_in_turn() -> None:
    vault = Vault(acme_hvac=held("sk-acme"), bolt_electric=held("sk-bolt", "proj_bolt"))
    own = {TENANT: PROJECT, "bolt-electric": "proj_bolt", "carl-plumbing": None}
    request: Mapping[str, Any] = {"model": "gpt-4o", "messages": [{"role": "user", "content": "Hi"}]}
    with serving(provider()) as server:
        upstream = OpenAiUpstream(f"{server.url}/v1", lambda: "sk-shared", project_key=vault.keys.key_of)
        for tenant_id, project in [*own.items(), *own.items()]:
            labels = CallLabels(
                tenant_id=tenant_id,
                hold_id="2026-11.23.Zk3vQ0a1xY_9",
                attribution=Attribution(),
                openai_project=project,
            )
            upstream.complete(request, path="chat/completions", labels=labels, timeout_s=10)
        upstream.close()

    keys = [each.headers["authorization"].removeprefix("Bearer sk-") for each in server.received]
    assert keys == ["acme", "bolt", "shared"] * 2


def test_a_call_whose_project_has_no_key_is_not_sent_with_another() -> None:
    with serving(provider()) as server:
        result = call(server.url, Vault(), PROJECT)

    assert server.received == []
    assert isinstance(result, NotSent)
    assert result.ours
    assert "proj_acme" in result.message
