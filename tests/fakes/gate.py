"""The chat function as it is deployed, over real HTTP to whatever stands for the provider; DynamoDB and the secrets by moto."""

import importlib.util
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import boto3
import pytest

from tests.fakes.ledger_world import TABLE
from tests.fakes.moto_dynamodb import dynamodb_client
from tollgate import wiring
from tollgate.adapters import secrets
from tollgate.domain.page import Page
from tollgate.domain.span import Span, from_text

FUNCTIONS = Path(__file__).parents[2] / "functions"
TENANT = "acme-hvac"
CACHED = (
    "settings", "dynamodb", "ledger", "accounts", "known_settings", "upstream", "breakers", "guard", "chat_ports", "span_sinks",
    "refusals", "refusal_tally",
)  # fmt: skip
SECRETS = {
    "OPENAI_API_KEY_SECRET_ARN": ("openai", "sk-test"),
    "HELICONE_API_KEY_SECRET_ARN": ("helicone", "sk-helicone-test\n"),
    "OTLP_HEADERS_SECRET_ARN": ("otlp", "api-key=abc,x-team=field%20service"),
}


class Answer(SimpleNamespace):
    status: int
    text: str
    headers: Mapping[str, str]

    @property
    def body(self) -> Any:
        return json.loads(self.text)


class Gate:
    def __init__(self, handler: ModuleType) -> None:
        self._handler = handler

    def chat(self, text: str = "Who is free?", **more: Any) -> Answer:
        return self.post("/v1/chat/completions", {"model": "gpt-4o", "messages": [message(text)], **more})

    def post(
        self, path: str, body: Mapping[str, Any], headers: Mapping[str, str] | None = None, *, tenant_id: str = TENANT
    ) -> Answer:
        event = {
            "resource": path,
            "path": path,
            "httpMethod": "POST",
            "headers": {"Content-Type": "application/json", **(headers or {})},
            "multiValueHeaders": {},
            "queryStringParameters": None,
            "multiValueQueryStringParameters": None,
            "pathParameters": {},
            "requestContext": {
                "stage": "local",
                "path": f"/local{path}",
                "requestId": "request-1",
                "authorizer": {"keyId": "key-1", "role": "tenant", "tenantId": tenant_id},
            },
            "body": json.dumps(body),
            "isBase64Encoded": False,
        }
        # Lambda has an id of its own for each start.
        context = SimpleNamespace(aws_request_id="lambda-1", get_remaining_time_in_millis=lambda: 40_000)
        told = self._handler.handle(event, context)
        headers_told = {name.lower(): values[0] for name, values in told["multiValueHeaders"].items()}
        return Answer(status=told["statusCode"], text=told["body"], headers=headers_told)

    @property
    def page(self) -> Page | None:
        return wiring.ledger().read_page(TENANT, f"{datetime.now(UTC):%Y-%m}")

    @property
    def last_span(self) -> Span:
        assert self.page is not None
        assert self.page.span is not None
        return from_text(self.page.span)


def message(text: str) -> dict[str, str]:
    return {"role": "user", "content": text}


def load(folder: str) -> ModuleType:
    specification = importlib.util.spec_from_file_location(
        f"{folder.replace('/', '_')}_on_the_wire", FUNCTIONS / folder / "handler.py"
    )
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


@contextmanager
def wired(*secret_names: str, **environment: str) -> Iterator[None]:
    """The environment of a function whose tables and secrets are there; `secret_names`: those of SECRETS that are given to it."""
    with dynamodb_client() as client, pytest.MonkeyPatch.context() as changing:
        vault = boto3.client("secretsmanager")
        for name in SECRETS:
            changing.delenv(name, raising=False)
        for name in secret_names:
            label, text = SECRETS[name]
            changing.setenv(name, vault.create_secret(Name=label, SecretString=text)["ARN"])
        for name, value in ({"LEDGER_TABLE": TABLE} | environment).items():
            changing.setenv(name, value)
        forget()
        changing.setattr(wiring, "dynamodb", lambda: client)
        # moto stands in boto3's clients alone.
        changing.setattr(secrets, "new_vault", lambda: vault)
        try:
            yield
        finally:
            changing.undo()
            forget()


@contextmanager
def gate(*secret_names: str, **environment: str) -> Iterator[Gate]:
    with wired("OPENAI_API_KEY_SECRET_ARN", *secret_names, **environment):
        wiring.accounts().create(wiring.default_settings(TENANT), [])
        yield Gate(load("routes/create_chat_completion"))


def forget() -> None:
    """As a new environment of Lambda's begins."""
    secrets._secrets.cache_clear()
    for name in CACHED:
        clear = getattr(getattr(wiring, name), "cache_clear", None)
        if clear is not None:
            clear()
