"""Each route, with good input and bad."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest

from tests.system.tollgate_client import Stack, Tenant, Tollgate, eventually, nano, new_tenant


def test_health_needs_no_key_and_looks_deep_when_asked(stack: Stack) -> None:
    anyone = Tollgate(stack, "nothing")

    assert anyone.get("/api/health").json()["status"] == "ok"
    deep = anyone.get("/api/health", deep="true")
    assert deep.status_code == 200, deep.text
    assert {name: check["status"] for name, check in deep.json()["checks"].items()} == {
        "ledger": "ok",
        "spans": "ok",
        "books": "ok",
        "watermark": "ok",
    }


def test_a_budget_is_made_read_and_changed_by_its_version(admin: Tollgate, tenant: Tenant) -> None:
    path = f"/api/cost/budget/{tenant.tenant_id}"

    changed = admin.put(
        path,
        {"softCap": 0.5, "monthly_budget_usd": 90, "agents": {"booking-agent": {"dailyBudgetUsd": 2}}},
        **{"If-Match": '"1"'},
    )
    stale = admin.put(path, {"softCap": 0.6}, **{"If-Match": '"1"'})

    assert changed.status_code == 200, changed.text
    assert changed.headers["etag"] == '"2"'
    assert stale.status_code == 412
    seen = tenant.budget()
    assert (seen["version"], seen["softCap"], seen["monthly"]["limitUsd"]) == (2, 0.5, 90)
    assert seen["settings"]["agents"] == {"booking-agent": {"dailyBudgetUsd": 2}}


def test_lowering_a_limit_under_what_is_spent_refuses_the_next_call(admin: Tollgate, tenant: Tenant) -> None:
    assert tenant.chat("What is on the board for today?").status_code == 200

    admin.put(f"/api/cost/budget/{tenant.tenant_id}", {"dailyBudgetUsd": 0.000001})

    refused = tenant.chat("And for tomorrow?")
    assert refused.status_code == 429
    assert refused.headers["x-tollgate-refusal-reason"] == "daily_budget"
    assert tenant.budget()["state"] == "exhausted"


def test_a_raise_lets_the_next_call_through_until_it_is_ended(admin: Tollgate, stack: Stack) -> None:
    shop = new_tenant(admin, stack, dailyBudgetUsd=0.000001)
    path = f"/api/cost/budget/{shop.tenant_id}/raises"
    assert shop.chat("Too dear").status_code == 429

    made = admin.post(path, {"dailyUsd": 1, "until": "2100-01-01T00:00:00Z", "reason": "a storm came through"})

    assert made.status_code == 201, made.text
    # A gate remembers a refusal for a second or a few.
    answer = eventually(lambda: shop.chat("Let through"), until=lambda answer: answer.status_code == 200, seconds=20)
    assert answer.status_code == 200
    seen = shop.budget()
    assert [entry["id"] for entry in seen["raises"]] == [made.json()["id"]]
    assert nano(seen["daily"]["limitUsd"]) == 1_000_001_000
    assert seen["raises"][0]["until"] == seen["daily"]["resetsAt"], "it ends with its window at the latest"
    assert admin.delete(f"{path}/{made.json()['id']}").status_code == 204
    assert admin.delete(f"{path}/{made.json()['id']}").status_code == 404
    assert shop.chat("Too dear again").status_code == 429
    assert shop.api.post(path, {"dailyUsd": 1, "until": "2100-01-01T00:00:00Z", "reason": "mine"}).status_code == 403
    assert admin.post(path, {"until": "2100-01-01T00:00:00Z", "reason": "of nothing"}).status_code == 400
    assert admin.post(path, {"dailyUsd": 1, "until": "2020-01-01T00:00:00Z", "reason": "past"}).status_code == 400


@pytest.mark.parametrize(
    "body",
    [
        {"dailyBudgetUsdd": 5},
        {"dailyBudgetUsd": -1},
        {"dailyBudgetUsd": "many"},
        {"dailyBudgetUsd": None},
        {"timezone": "Mars/Olympus"},
        {"softCap": 2},
        {"maxInFlight": 100000},
        {"mode": "yolo"},
        {"agents": {"": {"dailyBudgetUsd": 1}}},
        {"agents": {"a": {}}},
        [],
        "text",
    ],
)
def test_a_budget_that_makes_no_sense_is_refused_by_name(admin: Tollgate, tenant: Tenant, body: object) -> None:
    answer = admin.put(f"/api/cost/budget/{tenant.tenant_id}", body)

    assert answer.status_code == 400, answer.text
    error = answer.json()["error"]
    assert error["code"] == "invalid_request"
    assert error["message"]
    assert tenant.budget()["version"] == 1


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"null",
        b"[1]",
        b'{"messages": NaN}',
        b'"\xff"',
        b'{"messages": [{"role": "user", "content": "\\ud800"}]}',
    ],
)
def test_a_body_that_is_not_a_request_gets_a_clear_400(tenant: Tenant, content: bytes) -> None:
    for path in ("/v1/chat/completions", "/api/chat", "/api/cost/check", "/api/cost/record"):
        answer = tenant.api.send("POST", path, content)

        assert answer.status_code == 400, f"{path}: {answer.text}"
        assert answer.json()["error"]["message"]


def test_what_cannot_be_bounded_or_priced_is_refused_with_a_reason(tenant: Tenant) -> None:
    unknown_field = tenant.chat("Hello", frobnicate=True)
    unknown_model = tenant.api.post(
        "/v1/chat/completions", {"model": "gpt-99", "messages": [{"role": "user", "content": "Hello"}]}
    )
    too_much = tenant.chat("Hello", max_tokens=1_000_000)

    assert (unknown_field.status_code, unknown_field.json()["error"]["code"]) == (400, "not_bounded")
    assert "frobnicate" in unknown_field.json()["error"]["message"]
    assert (unknown_model.status_code, unknown_model.json()["error"]["code"]) == (400, "model_not_priced")
    assert (too_much.status_code, too_much.json()["error"]["code"]) == (400, "invalid_request")
    assert tenant.budget()["daily"]["spentUsd"] == 0


def test_a_tenant_key_sees_its_own_tenant_alone(admin: Tollgate, stack: Stack, tenant: Tenant) -> None:
    other = new_tenant(admin, stack, dailyBudgetUsd=1)
    refused = [
        tenant.api.get(f"/api/cost/budget/{other.tenant_id}"),
        tenant.api.get("/api/cost/budget/no-such-tenant"),
        tenant.api.get(f"/api/cost/summary/{other.tenant_id}"),
        tenant.api.post("/api/chat", {"tenantId": other.tenant_id, "messages": [{"role": "user", "content": "Hello"}]}),
        tenant.api.post("/api/cost/check", {"tenantId": other.tenant_id, "model": "gpt-4o", "inputTokens": 5}),
        tenant.api.post("/api/cost/record", {"tenantId": other.tenant_id, "recordId": "x", "costUsd": 1}),
        tenant.api.put(f"/api/cost/budget/{tenant.tenant_id}", {"dailyBudgetUsd": 1000}),
        tenant.api.post("/api/keys", {"role": "admin", "name": "mine"}),
        tenant.api.get("/api/keys"),
    ]

    assert [answer.status_code for answer in refused] == [403] * len(refused)
    assert all(answer.json()["error"]["code"] == "forbidden" for answer in refused)
    assert other.budget()["monthly"]["spentUsd"] == 0


@pytest.mark.parametrize("key", ["nope", "tg_aaaaaaaaaaaa_" + "A" * 43, "tg_aaaaaaaaaaaa_short", "a.b.c"])
def test_a_key_that_is_not_ours_gets_a_401(stack: Stack, key: str) -> None:
    stranger = Tollgate(stack, key)

    answer = stranger.get("/api/cost/budget/any-tenant")

    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == "invalid_api_key"


def test_a_revoked_key_is_refused_within_the_authorizers_minute(admin: Tollgate, stack: Stack, tenant: Tenant) -> None:
    made = admin.post("/api/keys", {"tenantId": tenant.tenant_id, "role": "tenant", "name": "short-lived"}).json()
    listed = admin.get("/api/keys").json()["keys"]
    assert made["keyId"] in [key["keyId"] for key in listed]
    assert all(made["key"] not in str(key) for key in listed)

    assert admin.delete(f"/api/keys/{made['keyId']}").status_code == 204

    assert admin.delete(f"/api/keys/{made['keyId']}").status_code == 404
    assert Tollgate(stack, made["key"]).get(f"/api/cost/budget/{tenant.tenant_id}").status_code == 401


def test_a_check_holds_and_its_record_settles_once(tenant: Tenant) -> None:
    asked = {
        "model": "gpt-4o",
        "messages": [{"role": "user", "content": "Book a tune-up"}],
        "maxOutputTokens": 100,
        "hold": True,
    }
    checked = tenant.api.post("/api/cost/check", asked)
    assert checked.status_code == 200, checked.text
    verdict = checked.json()
    assert verdict["decision"] == "allow"
    assert tenant.budget()["daily"]["heldUsd"] == verdict["hold"]["amountUsd"]
    record = {
        "holdId": verdict["hold"]["id"],
        "model": "gpt-4o",
        "usage": {"prompt_tokens": 12, "completion_tokens": 20, "total_tokens": 32},
    }

    first = tenant.api.post("/api/cost/record", record)
    again = tenant.api.post("/api/cost/record", record)
    other = tenant.api.post(
        "/api/cost/record", record | {"usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}}
    )

    cost = 12 * 2_500 + 20 * 10_000
    assert (first.status_code, nano(first.json()["costUsd"]), first.json()["recorded"]) == (201, cost, True)
    assert (again.status_code, nano(again.json()["costUsd"]), again.json()["recorded"]) == (200, cost, False)
    assert (other.status_code, other.json()["error"]["code"]) == (409, "record_conflict")
    daily = tenant.budget()["daily"]
    assert (nano(daily["spentUsd"]), daily["heldUsd"]) == (cost, 0)


def test_a_check_that_does_not_fit_is_denied_with_a_reason(admin: Tollgate, stack: Stack) -> None:
    poor = new_tenant(admin, stack, dailyBudgetUsd=0.000001)

    denied = poor.api.post("/api/cost/check", {"model": "gpt-4o", "inputTokens": 500, "hold": True})

    assert denied.status_code == 200
    body = denied.json()
    assert (body["decision"], body["reason"]) == ("deny", "daily_budget")
    assert body["retryAfterSeconds"] > 0
    assert "hold" not in body


def test_money_spent_elsewhere_is_recorded_once_by_its_id(tenant: Tenant) -> None:
    record = {"recordId": "invoice-2026-77", "costUsd": 0.25, "metadata": {"agent": "voice-agent"}}

    answers = [tenant.api.post("/api/cost/record", record) for _ in range(3)]

    assert [answer.status_code for answer in answers] == [201, 200, 200]
    assert tenant.budget()["daily"]["spentUsd"] == 0.25


def test_a_calls_own_hold_cannot_be_recorded_from_outside(tenant: Tenant) -> None:
    hold_id = tenant.chat("Hello").headers["x-tollgate-hold-id"]
    spent = tenant.budget()["daily"]["spentUsd"]

    refused = tenant.api.post("/api/cost/record", {"holdId": hold_id, "costUsd": 0})

    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "record_conflict")
    assert tenant.budget()["daily"]["spentUsd"] == spent


def test_a_hold_has_a_name_an_age_and_an_end_and_an_admin_can_void_it(admin: Tollgate, tenant: Tenant) -> None:
    path = f"/api/cost/budget/{tenant.tenant_id}/holds"
    asked = {"model": "gpt-4o", "inputTokens": 500, "hold": True, "holdSeconds": 600, "metadata": {"agent": "voice"}}
    hold = tenant.api.post("/api/cost/check", asked).json()["hold"]

    (seen,) = tenant.api.get(path).json()["holds"]

    assert (seen["id"], seen["kind"], seen["agent"], seen["model"]) == (hold["id"], "check", "voice", "gpt-4o")
    assert (seen["amountUsd"], seen["expiresAt"]) == (hold["amountUsd"], hold["expiresAt"])
    assert datetime.fromisoformat(seen["expiresAt"]) - datetime.fromisoformat(seen["openedAt"]) == timedelta(minutes=10)
    assert tenant.api.delete(f"{path}/{hold['id']}").status_code == 403
    closed = admin.delete(f"{path}/{hold['id']}")
    assert (closed.status_code, closed.json()["outcome"], closed.json()["bookedUsd"]) == (200, "voided", 0)
    assert tenant.api.get(path).json() == {"holds": []}
    assert tenant.budget()["daily"]["heldUsd"] == 0
    assert admin.delete(f"{path}/{hold['id']}").status_code == 404
    assert admin.delete(f"{path}/nonsense").status_code == 400


def test_a_live_call_that_an_admin_closes_is_booked_in_full_and_settles_late_at_what_it_cost(
    admin: Tollgate, tenant: Tenant
) -> None:
    path = f"/api/cost/budget/{tenant.tenant_id}/holds"
    with ThreadPoolExecutor(1) as caller:
        call = caller.submit(tenant.chat, "[[local: latency=4]] A slow call", max_tokens=50)
        (hold,) = eventually(lambda: tenant.api.get(path).json()["holds"], until=bool, seconds=20)

        closed = admin.delete(f"{path}/{hold['id']}")

        assert (hold["kind"], closed.json()["outcome"]) == ("call", "lapsed")
        assert closed.json()["bookedUsd"] == hold["amountUsd"] == tenant.budget()["daily"]["spentUsd"]
        answer = call.result()
    assert answer.status_code == 200
    cost = nano(float(answer.headers["x-tollgate-cost-usd"]))
    assert 0 < cost < nano(hold["amountUsd"])
    assert nano(tenant.budget()["daily"]["spentUsd"]) == cost


def test_an_observed_tenant_is_served_and_told_what_enforcing_would_have_done(admin: Tollgate, stack: Stack) -> None:
    shop = new_tenant(admin, stack, dailyBudgetUsd=0.000001, mode="observe")

    answer = shop.chat("Let me through")
    checked = shop.api.post("/api/cost/check", {"model": "gpt-4o", "inputTokens": 500}).json()

    assert answer.status_code == 200
    assert answer.headers["x-tollgate-would-have"] == "refuse:daily_budget"
    assert (checked["decision"], checked["wouldHave"]) == ("allow", "refuse:daily_budget")
    totals = eventually(
        lambda: shop.api.get(f"/api/cost/summary/{shop.tenant_id}").json().get("totals", {}),
        until=lambda totals: totals.get("calls") == 1,
        seconds=60,
    )
    assert totals["wouldHaveRefusedCalls"] == 1
    assert totals["wouldHaveRefusedUsd"] == totals["costUsd"]


def test_a_call_that_does_not_fit_is_made_smaller_down_to_the_tenant_s_floor(admin: Tollgate, stack: Stack) -> None:
    shop = new_tenant(admin, stack, dailyBudgetUsd=0.005, cheaperModel=None, minOutputTokens=50, softCap=1)

    smaller = shop.chat("[[local: outputTokens=worst]] Who can fix a furnace today?")

    assert smaller.status_code == 200, smaller.text
    assert smaller.headers["x-tollgate-fit-reason"] == "daily_budget"
    sent = int(smaller.headers["x-tollgate-max-output-tokens"])
    assert 50 <= sent < 1024
    assert smaller.json()["usage"]["completion_tokens"] == sent
    assert nano(shop.budget()["daily"]["spentUsd"]) <= nano(0.005)
    assert shop.chat("And tomorrow?").headers["x-tollgate-refusal-reason"] == "daily_budget"


def test_a_chain_serves_in_its_order_and_a_caller_may_refuse_all_of_it(admin: Tollgate, stack: Stack) -> None:
    chains = {"gpt-4o": ["gpt-4.1-mini", "gpt-4o-mini"]}
    shop = new_tenant(admin, stack, dailyBudgetUsd=5, softCap=0, downgradeChains=chains)
    path, body = "/v1/chat/completions", {"model": "gpt-4o", "messages": [{"role": "user", "content": "Hello"}]}

    served = shop.chat("Hello", max_tokens=20)
    never = shop.api.post(path, body, **{"x-tollgate-downgrade": "never"})
    nonsense = shop.api.post(path, body, **{"x-tollgate-downgrade": "perhaps"})

    assert served.headers["x-tollgate-model-served"] == "gpt-4.1-mini"
    assert served.headers["x-tollgate-downgrade-reason"] == "soft_cap"
    assert (never.status_code, never.headers["x-tollgate-refusal-reason"]) == (429, "soft_cap")
    assert (nonsense.status_code, nonsense.json()["error"]["param"]) == (400, "x-tollgate-downgrade")


def test_a_month_that_is_over_stays_readable(stack: Stack, tenant: Tenant) -> None:
    path = f"/api/cost/budget/{tenant.tenant_id}"
    tenant.chat("Hello")
    dynamodb, table = stack.aws("dynamodb"), stack.facts["ledgerTable"]
    this_month = tenant.budget()["monthly"]["window"]
    page = dynamodb.get_item(
        TableName=table, Key={"pk": {"S": f"TENANT#{tenant.tenant_id}"}, "sk": {"S": f"MONTH#{this_month}"}}
    )["Item"]
    # Its span is another page's.
    del page["span"]
    dynamodb.put_item(TableName=table, Item=page | {"sk": {"S": "MONTH#2024-02"}})

    past = tenant.api.get(path, month="2024-02")

    assert past.status_code == 200, past.text
    assert past.json()["monthly"] == {
        "window": "2024-02",
        "spentUsd": tenant.budget()["monthly"]["spentUsd"],
        "heldUsd": 0,
        "limitUsd": None,
        "remainingUsd": None,
        "utilization": None,
        "resetsAt": "2024-03-01T00:00:00Z",
    }
    assert tenant.api.get(path, month=this_month).json()["daily"] == tenant.budget()["daily"]
    assert (tenant.api.get(path, month="2024-01").json()["error"]["code"]) == "month_not_found"
    assert tenant.api.get(path, month="2024-13").status_code == 400


def test_the_summary_tells_where_the_money_went_and_what_was_refused(admin: Tollgate, tenant: Tenant) -> None:
    costs = [
        tenant.api.post(
            "/api/chat", {"messages": [{"role": "user", "content": "Hello"}], "metadata": {"agent": name}}
        ).json()["costUsd"]
        for name in ("a", "b", "a")
    ]

    admin.put(f"/api/cost/budget/{tenant.tenant_id}", {"dailyBudgetUsd": 0})
    refused = tenant.api.post(
        "/api/chat", {"messages": [{"role": "user", "content": "Hello"}], "metadata": {"agent": "c"}}
    )
    summary = eventually(
        lambda: tenant.api.get(f"/api/cost/summary/{tenant.tenant_id}", groupBy="agent").json(),
        until=lambda body: body.get("totals", {}).get("calls") == 3 and body["totals"]["refusedCalls"] == 1,
        seconds=60,
    )

    assert nano(summary["totals"]["costUsd"]) == sum(map(nano, costs))
    assert {group["key"]: (group["calls"], group["refusedCalls"]) for group in summary["groups"]} == {
        "a": (2, 0), "b": (1, 0), "c": (0, 1),
    }  # fmt: skip
    assert refused.status_code == 429
    assert summary["refusedByReason"] == {"daily_budget": 1}
