"""The entries that tell of models: health, and the schedule that asks OpenAI."""

import importlib.util
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from tollgate import wiring

FUNCTIONS = Path(__file__).resolve().parents[2] / "functions"
CONTEXT = SimpleNamespace(
    aws_request_id="request-1",
    function_name="health",
    memory_limit_in_mb=512,
    invoked_function_arn="arn:aws:lambda:us-east-1:1:function:health",
)


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    names = ("CHEAPER_MODEL", "DEFAULT_MODEL", "PRICE_OVERRIDES", "OPENAI_API_KEY_SECRET_ARN", "LEDGER_TABLE")
    for name in names:
        monkeypatch.delenv(name, raising=False)
    # No table: nothing is read beside the calls.
    monkeypatch.setattr(wiring, "stored_ends", lambda: SimpleNamespace(read=dict))
    wiring.settings.cache_clear()
    wiring.prices.cache_clear()
    yield
    wiring.settings.cache_clear()
    wiring.prices.cache_clear()


def entry(path: str) -> ModuleType:
    specification = importlib.util.spec_from_file_location(path.replace("/", "_"), FUNCTIONS / path / "handler.py")
    assert specification
    assert specification.loader
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def health(at: datetime, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.setattr(wiring, "clock", lambda: at)
    event = {"httpMethod": "GET", "path": "/api/health", "headers": {}, "requestContext": {"requestId": "r"}}
    answer = entry("routes/get_health").handle(event, CONTEXT)
    return {"status": answer["statusCode"]} | dict(json.loads(answer["body"]))


def test_health_tells_when_the_default_and_the_cheaper_model_are_near_their_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answer = health(datetime(2027, 1, 1, tzinfo=UTC), monkeypatch)

    assert answer["warnings"] == [
        "The model gpt-4o ends on 2027-01-14 (in 13 days); its replacement is gpt-6-luna.",
        "The model gpt-4o-mini ends on 2027-01-14 (in 13 days); its replacement is gpt-6-luna.",
    ]
    assert answer["status"] == "ok"


def test_health_has_no_warning_while_the_ends_are_far(monkeypatch: pytest.MonkeyPatch) -> None:
    assert health(datetime(2026, 11, 1, tzinfo=UTC), monkeypatch)["warnings"] == []


def test_health_names_what_is_wrong_with_the_overrides(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRICE_OVERRIDES", '{"gpt-4o": {"prices": []}}')

    answer = health(datetime(2026, 11, 1, tzinfo=UTC), monkeypatch)

    assert answer["warnings"] == ["PRICE_OVERRIDES: gpt-4o: prices is empty"]


def test_without_a_key_nobody_is_asked() -> None:
    assert entry("schedules/refresh_models").handle({}, CONTEXT) == {"configured": False}
