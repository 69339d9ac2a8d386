"""The entry of the schedule that fetches OpenAI's bill: what it may be asked, and an installation without an admin key."""

import importlib.util
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tollgate import wiring
from tollgate.domain.errors import RequestInvalid

HANDLER = Path(__file__).resolve().parents[2] / "functions/schedules/fetch_openai_bill/handler.py"


@dataclass
class Context:
    aws_request_id: str = "request-1"
    function_name: str = "fetch"

    def get_remaining_time_in_millis(self) -> int:
        return 600_000


@pytest.fixture
def entry(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    for name in ("OPENAI_ADMIN_KEY_SECRET_ARN", "STORE_BILL_FUNCTION"):
        monkeypatch.delenv(name, raising=False)
    wiring.settings.cache_clear()
    specification = importlib.util.spec_from_file_location("fetch_openai_bill_handler", HANDLER)
    assert specification
    assert specification.loader
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    yield module
    wiring.settings.cache_clear()


def test_without_an_admin_key_the_run_says_so_and_ends_well(entry: ModuleType) -> None:
    missing = ["OPENAI_ADMIN_KEY_SECRET_ARN", "STORE_BILL_FUNCTION"]

    assert entry.handle({}, Context()) == {"configured": False, "missing": missing}
    assert entry.handle({"recent": True}, Context()) == {"configured": False, "missing": missing}


def test_days_may_be_asked_for_both_ends_included(entry: ModuleType) -> None:
    assert entry.asked_days({}) is None
    assert entry.asked_days({"from": "2026-11-20"}) == [date(2026, 11, 20)]
    assert entry.asked_days({"from": "2026-11-30", "to": "2026-12-01"}) == [date(2026, 11, 30), date(2026, 12, 1)]


@pytest.mark.parametrize(
    "asked",
    [
        {"from": "yesterday"},
        {"from": None},
        {"from": "2026-11-20", "to": "2026-11-19"},
        {"from": "2026-01-01", "to": "2026-12-31"},
    ],
)
def test_days_that_are_none_or_too_many_are_refused(entry: ModuleType, asked: dict[str, Any]) -> None:
    with pytest.raises(RequestInvalid):
        entry.asked_days(asked)
