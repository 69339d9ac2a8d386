"""The ends that OpenAI tells: asked for twice a day, stored, and read beside the calls."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

import httpx
import pytest

from infra.local.openai_server.model_list import described
from tests.fakes.ledger_world import TABLE
from tests.fakes.moto_dynamodb import dynamodb_client
from tollgate.adapters.dynamodb_models import KEPT_SECONDS, DynamoDbModelEnds, KeptEnds
from tollgate.adapters.openai_models import TRIES, OpenAiModels
from tollgate.adapters.price_book import FilePriceBook
from tollgate.domain.errors import LedgerUnavailable, ModelSourceFailed
from tollgate.usecases.refresh_models import refresh_models

NOW = datetime(2026, 11, 23, tzinfo=UTC)
END = date(2027, 1, 14)
Ends = Mapping[str, date | None]


@dataclass
class MemoryEnds:
    """ModelEnds."""

    kept: Ends = field(default_factory=dict)

    def read(self) -> Ends:
        return self.kept

    def write(self, ends: Ends, at: datetime) -> None:
        self.kept = ends


def openai(answer: Callable[[httpx.Request], httpx.Response], pauses: list[float] | None = None) -> OpenAiModels:
    transport = httpx.MockTransport(answer)
    pause = pauses.append if pauses is not None else lambda _: None
    return OpenAiModels("http://openai.test/v1/", lambda: "sk-test", sleep=pause, transport=transport)


def listing(*entries: Any) -> httpx.Response:
    return httpx.Response(200, json={"object": "list", "data": list(entries)})


# ---- asking -----------------------------------------------------------------------------------------------------------------


def test_the_local_openai_tells_the_days_that_we_ship() -> None:
    shipped = FilePriceBook().shipped_ends()
    served = [name for name in shipped if _is_local(name)]
    store = MemoryEnds()

    refreshed = refresh_models(openai(lambda _: listing(*map(described, served))), store, shipped, now=NOW)

    assert {"gpt-4o", "gpt-4o-mini", "gpt-6-luna", "o3"} <= set(served)
    assert (refreshed.told, refreshed.differing, store.kept) == (len(served), {}, {})


def _is_local(name: str) -> bool:
    try:
        return bool(described(name))
    except Exception:  # noqa: BLE001 - its own 404
        return False


def test_a_day_that_moved_is_stored_in_place_of_what_was_stored() -> None:
    store = MemoryEnds({"gpt-4o": END})
    source = openai(lambda _: listing({"id": "gpt-4o-mini", "shutdown_date": "2027-06-01"}))

    refresh_models(source, store, {"gpt-4o-mini": END}, now=NOW)

    assert store.kept == {"gpt-4o-mini": date(2027, 6, 1)}


def test_the_key_goes_to_the_address_that_was_set() -> None:
    asked: list[httpx.Request] = []

    openai(lambda request: asked.append(request) or listing()).ends()

    assert [str(request.url) for request in asked] == ["http://openai.test/v1/models"]
    assert asked[0].headers["authorization"] == "Bearer sk-test"


def test_a_model_whose_entry_has_no_day_field_is_passed_over() -> None:
    assert openai(lambda _: listing({"id": "house-model"})).ends() == {}


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_server_in_trouble_is_asked_three_times_and_then_given_up(status: int) -> None:
    pauses: list[float] = []

    with pytest.raises(ModelSourceFailed, match=str(status)):
        openai(lambda _: httpx.Response(status), pauses).ends()

    assert len(pauses) == TRIES - 1


def test_a_server_that_recovers_is_believed() -> None:
    answers = [httpx.Response(503), listing({"id": "gpt-4o", "shutdown_date": None})]

    assert openai(lambda _: answers.pop(0)).ends() == {"gpt-4o": None}


def test_a_connection_that_fails_each_time_is_given_up() -> None:
    def broken(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused", request=request)

    with pytest.raises(ModelSourceFailed, match="ConnectError"):
        openai(broken).ends()


@pytest.mark.parametrize("status", [301, 401, 403, 404])
def test_a_refusal_is_not_asked_again(status: int) -> None:
    pauses: list[float] = []

    with pytest.raises(ModelSourceFailed):
        openai(lambda _: httpx.Response(status), pauses).ends()

    assert pauses == []


@pytest.mark.parametrize(
    "body", ["<html>", "[]", '{"data": [3]}', '{"data": null}', '{"data": [{"id": "a", "shutdown_date": "soon"}]}']
)
def test_an_answer_that_cannot_be_read_changes_nothing(body: str) -> None:
    store = MemoryEnds({"gpt-4o": END})

    with pytest.raises(ModelSourceFailed):
        refresh_models(openai(lambda _: httpx.Response(200, text=body)), store, {"gpt-4o": None}, now=NOW)

    assert store.kept == {"gpt-4o": END}


# ---- keeping ----------------------------------------------------------------------------------------------------------------


def test_what_was_stored_is_read_again() -> None:
    with dynamodb_client() as client:
        ends = DynamoDbModelEnds(client, TABLE)
        assert ends.read() == {}

        ends.write({"gpt-4o": END, "o3": None}, NOW)

        assert ends.read() == {"gpt-4o": END, "o3": None}


def test_a_table_that_is_not_there_is_said_in_our_words() -> None:
    with dynamodb_client() as client:
        ends = DynamoDbModelEnds(client, "no-such-table")

        with pytest.raises(LedgerUnavailable):
            ends.read()
        with pytest.raises(LedgerUnavailable):
            ends.write({}, NOW)


def test_no_call_waits_for_a_reading_and_none_is_made_for_ten_minutes() -> None:
    times, beside = [0.0], []
    kept = KeptEnds(lambda: {"gpt-4o": END}, clock=lambda: times[0], beside=beside.append)

    assert (kept(), kept()) == ({}, {})
    [reading] = beside
    reading()
    assert kept() == {"gpt-4o": END}

    times[0] = KEPT_SECONDS - 1
    kept()
    assert len(beside) == 1
    times[0] = KEPT_SECONDS
    kept()
    assert len(beside) == 2


@pytest.mark.parametrize("error", [LedgerUnavailable("away"), ValueError("no JSON"), KeyError("ends")])
def test_a_reading_that_fails_leaves_what_was_known(error: Exception) -> None:
    times, answers = [0.0], [{"gpt-4o": END}, error]

    def read() -> Ends:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    kept = KeptEnds(read, clock=lambda: times[0], beside=lambda work: work())
    kept()
    times[0] = KEPT_SECONDS

    assert kept() == {"gpt-4o": END}
    assert answers == []
