"""What every store of connections' secrets promises, and how the one in Secrets Manager takes what that service says."""

import json
import os
from collections.abc import Iterator
from typing import Any
from unittest.mock import patch

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from tests.fakes.http_server import Received, Reply, Server, json_reply, serving
from tests.fakes.memory_connections import MemoryConnectionSecrets
from tests.fakes.moto_dynamodb import NOBODY
from tollgate.adapters.aws_json import AwsJson
from tollgate.adapters.connection_secrets import StoredConnectionSecrets
from tollgate.adapters.secrets import Vault
from tollgate.domain.errors import SecretsUnavailable
from tollgate.ports import ConnectionSecrets

PREFIX, ID = "tollgate/test/servicetitan/", "production-1001"
SECRET = "cs2.very-secret"


class Kept:
    """Both stores, and what is in them."""

    def __init__(self, store: ConnectionSecrets, client: Any = None) -> None:
        self.store = store
        self.client = client

    def of(self, connection_id: str) -> tuple[str, str] | None:
        if isinstance(self.store, MemoryConnectionSecrets):
            return self.store.kept.get(connection_id)
        try:
            text = self.client.get_secret_value(SecretId=f"{PREFIX}{connection_id}")["SecretString"]
        except ClientError:
            return None
        held = json.loads(text)
        return held["clientId"], held["clientSecret"]


@pytest.fixture(params=["memory", "secrets manager"])
def kept(request: pytest.FixtureRequest) -> Iterator[Kept]:
    if request.param == "memory":
        yield Kept(MemoryConnectionSecrets())
        return
    with patch.dict(os.environ, NOBODY), mock_aws():
        client = boto3.client("secretsmanager")
        yield Kept(StoredConnectionSecrets(client, PREFIX), client)


def test_a_secret_is_made_and_then_written_over(kept: Kept) -> None:
    kept.store.write(ID, client_id="cid.one", client_secret="first")
    assert kept.of(ID) == ("cid.one", "first")

    kept.store.write(ID, client_id="cid.two", client_secret="second")

    assert kept.of(ID) == ("cid.two", "second")


def test_a_secret_that_was_removed_is_gone_at_once_and_can_be_made_again(kept: Kept) -> None:
    kept.store.write(ID, client_id="cid.one", client_secret="first")

    kept.store.remove(ID)
    assert kept.of(ID) is None
    kept.store.write(ID, client_id="cid.one", client_secret="again")

    assert kept.of(ID) == ("cid.one", "again")


def test_removing_what_is_not_there_does_nothing(kept: Kept) -> None:
    kept.store.remove(ID)
    kept.store.write(ID, client_id="cid.one", client_secret="first")
    kept.store.remove(ID)

    kept.store.remove(ID)

    assert kept.of(ID) is None


def test_secrets_of_connections_are_kept_apart(kept: Kept) -> None:
    kept.store.write(ID, client_id="cid.one", client_secret="first")
    kept.store.write(f"{ID}2", client_id="cid.two", client_secret="second")

    kept.store.remove(f"{ID}2")

    assert kept.of(ID) == ("cid.one", "first")


# ---- Secrets Manager over its own wire -----------------------------------------------------------------------------


def refusal(code: str, status: int = 400) -> Reply:
    return json_reply({"__type": code, "message": f"no: {SECRET}" if status == 400 else "later"}, status=status)


class Service:
    """Secrets Manager's answers in their order for each operation; `{}` when they are used up."""

    def __init__(self, **replies: list[Reply]) -> None:
        self.replies = replies
        self.asked: list[tuple[str, dict[str, Any]]] = []

    def take(self, received: Received) -> Reply:
        operation = received.headers["x-amz-target"].removeprefix("secretsmanager.")
        self.asked.append((operation, received.body))
        waiting = self.replies.get(operation, [])
        return waiting.pop(0) if waiting else Reply()

    @property
    def operations(self) -> list[str]:
        return [operation for operation, _ in self.asked]

    def tokens(self) -> set[str]:
        return {body["ClientRequestToken"] for _, body in self.asked}


def stored(service: Service, deed: Any) -> Any:
    """The deed, done to a store before this service."""
    with patch.dict(os.environ, NOBODY), serving(Server(service.take)) as server:
        wire = AwsJson(
            "secretsmanager",
            target="secretsmanager",
            version="1.1",
            connect_timeout_s=1,
            read_timeout_s=1,
            url=server.url,
        )
        try:
            return deed(StoredConnectionSecrets(Vault(wire, sleep=lambda _: None), PREFIX))
        finally:
            wire.close()


def write(store: ConnectionSecrets) -> None:
    store.write(ID, client_id="cid.one", client_secret=SECRET)


def remove(store: ConnectionSecrets) -> None:
    store.remove(ID)


def test_a_write_that_has_no_answer_is_sent_again_as_the_same_write() -> None:
    service = Service(PutSecretValue=[Reply(status=503, content=b""), Reply(cut=0)])

    stored(service, write)

    assert service.operations == ["PutSecretValue"] * 3
    assert len(service.tokens()) == 1
    assert service.asked[0][1]["SecretId"] == f"{PREFIX}{ID}"
    assert json.loads(service.asked[0][1]["SecretString"]) == {"clientId": "cid.one", "clientSecret": SECRET}


def test_two_writes_are_two_and_not_one_repeated() -> None:
    service = Service()

    stored(service, lambda store: [write(store), write(store)])

    assert len(service.tokens()) == 2


def test_a_secret_that_somebody_made_meanwhile_is_written_over() -> None:
    missing, exists = refusal("ResourceNotFoundException"), refusal("ResourceExistsException")
    service = Service(PutSecretValue=[missing], CreateSecret=[exists])

    stored(service, write)

    assert service.operations == ["PutSecretValue", "CreateSecret", "PutSecretValue"]


def test_a_secret_is_destroyed_without_a_window_in_which_it_could_be_restored() -> None:
    service = Service()

    stored(service, remove)

    assert service.asked == [("DeleteSecret", {"SecretId": f"{PREFIX}{ID}", "ForceDeleteWithoutRecovery": True})]


@pytest.mark.parametrize("deed", [write, remove])
def test_a_service_that_stays_away_is_asked_three_times(deed: Any) -> None:
    service = Service(PutSecretValue=[refusal("InternalServiceError", 500)] * 9, DeleteSecret=[Reply(cut=0)] * 9)

    with pytest.raises(SecretsUnavailable, match="Try again"):
        stored(service, deed)
    assert len(service.asked) == 3


@pytest.mark.parametrize("code", ["AccessDeniedException", "InvalidRequestException", "LimitExceededException"])
def test_a_refusal_is_told_by_its_name_and_without_a_secret(code: str) -> None:
    service = Service(PutSecretValue=[refusal("ResourceNotFoundException")], CreateSecret=[refusal(code)])

    with pytest.raises(SecretsUnavailable, match=code) as caught:
        stored(service, write)

    assert SECRET not in str(caught.value)
    assert service.operations == ["PutSecretValue", "CreateSecret"]
