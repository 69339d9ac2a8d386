"""The schedule's entry, where nothing is configured: as in an installation without ServiceTitan."""

import importlib.util
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import pytest

from tollgate import wiring

HANDLER = Path(__file__).resolve().parents[2] / "functions/schedules/sync_servicetitan/handler.py"


@dataclass
class Context:
    aws_request_id: str = "request-1"
    function_name: str = "sync"

    def get_remaining_time_in_millis(self) -> int:
        return 240_000


@pytest.fixture
def entry(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    for name in ("SERVICETITAN_TENANT_ID", "SERVICETITAN_SECRET_ARN", "STORE_JOBS_FUNCTION"):
        monkeypatch.delenv(name, raising=False)
    wiring.settings.cache_clear()
    specification = importlib.util.spec_from_file_location("sync_servicetitan_handler", HANDLER)
    assert specification
    assert specification.loader
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    yield module
    wiring.settings.cache_clear()


def test_without_a_connection_the_run_says_so_and_ends_well(entry: ModuleType) -> None:
    answer = entry.handle({}, Context())

    assert answer == {
        "configured": False,
        "missing": ["SERVICETITAN_TENANT_ID", "SERVICETITAN_SECRET_ARN", "STORE_JOBS_FUNCTION"],
    }


def test_with_a_part_of_it_the_run_names_the_rest(entry: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SERVICETITAN_TENANT_ID", "1001")
    monkeypatch.setenv("STORE_JOBS_FUNCTION", "store")
    wiring.settings.cache_clear()

    assert entry.handle({}, Context()) == {"configured": False, "missing": ["SERVICETITAN_SECRET_ARN"]}
