"""How the local ServiceTitan's feeds and lists are read, each with its oddities."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from infra.local.servicetitan_server.access import SCOPES
from infra.local.servicetitan_server.archive import FEEDS
from infra.local.servicetitan_server.clock import Clock
from infra.local.servicetitan_server.resources import RESOURCES
from infra.local.servicetitan_server.world import World
from tests.local.servicetitan import EXPORTS, NOW, Server, served

CAMPAIGNS = "/marketing/v2/tenant/1004/campaigns"
ASSIGNMENTS = EXPORTS["appointment-assignments"] % 1004


@pytest.fixture
def server() -> Iterator[Server]:
    with served(World(Clock(NOW), rows_max=40)) as server:
        yield server


@pytest.mark.parametrize("feed", EXPORTS)
def test_each_feed_read_to_its_end_has_every_row_once(server: Server, feed: str) -> None:
    found = server.rows(feed, server.token(), active="Any")

    # What was changed within a quarter of an hour comes later; at half past ten in the morning nothing was.
    assert sorted(found, key=lambda row: row["id"]) == sorted(server.world.rows(1004, feed), key=lambda row: row["id"])
    assert found


def test_every_kind_of_row_can_be_read_by_its_feed_or_its_list() -> None:
    assert {resource.feed for resource in RESOURCES.values()} == set(FEEDS)
    assert {resource.scope for resource in RESOURCES.values()} == set(SCOPES)


@pytest.mark.parametrize("feed", EXPORTS)
def test_each_feed_has_a_scope_that_it_needs(server: Server, feed: str) -> None:
    scope = next(resource.scope for resource in RESOURCES.values() if resource.feed == feed)
    without = [other for other in SCOPES if other != scope]
    server.control("POST", "tenants/1004", {"scopes": without})

    refused = {name for name, path in EXPORTS.items() if server.get(path % 1004, server.token()).status_code == 403}

    assert refused == {feed}


def test_assignments_show_what_is_active_unless_asked(server: Server) -> None:
    token = server.token()
    every = server.world.rows(1004, "appointment-assignments")

    default = server.rows("appointment-assignments", token)

    assert {row["active"] for row in default} == {True}
    assert len(server.rows("appointment-assignments", token, active="any")) == len(every) > len(default)
    inactive = server.rows("appointment-assignments", token, active="False")
    assert {row["active"] for row in inactive} == {False}
    assert len(inactive) + len(default) == len(every)
    assert server.get(ASSIGNMENTS, token, active="perhaps").json()["errors"] == {
        "active": ["The value 'perhaps' is not valid."]
    }


def test_appointments_show_all_unless_asked_and_jobs_have_no_such_filter() -> None:
    busy = World(Clock(NOW), rows_max=5000, scale=10, months=2)
    with served(busy) as server:
        token = server.token()
        every, inactive = server.rows("appointments", token), server.rows("appointments", token, active="False")
        jobs = server.rows("jobs", token, active="False")

    assert {row["active"] for row in every} == {True, False}
    assert {row["active"] for row in inactive} == {False}
    assert {row["active"] for row in jobs} == {True, False}


def test_rows_with_one_time_of_change_lie_on_both_sides_of_a_page(server: Server) -> None:
    pages = [page["data"] for page in server.pages(EXPORTS["jobs"] % 1004, server.token()) if page["data"]]

    split = [
        {row["modifiedOn"] for row in page} & {row["modifiedOn"] for row in following}
        for page, following in pairwise(pages)
    ]

    assert any(split)


def late_job(world: World) -> tuple[int, datetime, datetime]:
    """A job's first change, when it says that it was made, and when it could be seen first."""
    history = world.business(1004).history("jobs", NOW)
    return next(
        (revision.id, revision.at, revision.shown_at)
        for revision in reversed(history.current(NOW))
        if revision.shown_at > revision.at + timedelta(minutes=3)
    )


def test_a_row_that_is_committed_late_lies_before_the_place_and_comes_all_the_same(server: Server) -> None:
    id_, at, shown_at = late_job(server.world)
    server.world.clock.freeze(shown_at - timedelta(seconds=1))
    token = server.token()
    start = (at - timedelta(hours=2)).strftime("%Y-%m-%dT%H:%M:%SZ")
    path = EXPORTS["jobs"] % 1004
    before = list(server.pages(path, token, start, includeRecentChanges="true"))
    # A place of its own, further on than the late row: another row was changed since.
    other = next(row["id"] for row in server.world.rows(1004, "jobs") if row["id"] != id_)
    server.control("POST", f"tenants/1004/rows/jobs/{other}", {"set": {"priority": "High"}})

    server.world.clock.freeze(shown_at)
    after = list(server.pages(path, token, before[-1]["continueFrom"], includeRecentChanges="true"))

    stamps = {row["id"]: row["modifiedOn"] for page in after for row in page["data"]}
    assert id_ in stamps
    assert stamps[id_] < stamps[other]
    assert (id_, stamps[id_]) not in {(row["id"], row["modifiedOn"]) for page in before for row in page["data"]}


def test_what_is_committed_late_is_there_when_the_quarter_of_an_hour_is_over(server: Server) -> None:
    id_, at, _ = late_job(server.world)
    server.world.clock.freeze(at + timedelta(minutes=15))
    start = (at - timedelta(hours=2)).strftime("%Y-%m-%dT%H:%M:%SZ")

    rows = server.rows("jobs", server.token(), start=start)

    assert id_ in {row["id"] for row in rows}


def test_a_change_by_hand_may_be_committed_when_the_feed_is_past_it(server: Server) -> None:
    path, token = EXPORTS["jobs"] % 1004, server.token()
    place = list(server.pages(path, token))[-1]["continueFrom"]
    row = server.world.rows(1004, "jobs")[0]
    change = {
        "set": {"jobStatus": "Paused"},
        "modifiedOn": (NOW - timedelta(days=2)).isoformat(),
        "shownAt": (NOW + timedelta(minutes=1)).isoformat(),
    }

    answer = server.control("POST", f"tenants/1004/rows/jobs/{row['id']}", change)
    server.world.clock.advance(timedelta(minutes=14))

    assert answer.status_code == 204
    # The feed's reader does not meet it any more; who reads the days once more does.
    assert row["id"] not in {found["id"] for page in server.pages(path, token, place) for found in page["data"]}
    again = {found["id"]: found for found in server.rows("jobs", token, start="2026-11-19")}
    assert again[row["id"]]["jobStatus"] == "Paused"
    assert [found["jobStatus"] for found in server.world.rows(1004, "jobs") if found["id"] == row["id"]] == ["Paused"]


@pytest.mark.parametrize(
    ("row", "change", "status"),
    [
        ("1", {"set": {}}, 404),
        ("%d", {"modifiedOn": "2000-01-01T00:00:00Z"}, 404),
        ("%d", {"modifiedOn": "yesterday"}, 400),
        ("%d", {"modifiedOn": "2026-11-22T10:00:00"}, 400),
        ("%d", {"modifiedOn": "2026-11-22T10:00:00Z", "shownAt": "2026-11-22T09:00:00Z"}, 400),
        ("%d", {"set": {"id": 7}}, 400),
        ("%d", {"set": [1]}, 400),
        ("%d", {"jobStatus": "Paused"}, 400),
    ],
)
def test_a_change_by_hand_that_makes_no_sense_is_refused(
    server: Server, row: str, change: dict[str, Any], status: int
) -> None:
    before = server.world.rows(1004, "jobs")
    id_ = row % before[0]["id"] if "%" in row else row

    assert server.control("POST", f"tenants/1004/rows/jobs/{id_}", change).status_code == status
    assert server.world.rows(1004, "jobs") == before


def test_a_change_by_hand_stays_through_what_comes_after_it(server: Server) -> None:
    ends = {row["id"]: row for row in World(Clock(NOW)).rows(1004, "jobs")}
    server.world.clock.freeze(NOW - timedelta(days=5))
    id_ = next(row["id"] for row in server.world.rows(1004, "jobs") if ends[row["id"]] != row)

    server.control("POST", f"tenants/1004/rows/jobs/{id_}", {"set": {"priority": "Urgent"}})
    server.world.clock.freeze(NOW)

    now = next(found for found in server.world.rows(1004, "jobs") if found["id"] == id_)
    assert now == {**ends[id_], "priority": "Urgent"}


def test_campaigns_are_the_active_ones_with_no_total_unless_asked(server: Server) -> None:
    token = server.token()

    default = server.get(CAMPAIGNS, token, pageSize=100).json()
    every = server.get(CAMPAIGNS, token, active="Any", includeTotal="true", pageSize=100).json()

    assert {row["active"] for row in default["data"]} == {True}
    assert default["totalCount"] is None
    assert every["totalCount"] == len(every["data"]) == len(server.world.rows(1004, "campaigns")) > len(default["data"])
    assert server.get(CAMPAIGNS, token, pageSize=5000).status_code == 200
    assert server.get(CAMPAIGNS, token, pageSize=5001).status_code == 400
    assert server.get(CAMPAIGNS, token, active="x").status_code == 400


def test_a_list_takes_no_notice_of_its_sort(server: Server) -> None:
    token = server.token()

    down = server.get(CAMPAIGNS, token, sort="-Id").json()["data"]

    assert down == server.get(CAMPAIGNS, token).json()["data"] != down[::-1]


def test_a_campaign_that_ends_between_two_pages_pushes_another_out_of_sight(server: Server) -> None:
    """Who only turns pages loses a row, and who asks for the total sees that one is missing."""
    token = server.token()

    def page(number: int) -> dict[str, Any]:
        return dict(server.get(CAMPAIGNS, token, page=number, pageSize=4, includeTotal="true").json())

    whole = [row["id"] for number in (1, 2) for row in page(number)["data"]]
    first = page(1)
    server.control("POST", "tenants/1004/rows/campaigns/301", {"set": {"active": False}})
    second = page(2)

    seen = [row["id"] for row in first["data"] + second["data"]]
    assert set(whole) - set(seen) == {305}
    assert (first["totalCount"], second["totalCount"]) == (7, 6)
    assert (first["hasMore"], second["hasMore"]) == (True, False)


def test_a_month_has_a_campaign_of_its_own_that_ends_with_it(server: Server) -> None:
    seasonal = {row["name"]: row["active"] for row in server.world.rows(1004, "campaigns") if "Seasonal" in row["name"]}

    assert seasonal["Seasonal 2026-11"] is True
    assert seasonal["Seasonal 2026-10"] is False
    assert len(seasonal) == 7
