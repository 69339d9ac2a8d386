"""GET /v1/models as OpenAI's clients see it: what the tenant can ask for now, and nothing else."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from tests.fakes.ledger_world import a_tenant
from tests.fakes.memory_ledger import DirectCarry, MemoryAccounts, MemoryTable
from tests.functions.test_bad_requests import load
from tollgate import wiring
from tollgate.domain.settings_text import settings_to_text
from tollgate.usecases.know_settings import KnownSettings

NOW = datetime(2027, 1, 13, 23, tzinfo=UTC)
TUNED = "ft:gpt-4o-mini:acme::id1"


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delenv("PRICE_OVERRIDES", raising=False)
    monkeypatch.setattr(wiring, "stored_ends", lambda: SimpleNamespace(read=dict))
    monkeypatch.setattr(wiring, "clock", lambda: NOW)
    monkeypatch.setattr(wiring, "known_settings", lambda: KnownSettings(MemoryAccounts(DirectCarry(MemoryTable()))))
    wiring.settings.cache_clear()
    wiring.prices.cache_clear()
    yield
    wiring.settings.cache_clear()
    wiring.prices.cache_clear()


def get(path: str, *, authorized: bool = True, **settings: Any) -> tuple[int, dict[str, Any]]:
    facts = {
        "keyId": "key-1",
        "role": "tenant",
        "tenantId": "shop",
        "account": settings_to_text(a_tenant(**settings)),
    }
    event = {
        "path": path,
        "httpMethod": "GET",
        "headers": {},
        "requestContext": {"requestId": "request-1", "authorizer": facts if authorized else None},
    }
    told = load("list_models").handle(event, SimpleNamespace(aws_request_id="request-1"))
    return told["statusCode"], json.loads(told["body"])


def test_the_list_has_openais_shape_and_the_day_on_which_a_model_ends() -> None:
    status, body = get("/v1/models")

    assert (status, body["object"]) == (200, "list")
    models = {model["id"]: model for model in body["data"]}
    assert models["gpt-4o"] == {
        "id": "gpt-4o",
        "object": "model",
        "created": 0,
        "owned_by": "openai",
        "shutdown_date": "2027-01-14",
    }
    assert models["text-embedding-3-small"]["shutdown_date"] is None


def test_a_model_is_listed_to_its_last_day(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wiring, "clock", lambda: datetime(2027, 1, 14, tzinfo=UTC))

    assert "gpt-4o" not in {model["id"] for model in get("/v1/models")[1]["data"]}
    assert get("/v1/models/gpt-4o")[0] == 404
    assert get("/v1/models/gpt-6-luna")[0] == 200


def test_a_tenant_sees_what_it_may_use_by_the_names_that_it_was_allowed() -> None:
    allowed = ("gpt-4o", TUNED, "gpt-4o-2024-08-06", "no-such-model")

    _, body = get("/v1/models", allowed_models=allowed)

    assert {model["id"] for model in body["data"]} == {"gpt-4o", TUNED, "gpt-4o-2024-08-06"}


@pytest.mark.parametrize("path", [TUNED, TUNED.replace(":", "%3A"), "gpt-4o-2024-08-06"])
def test_a_model_is_found_by_every_name_that_can_be_asked_for(path: str) -> None:
    status, body = get(f"/v1/models/{path}")

    assert (status, body["id"]) == (200, path.replace("%3A", ":"))


@pytest.mark.parametrize(("name", "allowed"), [("gpt-nothing", None), ("gpt-4o", ("gpt-6-luna",))])
def test_another_model_is_not_found_in_openais_envelope(name: str, allowed: tuple[str, ...] | None) -> None:
    status, body = get(f"/v1/models/{name}", allowed_models=allowed)

    assert status == 404
    assert body == {
        "error": {
            "message": f"The model '{name}' does not exist or you do not have access to it.",
            "type": "invalid_request_error",
            "param": "model",
            "code": "model_not_found",
        }
    }


def test_without_a_key_nothing_is_listed() -> None:
    assert get("/v1/models", authorized=False)[0] == 401
