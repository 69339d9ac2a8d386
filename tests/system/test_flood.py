"""A tenant that floods, on the whole stack."""

from concurrent.futures import ThreadPoolExecutor

import httpx

from tests.system.tollgate_client import Stack, Tollgate, eventually, nano, new_tenant, published_cost

CALLS = 200
BUDGET_USD = 0.05


def test_two_hundred_calls_at_once_never_cost_more_than_the_budget(
    admin: Tollgate, stack: Stack, local_openai: httpx.Client
) -> None:
    # One call holds about $0.0035 at the worst, so all of them together would take fourteen times the budget.
    shop = new_tenant(admin, stack, dailyBudgetUsd=BUDGET_USD, requestsPerMinute=1000, maxInFlight=50)
    text = f"{shop.tenant_id} [[local: outputTokens=worst latency=0.1]] List every open job in the north zone."
    before = local_openai.get("/_local/health").json()["served"]

    with ThreadPoolExecutor(CALLS) as callers:
        answers = list(callers.map(lambda _: shop.chat(text, max_tokens=300), range(CALLS)))

    statuses = [answer.status_code for answer in answers]
    served = local_openai.get("/_local/served", params={"since": before}).json()["served"]
    assert set(statuses) <= {200, 429, 503}, statuses
    assert statuses.count(429) > 0, "the flood met its cap"
    cost = published_cost(served)
    assert 0 < cost <= nano(BUDGET_USD)
    assert statuses.count(200) == len(served)

    daily = eventually(shop.budget, until=lambda budget: budget["inFlight"] == 0, seconds=30)["daily"]
    assert daily["heldUsd"] == 0
    assert nano(daily["spentUsd"]) + nano(daily["remainingUsd"]) == nano(BUDGET_USD)
    assert nano(daily["spentUsd"]) == cost
    spans = eventually(shop.spans, until=lambda rows: sum(row[2] for row in rows) == cost, seconds=60)
    assert sum(row[2] for row in spans) == cost
    assert [row[0] for row in spans] == list(range(1, len(spans) + 1))
