"""What goes wrong at the local ServiceTitan on demand, and the controls of its tenants."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest

from infra.local.servicetitan_server.clock import Clock
from infra.local.servicetitan_server.rate import Peak
from infra.local.servicetitan_server.world import World
from tests.local.servicetitan import EXPORTS, NOW, Server, served

JOBS = EXPORTS["jobs"] % 1004
CALLS = EXPORTS["calls"] % 1004
UNITS = "/settings/v2/tenant/%s/business-units"


@pytest.fixture
def server() -> Iterator[Server]:
    with served(World(Clock(NOW), rows_max=40)) as server:
        yield server


def test_a_storm_throttles_everything_of_one_tenant_until_it_is_over(server: Server) -> None:
    token, other = server.token(), server.token(1003)
    server.control("POST", "faults", {"kind": "storm", "tenant": 1004, "seconds": 90, "form": "title"})

    during = [server.get(path, token) for path in (JOBS, CALLS, UNITS % 1004) for _ in range(5)]
    minted, others = server.mint().status_code, server.get(UNITS % 1003, other).status_code
    server.world.clock.advance(timedelta(seconds=89))
    late = server.get(JOBS, token).status_code
    server.world.clock.advance(timedelta(seconds=1))

    assert {answer.status_code for answer in during} == {429}
    assert during[0].json()["title"].endswith("Try again in 1 seconds.")
    assert (minted, others, late) == (429, 200, 429)
    assert server.get(JOBS, token).status_code == 200


def test_a_storm_over_one_path_leaves_the_others_alone_and_can_be_called_off(server: Server) -> None:
    token = server.token()
    server.control("POST", "faults", {"kind": "storm", "path": "export/jobs", "seconds": 90})

    assert server.get(JOBS, token).status_code == 429
    assert server.get(CALLS, token).status_code == 200
    server.control("DELETE", "faults")
    assert server.get(JOBS, token).status_code == 200


def test_a_token_is_withdrawn_after_so_many_calls_and_a_new_one_goes_on_at_the_same_place(server: Server) -> None:
    server.control("POST", "faults", {"kind": "revoke", "tenant": 1004, "skip": 4, "path": "export"})
    token = server.token()
    first = [server.get(JOBS, token).json() for _ in range(4)][-1]

    refused = [server.get(JOBS, token, **{"from": first["continueFrom"]}).status_code for _ in range(2)]
    second = server.get(JOBS, server.token(), **{"from": first["continueFrom"]})

    assert refused == [401, 401]
    assert second.status_code == 200
    assert not {row["id"] for row in first["data"]} & {row["id"] for row in second.json()["data"]}


def test_a_token_ends_in_the_middle_of_a_feed_by_the_clock(server: Server) -> None:
    token = server.token()
    place = server.get(JOBS, token).json()["continueFrom"]

    server.control("POST", "clock", {"advanceSeconds": 900})

    assert server.get(JOBS, token, **{"from": place}).status_code == 401
    assert server.get(JOBS, server.token(), **{"from": place}).status_code == 200


def test_one_tenants_tokens_are_withdrawn_and_the_others_stay(server: Server) -> None:
    token, other = server.token(), server.token(1003)

    assert server.control("DELETE", "tenants/1004/tokens").status_code == 204

    assert server.get(UNITS % 1004, token).status_code == 401
    assert server.get(UNITS % 1003, other).status_code == 200
    assert server.get(UNITS % 1004, server.token()).status_code == 200


def test_a_rotated_secret_refuses_the_old_one_and_leaves_the_tokens_that_are_out(server: Server) -> None:
    token = server.token()

    server.control("POST", "tenants/1004", {"clientSecret": "rotated"})

    assert server.mint().json() == {"error": "invalid_client"}
    assert server.mint(client_secret="rotated").status_code == 200
    assert server.get(JOBS, token).status_code == 200
    server.control("DELETE", "tenants/1004/tokens")
    assert server.get(JOBS, token).status_code == 401


def test_a_tenant_that_the_admin_disables_is_forbidden_every_feed_until_enabled(server: Server) -> None:
    token = server.token()
    server.control("POST", "tenants/1004", {"enabled": False})

    refused = {server.get(path % 1004, token).status_code for path in EXPORTS.values()}
    server.control("POST", "tenants/1004", {"enabled": True})

    assert refused == {403}
    assert server.get(JOBS, token).status_code == 200


def test_an_empty_page_may_come_although_more_follows(server: Server) -> None:
    token = server.token()
    server.control("POST", "faults", {"kind": "empty", "path": "export/jobs", "times": 2})

    pages = list(server.pages(JOBS, token))

    assert [(len(page["data"]), page["hasMore"]) for page in pages[:3]] == [(0, True), (0, True), (40, True)]
    ids = [row["id"] for page in pages for row in page["data"]]
    assert sorted(ids) == sorted(row["id"] for row in server.world.rows(1004, "jobs"))


def test_rows_of_the_last_page_may_come_once_more(server: Server) -> None:
    token = server.token()
    server.control("POST", "faults", {"kind": "repeat", "path": "export/jobs", "skip": 1, "rows": 3})

    first, second, third = [page["data"] for page, _ in zip(server.pages(JOBS, token), range(3), strict=False)]

    assert len(second) == 43
    assert {row["id"] for row in second[:3]} <= {row["id"] for row in first}
    assert not {row["id"] for row in third} & {row["id"] for row in first + second}


def test_a_place_that_was_kept_too_long_is_refused_and_a_day_is_not(server: Server) -> None:
    server.control("POST", "tenants/1004", {"placesLiveSeconds": 3 * 86400})
    place = server.get(JOBS, server.token()).json()["continueFrom"]

    server.world.clock.advance(timedelta(days=3))
    alive = server.get(JOBS, server.token(), **{"from": place})
    server.world.clock.advance(timedelta(seconds=1))
    dead = server.get(JOBS, server.token(), **{"from": place})

    assert alive.status_code == 200
    assert (dead.status_code, dead.json()["errors"]) == (400, {"from": ["The continuation token has expired."]})
    assert server.get(JOBS, server.token(), **{"from": "2026-11-20"}).status_code == 200


def test_the_places_of_one_tenant_are_ended_at_once(server: Server) -> None:
    token, other = server.token(), server.token(1003)
    place = server.get(JOBS, token).json()["continueFrom"]
    others = server.get(EXPORTS["jobs"] % 1003, other).json()["continueFrom"]

    server.control("DELETE", "tenants/1004/places")

    assert server.get(JOBS, token, **{"from": place}).status_code == 400
    assert server.get(EXPORTS["jobs"] % 1003, other, **{"from": others}).status_code == 200
    fresh = server.get(JOBS, token).json()["continueFrom"]
    assert server.get(JOBS, token, **{"from": fresh}).status_code == 200


@pytest.mark.parametrize("text", ["W10", "MQ", "bnVsbA", "2026-13-01", "2026-11-01T00:00:00 00:00"])
def test_a_place_that_is_nonsense_is_refused_and_breaks_nothing(server: Server, text: str) -> None:
    assert server.get(JOBS, server.token(), **{"from": text}).status_code == 400


def test_every_call_that_arrives_is_counted_by_both_clocks_even_the_refused(server: Server) -> None:
    token = server.token()
    server.control("POST", "faults", {"kind": "503", "times": 2})

    answers = [server.get(UNITS % 1004, token).status_code for _ in range(70)]
    without_key = server.get(UNITS % 1004, token, app_key="").status_code

    assert sorted(set(answers)) == [200, 429, 503]
    assert without_key == 401
    stats = server.api.get("/_local/stats").json()
    # The world's clock stands still: to it, all came at once. One without a key belongs to no application.
    assert stats["peakCallsPerWorldSecond"] == {"1001": 0, "1002": 0, "1003": 0, "1004": 70}
    assert 1 <= stats["peakCallsPerSecond"]["1004"] <= 70


def test_a_second_of_the_wall_clock_is_a_second_when_the_worlds_stands_still(server: Server) -> None:
    token = server.token()

    for _ in range(20):
        server.get(UNITS % 1004, token)
        server.world.clock.advance(timedelta(seconds=1))

    stats = server.world.stats()
    assert stats["peakCallsPerWorldSecond"]["1004"] == 1
    assert stats["peakCallsPerSecond"]["1004"] > 1


@pytest.mark.parametrize(
    ("arrivals", "highest"),
    [
        ([], 0),
        ([5.0, 5.0, 5.0], 3),
        ([0.0, 0.4, 0.99, 1.0], 3),
        ([0.5, 0.75, 1.25, 1.25, 1.25, 1.5], 5),
        ([0.0, 2.0, 4.0], 1),
    ],
)
def test_the_peak_is_that_of_any_second_and_not_of_the_clocks(arrivals: list[float], highest: int) -> None:
    peak = Peak()

    for second in arrivals:
        peak.count(second)

    assert peak.highest == highest


def test_a_tenant_is_added_while_the_server_runs_with_days_of_its_own(server: Server) -> None:
    body = {"tenantId": 2001, "name": "Test Drains", "trade": "Plumbing", "scale": 0.2}

    answer = server.control("POST", "tenants", body | {"clientId": "cid.test", "clientSecret": "cs1.test"})

    assert answer.status_code == 201
    assert answer.json()["rows"]["jobs"] > 50
    token = server.token(2001, client_id="cid.test", client_secret="cs1.test")
    rows = server.rows("jobs", token, tenant=2001)
    assert len(rows) == answer.json()["rows"]["jobs"]
    assert server.get(JOBS, token).status_code == 403
    assert 2001 in {tenant["tenantId"] for tenant in server.api.get("/_local/tenants").json()["tenants"]}
    assert server.api.get("/_local/tenants/2001/runs").json() == server.world.runs(2001)
    assert server.world.stats()["tokens"]["2001"] == 1


def test_a_tenant_that_is_added_to_two_servers_has_equal_rows(server: Server) -> None:
    body = {"tenantId": 2002, "trade": "HVAC", "scale": 0.1}
    server.control("POST", "tenants", body)

    with served(World(Clock(NOW))) as other:
        other.control("POST", "tenants", body)
        assert other.world.rows(2002, "calls") == server.world.rows(2002, "calls")


@pytest.mark.parametrize(
    ("change", "status", "field"),
    [
        ({"tenantId": 1004}, 409, None),
        ({"clientId": "local-client-1001"}, 409, None),
        ({"tenantId": -1}, 400, "tenantId"),
        ({"tenantId": "2001"}, 400, "tenantId"),
        ({"tenantId": True}, 400, "tenantId"),
        ({"trade": "Bakery"}, 400, "trade"),
        ({"scale": 0}, 400, "scale"),
        ({"scale": 1000}, 400, "scale"),
        ({"size": 2}, 400, "size"),
    ],
)
def test_a_tenant_that_makes_no_sense_is_refused(
    server: Server, change: dict[str, Any], status: int, field: str | None
) -> None:
    answer = server.control("POST", "tenants", {"tenantId": 2001, "trade": "HVAC", **change})

    assert answer.status_code == status
    assert list(answer.json()["errors"]) == ([field] if field else [])
    assert set(server.world.shops) == {1001, 1002, 1003, 1004}
    assert server.mint(1001).status_code == 200


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("tenants/1004", {"enabled": "no"}),
        ("tenants/1004", {"scopes": "tn.jpm.jobs:r"}),
        ("tenants/1004", {"scopes": ["tn.jpm.job:r"]}),
        ("tenants/1004", {"secret": "x"}),
        ("faults", {"kind": "earthquake"}),
        ("faults", {"kind": "503", "times": 0}),
        ("faults", {"kind": "503", "times": "two"}),
        ("faults", {"kind": "storm", "seconds": -1}),
        ("faults", {"kind": "429", "form": "whisper"}),
        ("clock", {"freezeAt": "noon"}),
        ("clock", {"freezeAt": "2026-11-22T12:00:00"}),
        ("clock", {"advanceSeconds": "900"}),
        ("clock", [900]),
    ],
)
def test_a_control_that_makes_no_sense_changes_nothing(server: Server, path: str, body: Any) -> None:
    answer = server.control("POST", path, body)

    assert answer.status_code == 400
    assert answer.json()["errors"]
    assert server.world.clock.now() == NOW
    assert server.get(JOBS, server.token()).status_code == 200


def test_a_stall_that_is_short_is_only_slow(server: Server) -> None:
    token = server.token()
    server.control("POST", "faults", {"kind": "stall", "seconds": 0.3})

    answer = server.get(JOBS, token)

    assert answer.status_code == 200
    assert answer.elapsed > timedelta(seconds=0.3)


def test_a_fault_of_one_tenant_leaves_the_others_alone(server: Server) -> None:
    token, other = server.token(), server.token(1003)
    server.control("POST", "faults", {"kind": "500", "tenant": 1004})

    assert server.get(UNITS % 1003, other).status_code == 200
    assert server.get(UNITS % 1004, token).status_code == 500


def test_an_unknown_tenant_is_forbidden(server: Server) -> None:
    assert server.get(UNITS % 4711, server.token()).status_code == 403
    assert httpx.get(f"{server.api.base_url}/_local/tenants/4711/runs", trust_env=False).status_code == 403
