"""OpenAI's costs and usage as the local OpenAI tells them from its own books: by our client, and by OpenAI's own SDK."""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest

from infra.local.openai_server.tokens import prepare_tables
from tests.fakes.local_openai import ADMIN_KEY, LocalOpenAi, local_openai, served
from tollgate.adapters.openai_bill import BUCKETS, TRIES, OpenAiBill
from tollgate.domain.errors import BillSourceFailed
from tollgate.domain.money import NanoUsd
from tollgate.domain.provider_bill import ProviderCost, Width, day_start
from tollgate.domain.usage import Usage

DAY = date(2026, 11, 20)
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
DEFAULT = "proj_default"
MINUTE = timedelta(minutes=1)
LONG = timedelta(minutes=5)
PAST = [
    served(NOON - timedelta(days=1), uncached=999, output=999),
    served(NOON, uncached=1_000, output=100),
    served(NOON + timedelta(seconds=59), uncached=500, cached=128, output=1),
    served(NOON + MINUTE, model="text-embedding-3-small", uncached=2_000),
    served(datetime(2026, 11, 20, 23, 59, 59, tzinfo=UTC), uncached=7),
    served(datetime(2026, 11, 21, tzinfo=UTC), uncached=999, output=999),
]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalOpenAi]:
    state = tmp_path_factory.mktemp("openai")
    prepare_tables(state)
    with local_openai(state, PAST) as local:
        yield local


@pytest.fixture
def local(running: LocalOpenAi) -> Iterator[LocalOpenAi]:
    yield running
    running.http.delete("/_local/faults")
    running.http.delete("/_local/delays")


@pytest.fixture
def pauses() -> list[float]:
    return []


@pytest.fixture
def bill(local: LocalOpenAi, pauses: list[float]) -> OpenAiBill:
    return OpenAiBill(f"{local.url}/v1", lambda: ADMIN_KEY, sleep=pauses.append)


def of_default(costs: Sequence[ProviderCost]) -> dict[str, int]:
    return {cost.line_item: cost.cost for cost in costs if cost.project == DEFAULT}


# ---- what is told -----------------------------------------------------------------------------------------------------------


def test_a_day_s_costs_are_those_of_its_calls_by_line_item(bill: OpenAiBill) -> None:
    assert of_default(bill.costs(DAY, time_left=LONG)) == {
        # Tokens x dollars for a million, in nano-dollars.
        "gpt-4o-2024-08-06, input_tokens": 1_507 * 2_500,
        "gpt-4o-2024-08-06, cached_input_tokens": 128 * 1_250,
        "gpt-4o-2024-08-06, output_tokens": 101 * 10_000,
        "text-embedding-3-small, input_tokens": 2_000 * 20,
    }


def test_usage_is_told_by_the_minute_and_the_classes_of_tokens_do_not_overlap(bill: OpenAiBill) -> None:
    start = day_start(DAY)
    minutes = bill.usage(start, start + timedelta(days=1), Width.MINUTE, time_left=LONG)

    assert [(each.start, each.endpoint, each.model, each.tier, each.requests, each.usage) for each in minutes] == [
        (NOON, "completions", "gpt-4o-2024-08-06", "default", 2, Usage(uncached=1_500, cached=128, output=101)),
        (NOON + timedelta(hours=11, minutes=59), "completions", "gpt-4o-2024-08-06", "default", 1, Usage(uncached=7)),
        (NOON + MINUTE, "embeddings", "text-embedding-3-small", "default", 1, Usage(uncached=2_000)),
    ]


def test_what_does_not_fit_on_a_page_is_on_the_next(local: LocalOpenAi, bill: OpenAiBill) -> None:
    start = day_start(DAY) - timedelta(days=1)
    days = BUCKETS[Width.MINUTE] * MINUTE * 3

    found = bill.usage(start, start + days, Width.MINUTE, time_left=LONG)

    assert sum(each.requests for each in found) == len(PAST)
    first = local.admin.get(
        "/v1/organization/usage/completions",
        params={"start_time": int(start.timestamp()), "bucket_width": "1m", "limit": 1_440},
    ).json()
    assert first["has_more"]
    assert first["next_page"].startswith("page_")


def test_the_sdk_reads_the_same(local: LocalOpenAi) -> None:
    with openai.OpenAI(base_url=f"{local.url}/v1", api_key="none", admin_api_key=ADMIN_KEY, max_retries=0) as sdk:
        answer = sdk.admin.organization.usage.costs(
            start_time=int(day_start(DAY).timestamp()),
            end_time=int(day_start(DAY).timestamp()) + 86_400,
            group_by=["project_id", "line_item"],
        )

    [bucket] = answer.data
    results: list[Any] = [result for result in bucket.results if result.project_id == DEFAULT]
    assert [result.object for result in results] == ["organization.costs.result"] * 4
    assert sum(result.amount.value for result in results) == pytest.approx(0.0049775)
    assert {result.amount.currency for result in results} == {"usd"}
    assert not answer.has_more


def test_figures_come_late_and_grow(local: LocalOpenAi, bill: OpenAiBill) -> None:
    project, key = local.project("late")
    local.chat(key).raise_for_status()
    today = datetime.now(UTC).date()
    local.http.post("/_local/delays", json={"costsSeconds": 3_600}).raise_for_status()

    late = [cost for cost in bill.costs(today, time_left=LONG) if cost.project == project]
    local.http.delete("/_local/delays")
    whole = [cost for cost in bill.costs(today, time_left=LONG) if cost.project == project]

    assert late == []
    assert sum(cost.cost for cost in whole) > 0


def test_each_call_is_billed_to_the_project_of_its_key(local: LocalOpenAi, bill: OpenAiBill) -> None:
    (first, its_key), (second, _) = local.project("first"), local.project("second")
    answer = local.chat(its_key).json()
    now = datetime.now(UTC)

    found = bill.usage(now - 2 * MINUTE, now + MINUTE, Width.MINUTE, projects=[first, second], time_left=LONG)

    usage = answer["usage"]
    assert [(each.project, each.usage) for each in found] == [
        (first, Usage(uncached=usage["prompt_tokens"], output=usage["completion_tokens"]))
    ]


# ---- who may ask, and what goes wrong ---------------------------------------------------------------------------------------


def test_only_an_admin_key_may_ask(local: LocalOpenAi) -> None:
    _, key = local.project("curious")
    refused = OpenAiBill(f"{local.url}/v1", lambda: key, sleep=lambda _: pytest.fail("it was asked again"))

    with pytest.raises(BillSourceFailed, match="status 401"):
        refused.costs(DAY, time_left=LONG)
    assert local.chat(ADMIN_KEY).status_code == 401


@pytest.mark.parametrize(
    "kind", ["error_500", "rate_limit", "html_502", "truncated_body", "wrong_json", "reset_before_work"]
)
def test_what_passes_is_asked_again(local: LocalOpenAi, bill: OpenAiBill, pauses: list[float], kind: str) -> None:
    local.fault(kind, "/organization/costs", times=2)

    assert of_default(bill.costs(DAY, time_left=LONG))
    assert pauses == [1, 2]


def test_an_answer_that_asks_to_wait_is_waited_for(local: LocalOpenAi, bill: OpenAiBill, pauses: list[float]) -> None:
    local.fault("rate_limit_retry_after", "/organization/costs", times=1, retryAfterSeconds=7)

    assert of_default(bill.costs(DAY, time_left=LONG))
    assert pauses == [7]


@pytest.mark.parametrize("kind", ["error_500", "truncated_body"])
def test_what_does_not_pass_is_given_up(local: LocalOpenAi, bill: OpenAiBill, pauses: list[float], kind: str) -> None:
    local.fault(kind, "/organization/costs")

    with pytest.raises(BillSourceFailed):
        bill.costs(DAY, time_left=LONG)
    assert len(pauses) == TRIES - 1


def test_a_slow_answer_does_not_outlast_the_time_that_is_left(local: LocalOpenAi, bill: OpenAiBill) -> None:
    local.fault("slow", "/organization/costs", delaySeconds=30)

    with pytest.raises(BillSourceFailed):
        bill.costs(DAY, time_left=timedelta(milliseconds=300))


def test_nothing_is_asked_when_no_time_is_left(bill: OpenAiBill) -> None:
    with pytest.raises(BillSourceFailed, match="no time was left"):
        bill.costs(DAY, time_left=timedelta(0))


def test_a_fault_that_names_no_address_spares_the_figures(local: LocalOpenAi, bill: OpenAiBill) -> None:
    local.http.post("/_local/faults", json={"kind": "error_500"}).raise_for_status()

    assert of_default(bill.costs(DAY, time_left=LONG))


def page(*results: dict[str, Any], **more: Any) -> dict[str, Any]:
    bucket = {"object": "bucket", "start_time": int(day_start(DAY).timestamp()), "results": list(results)}
    return {"object": "page", "data": [bucket], "has_more": False, "next_page": None} | more


def scripted(*pages: dict[str, Any]) -> OpenAiBill:
    left = list(pages)

    def answer(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json=left.pop(0) if len(left) > 1 else left[0])

    return OpenAiBill("http://openai.test/v1", lambda: ADMIN_KEY, transport=httpx.MockTransport(answer))


def test_an_amount_may_be_a_text_and_a_line_item_may_be_on_two_pages() -> None:
    cost = {"project_id": None, "line_item": "x", "amount": {"value": "0.0000000015", "currency": "usd"}}
    more = page(cost, has_more=True, next_page="page_2")

    assert scripted(more, page(cost)).costs(DAY, time_left=LONG) == [
        ProviderCost(day=DAY, project="", line_item="x", cost=NanoUsd(3))
    ]


def test_pages_that_do_not_end_are_given_up() -> None:
    with pytest.raises(BillSourceFailed, match="does not come to an end"):
        scripted(page(has_more=True, next_page="page_1")).costs(DAY, time_left=LONG)


@pytest.mark.parametrize("amount", [{"value": "a lot"}, {"value": "NaN"}, {"value": 1, "currency": "eur"}, None])
def test_an_amount_that_is_none_is_refused(amount: Any) -> None:
    with pytest.raises(BillSourceFailed):
        scripted(page({"amount": amount})).costs(DAY, time_left=LONG)


# ---- projects ---------------------------------------------------------------------------------------------------------------


def test_a_project_that_has_spent_its_limit_is_refused_until_the_limit_is_raised(local: LocalOpenAi) -> None:
    project, key = local.project("thrifty")
    limit = {"threshold_amount": 1, "currency": "USD", "interval": "month"}
    path = f"/v1/organization/projects/{project}/spend_limit"
    assert local.admin.get(path).status_code == 404
    local.admin.post(path, json=limit).raise_for_status()
    directed = "[[local: outputTokens=1100]]"

    assert local.chat(key, directed, max_tokens=1_200).status_code == 200
    refused = local.chat(key, directed)

    assert (refused.status_code, refused.json()["error"]["code"]) == (429, "project_spend_limit_exceeded")
    assert local.admin.get(path).json()["enforcement"] == {"status": "enforcing"}
    local.admin.post(path, json=limit | {"threshold_amount": 1_000}).raise_for_status()
    assert local.chat(key).status_code == 200


def test_the_key_of_a_deleted_account_is_refused_and_its_use_stays_billed(local: LocalOpenAi, bill: OpenAiBill) -> None:
    project, key = local.project("leaving")
    local.chat(key).raise_for_status()
    path = f"/v1/organization/projects/{project}/service_accounts"
    [account] = local.admin.get(path).json()["data"]

    local.admin.delete(f"{path}/{account['id']}").raise_for_status()

    assert local.chat(key).status_code == 401
    today = datetime.now(UTC).date()
    assert [cost for cost in bill.costs(today, time_left=LONG) if cost.project == project]


def test_projects_and_their_keys_outlive_a_restart(tmp_path: Path) -> None:
    prepare_tables(tmp_path)
    with local_openai(tmp_path) as local:
        project, key = local.project("lasting")

    with local_openai(tmp_path) as local:
        listed = local.admin.get("/v1/organization/projects", params={"limit": 100}).json()["data"]
        assert [each["name"] for each in listed if each["id"] == project] == ["lasting"]
        assert local.chat(key).status_code == 200
