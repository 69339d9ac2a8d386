"""The local ServiceTitan, as its clients see it: over HTTP, on a clock that the test moves."""

import base64
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from infra.local.servicetitan_server.clock import Clock
from infra.local.servicetitan_server.world import World
from tests.local.servicetitan import NOW, Server, served

ROOT = Path(__file__).resolve().parents[2]
JOBS = "/jpm/v2/tenant/1004/export/jobs"
BOOKINGS = "/crm/v2/tenant/1004/export/bookings"
INVOICES = "/accounting/v2/tenant/1004/export/invoices"


@pytest.fixture
def server() -> Iterator[Server]:
    with served(World(Clock(NOW), rows_max=40)) as server:
        yield server


def test_both_origins_say_that_they_are_well(server: Server) -> None:
    assert server.api.get("/_local/health").status_code == 200
    assert server.auth.get("/_local/health").status_code == 200


def test_a_token_names_its_tenant_and_its_end(server: Server) -> None:
    token = server.token(1002)

    claims = json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))
    assert (claims["tenant"], claims["exp"] - claims["nbf"]) == ("1002", 900)
    assert "tn.jpm.jobs:r" in claims["scope"]


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"client_secret": "local-secret-1004\n"}, "invalid_client"),
        ({"client_id": "local-client-9"}, "invalid_client"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
    ],
)
def test_a_wrong_client_gets_400_and_no_token(server: Server, change: dict[str, str], error: str) -> None:
    right = {"grant_type": "client_credentials", "client_id": "local-client-1004", "client_secret": "local-secret-1004"}

    answer = server.auth.post("/connect/token", data=right | change)

    assert (answer.status_code, answer.json()) == (400, {"error": error})
    assert server.auth.post("/connect/token", json=right).json() == {"error": "invalid_request"}


def test_minting_a_token_for_each_call_is_throttled(server: Server) -> None:
    for _ in range(20):
        server.token()

    with pytest.raises(httpx.HTTPStatusError, match="429"):
        server.token()
    assert server.world.access.minted[1004] == 20


def test_a_token_ends_after_fifteen_minutes(server: Server) -> None:
    token = server.token()

    server.api.post("/_local/clock", json={"advanceSeconds": 899})
    assert server.get(JOBS, token).status_code == 200
    server.api.post("/_local/clock", json={"advanceSeconds": 1})
    assert server.get(JOBS, token).status_code == 401


def test_a_withdrawn_token_is_refused(server: Server) -> None:
    token = server.token()

    server.api.delete("/_local/tokens")

    assert server.get(JOBS, token).status_code == 401


def test_a_call_without_the_application_key_says_which_header_is_missing(server: Server) -> None:
    answer = server.get(JOBS, server.token(), app_key="")

    assert answer.status_code == 401
    assert answer.json()["title"] == "Application key not present, check ST-App-Key header value."
    assert answer.json()["traceId"]
    assert answer.headers["content-type"] == "application/problem+json"
    assert server.get(JOBS, server.token(), app_key="another").status_code == 401


def test_another_tenants_data_are_forbidden(server: Server) -> None:
    assert server.get(JOBS.replace("1004", "1001"), server.token(1004)).status_code == 403


def test_a_tenant_that_was_switched_off_is_forbidden_at_once(server: Server) -> None:
    token = server.token()

    server.api.post("/_local/tenants/1004", json={"enabled": False})

    assert server.get(JOBS, token).status_code == 403


def test_a_scope_that_is_missing_forbids_its_feed_alone(server: Server) -> None:
    server.api.post("/_local/tenants/1004", json={"scopes": ["tn.jpm.jobs:r"]})
    token = server.token()

    assert server.get(JOBS, token).status_code == 200
    assert server.get(BOOKINGS, token).status_code == 403


@pytest.mark.parametrize("path", ["/jpm/v2/jobs", "/task-management/v2/tenant/1004/tasks", "/jpm/v1/tenant/1004/jobs"])
def test_a_wrong_path_is_not_found(server: Server, path: str) -> None:
    assert server.get(path, server.token()).status_code == 404


def test_the_sixty_first_call_within_a_second_is_refused_in_four_forms(server: Server) -> None:
    token = server.token()
    path = "/settings/v2/tenant/1004/business-units"

    answers = [server.get(path, token) for _ in range(64)]

    assert [answer.status_code for answer in answers] == [200] * 60 + [429] * 4
    forms = [answer.headers.get("retry-after", answer.json()["title"]) for answer in answers[60:]]
    assert forms == [
        "1",
        "Sun, 22 Nov 2026 10:30:01 GMT",
        "Rate limit is exceeded. Try again in 1 seconds.",
        "Too Many Requests",
    ]
    assert server.world.stats()["throttled"]["1004"] == 4


def test_a_feed_read_to_its_end_has_every_row_once(server: Server) -> None:
    token = server.token()

    pages = list(server.pages(JOBS, token))

    ids = [row["id"] for page in pages for row in page["data"]]
    assert sorted(ids) == sorted(row["id"] for row in server.world.rows(1004, "jobs"))
    assert len(ids) == len(set(ids)) > 200
    assert [page for page in pages if page["hasMore"] and not page["data"]]
    assert max(len(page["data"]) for page in pages) == 40
    assert {row["active"] for page in server.pages(BOOKINGS, token) for row in page["data"]} == {True, False}


def test_the_last_page_gives_a_new_place_to_go_on_from_even_when_it_is_empty(server: Server) -> None:
    token = server.token()
    last = list(server.pages(JOBS, token))[-1]["continueFrom"]

    page = server.get(JOBS, token, **{"from": last}).json()

    assert (page["hasMore"], page["data"]) == (False, [])
    assert page["continueFrom"] != last


def test_a_place_belongs_to_its_endpoint(server: Server) -> None:
    token = server.token()
    place = server.get(BOOKINGS, token).json()["continueFrom"]

    answer = server.get(JOBS, token, **{"from": place})

    assert answer.status_code == 400
    assert "from" in answer.json()["errors"]
    assert server.get(JOBS, token, **{"from": "nonsense"}).status_code == 400
    assert server.get(JOBS.replace("1004", "1001"), server.token(1001), **{"from": place}).status_code == 400


def test_a_day_to_start_from_leaves_out_what_did_not_change_since(server: Server) -> None:
    token = server.token()

    rows = [row for page in server.pages(JOBS, token, "2026-11-01") for row in page["data"]]

    assert rows
    assert all(row["modifiedOn"] >= "2026-11-01" for row in rows)
    assert any(row["createdOn"] < "2026-11-01" for row in rows)


def test_a_change_comes_fifteen_minutes_later_or_at_once_and_again(server: Server) -> None:
    token = server.token()
    newest = max(row["modifiedOn"] for row in server.world.rows(1004, "jobs"))
    at = datetime.fromisoformat(newest)
    day = (at - timedelta(days=1)).date().isoformat()
    server.world.clock.freeze(at + timedelta(minutes=14))
    token = server.token()

    def changes(start: str, **query: str) -> tuple[list[str], str]:
        pages = list(server.pages(JOBS, token, start, **query))
        return [row["modifiedOn"] for page in pages for row in page["data"]], pages[-1]["continueFrom"]

    assert newest not in changes(day)[0]
    seen, place = changes(day, includeRecentChanges="true")
    assert newest in seen
    assert newest in changes(place, includeRecentChanges="true")[0]
    server.world.clock.advance(timedelta(minutes=2))
    assert newest in changes(day)[0]


def test_a_booking_converts_while_the_server_runs(server: Server) -> None:
    server.world.clock.freeze(NOW - timedelta(days=10))
    pages = list(server.pages(BOOKINGS, server.token()))
    before = {row["id"] for page in pages for row in page["data"]}
    place = pages[-1]["continueFrom"]
    known_jobs = {row["id"] for row in server.world.rows(1004, "jobs")}

    server.world.clock.freeze(NOW)
    token = server.token()
    after = {row["id"]: row for page in server.pages(BOOKINGS, token, place) for row in page["data"]}

    converted = [row for row in after.values() if row["status"] == "Converted"]
    assert converted
    assert {row["jobId"] for row in converted} <= {row["id"] for row in server.world.rows(1004, "jobs")} - known_jobs
    assert set(after) - before


def test_the_data_are_as_awkward_as_the_real_ones(server: Server) -> None:
    token = server.token()
    jobs = [row for page in server.pages(JOBS, token) for row in page["data"]]
    invoices = [row for page in server.pages(INVOICES, token) for row in page["data"]]
    changes = [row["modifiedOn"] for row in jobs]

    assert any(row["id"] > 2**53 for row in jobs)
    assert any(len(change) == len("2026-10-29T19:26:05.6089817Z") for change in changes)
    assert len(set(changes)) < len(changes)
    assert changes != sorted(changes)
    assert all(isinstance(row["total"], (int, float)) for row in jobs)
    assert all(isinstance(row["subTotal"], str) for row in invoices)
    assert any(row["modifiedOn"] is None for row in invoices)
    assert any(row["adjustmentToId"] for row in invoices)


def test_the_same_seed_makes_the_same_business_whatever_day_it_is() -> None:
    today = World(Clock(NOW)).rows(1004, "jobs")
    # Made half a month earlier, and asked now: as a server that ran all the time.
    clock = Clock(NOW - timedelta(days=15))
    earlier = World(clock)
    clock.freeze(NOW)
    other = World(Clock(NOW), seed="another").rows(1004, "jobs")

    assert earlier.rows(1004, "jobs") == today
    assert other != today


def test_a_list_comes_in_pages_with_a_total_when_asked(server: Server) -> None:
    token = server.token()
    path = "/jpm/v2/tenant/1004/jobs"

    first = server.get(path, token).json()
    second = server.get(path, token, page=2, pageSize=100, includeTotal="true").json()

    assert (first["page"], first["pageSize"], len(first["data"]), first["totalCount"]) == (1, 50, 50, None)
    assert second["totalCount"] == sum(row["active"] for row in server.world.rows(1004, "jobs"))
    assert server.get(path, token, pageSize=5001).status_code == 400


def test_a_list_shows_what_is_active_unless_asked(server: Server) -> None:
    token, path = server.token(), "/settings/v2/tenant/1004/business-units"

    def ids(**query: str) -> list[int]:
        return [row["id"] for row in server.get(path, token, **query).json()["data"]]

    assert 99 not in ids()
    assert ids(active="False") == [99]
    assert set(ids(active="Any")) == {11, 99}
    assert ids(ids="11,99") == [11]


def test_a_list_is_filtered_from_a_time_on_and_before_another(server: Server) -> None:
    token, path = server.token(), "/jpm/v2/tenant/1004/jobs"
    row = server.get(path, token).json()["data"][0]
    at = row["createdOn"][:26] + "Z" if "." in row["createdOn"] else row["createdOn"]

    def ids(**query: str) -> set[int]:
        return {row["id"] for row in server.get(path, token, pageSize=5000, **query).json()["data"]}

    assert row["id"] in ids(createdOnOrAfter=at)
    assert row["id"] not in ids(createdBefore=at)
    assert ids(createdOnOrAfter=at) | ids(createdBefore=at) == ids()
    assert server.get(path, token, createdBefore="soon").status_code == 400


def test_faults_come_where_and_as_often_as_they_were_planned(server: Server) -> None:
    token = server.token()
    server.api.post("/_local/faults", json={"kind": "503", "path": "export/jobs", "skip": 1, "times": 2})

    statuses = [server.get(JOBS, token).status_code for _ in range(5)]

    assert statuses == [200, 503, 503, 200, 200]
    assert server.api.post("/_local/faults", json={"kind": "earthquake"}).status_code == 400


@pytest.mark.parametrize(
    ("fault", "error"),
    [({"kind": "reset"}, httpx.RemoteProtocolError), ({"kind": "stall", "seconds": 1}, httpx.ReadTimeout)],
)
def test_a_connection_can_break_or_hang(server: Server, fault: dict[str, Any], error: type[Exception]) -> None:
    token = server.token()
    server.api.post("/_local/faults", json=fault)
    server.api.timeout = httpx.Timeout(0.2)

    with pytest.raises(error):
        server.get(JOBS, token)


def test_a_gateways_page_is_html(server: Server) -> None:
    server.api.post("/_local/faults", json={"kind": "html", "path": "jobs"})

    answer = server.get(JOBS, server.token())

    assert (answer.status_code, answer.headers["content-type"]) == (502, "text/html; charset=utf-8")


@pytest.mark.parametrize("farewell", [signal.SIGTERM, signal.SIGINT])
def test_the_program_serves_on_its_ports_and_ends_when_told(farewell: signal.Signals) -> None:
    ports = {"SERVICETITAN_PORT": str(free_port()), "SERVICETITAN_AUTH_PORT": str(free_port())}
    command = [sys.executable, "-m", "infra.local.servicetitan_server"]
    process = subprocess.Popen(
        command, cwd=ROOT, env=os.environ | ports, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    try:
        for port in ports.values():
            wait_for(f"http://127.0.0.1:{port}/_local/health")
        process.send_signal(farewell)
        _, complaint = process.communicate(timeout=10)
        assert b"Traceback" not in complaint
    finally:
        process.kill()


def test_a_port_in_use_is_said_in_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ports = {"SERVICETITAN_PORT": str(taken.getsockname()[1]), "SERVICETITAN_AUTH_PORT": str(free_port())}
        command = [sys.executable, "-m", "infra.local.servicetitan_server"]
        done = subprocess.run(command, cwd=ROOT, env=os.environ | ports, capture_output=True, timeout=20, check=False)

    assert done.returncode == 1
    assert b"cannot listen" in done.stderr
    assert b"Traceback" not in done.stderr


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


def wait_for(url: str) -> None:
    for _ in range(200):
        try:
            httpx.get(url, trust_env=False).raise_for_status()
        except httpx.HTTPError:
            time.sleep(0.05)
        else:
            return
    pytest.fail(f"{url} does not answer")
