"""Drifts in Postgres: one row for each, from when it was first seen until it is gone."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from unittest.mock import patch

import boto3
import pytest
from moto import mock_aws

from tests.fakes.moto_dynamodb import NOBODY
from tollgate.adapters.eventbridge_alerts import EventBridgeAlerts
from tollgate.adapters.postgres import Postgres
from tollgate.adapters.postgres_drifts import PostgresDrifts
from tollgate.domain.drift import OF_THE_SPANS, Drift, DriftKind, Subject
from tollgate.domain.money import NanoUsd
from tollgate.usecases.note_drifts import DriftNews, note_drifts

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
MONTHLY = Subject(kind=DriftKind.SPENT, tenant_id="acme-hvac", month="2026-11")
DAILY = replace(MONTHLY, day=date(2026, 11, 23))
NOBODY_S = Subject(kind=DriftKind.SPENT, tenant_id=None, month="2026-11")


def drift(subject: Subject = MONTHLY, *, found: int = 5, **detail: str) -> Drift:
    return Drift(subject=subject, expected=NanoUsd(7), found=NanoUsd(found), detail=detail)


@pytest.fixture
def book(postgres: Postgres) -> PostgresDrifts:
    return PostgresDrifts(postgres)


def note(book: PostgresDrifts, *seen: Drift, at: datetime = NOON, compared: str = "acme-hvac") -> DriftNews:
    return note_drifts(
        seen, book, kinds=OF_THE_SPANS, was_compared=lambda subject: subject.tenant_id in (compared, None), at=at
    )


def test_a_drift_that_is_seen_again_is_the_same_row_with_the_newest_figures(book: PostgresDrifts) -> None:
    first = note(book, drift())
    second = note(book, drift(found=4, why="more"), at=NOON + HOUR)

    [kept] = book.newest(9)
    assert [each.drift for each in first.opened] == [drift()]
    assert second == DriftNews(opened=[], closed=[])
    assert (kept.drift, kept.drift.amount) == (drift(found=4, why="more"), -3)
    assert (kept.first_seen_at, kept.last_seen_at, kept.closed_at) == (NOON, NOON + HOUR, None)


def test_a_month_a_day_and_what_is_of_no_tenant_are_drifts_of_their_own_and_each_only_one(book: PostgresDrifts) -> None:
    note(book, drift(), drift(DAILY), drift(NOBODY_S))
    again = note(book, drift(), drift(DAILY), drift(NOBODY_S), drift(NOBODY_S), at=NOON + HOUR)

    assert again.opened == []
    assert {kept.drift.subject for kept in book.newest(9)} == {MONTHLY, DAILY, NOBODY_S}
    assert len(book.newest(9)) == 3


def test_a_drift_that_is_gone_is_closed_and_one_that_comes_back_is_a_new_one(book: PostgresDrifts) -> None:
    note(book, drift(), drift(DAILY))
    news = note(book, drift(DAILY), at=NOON + HOUR)
    back = note(book, drift(), drift(DAILY), at=NOON + 2 * HOUR)

    assert [(kept.drift.subject, kept.closed_at) for kept in news.closed] == [(MONTHLY, NOON + HOUR)]
    assert [kept.drift.subject for kept in back.opened] == [MONTHLY]
    assert [kept.closed_at for kept in book.newest(9)] == [None, None, NOON + HOUR]
    assert len(book.newest(0)) == 2


def test_what_was_not_looked_at_stays_open(book: PostgresDrifts) -> None:
    note(book, drift())

    assert note(book, compared="another").closed == []
    assert [kept.drift.subject for kept in book.open({DriftKind.SPENT})] == [MONTHLY]
    assert book.open({DriftKind.MISSING_SPANS}) == []


class Told:
    def __init__(self) -> None:
        self.events: list[str] = []

    def tell(self, event: str, facts: object) -> None:
        self.events.append(event)


@pytest.fixture
def queue() -> Iterator[str]:
    """The events of the source `tollgate`, as a rule hands them on."""
    with patch.dict("os.environ", NOBODY), mock_aws():
        sqs, events = boto3.client("sqs"), boto3.client("events")
        url = sqs.create_queue(QueueName="alerts")["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        events.put_rule(Name="alerts", EventPattern=json.dumps({"source": ["tollgate"]}))
        events.put_targets(Rule="alerts", Targets=[{"Id": "queue", "Arn": arn}])
        yield url


def test_an_alert_is_an_event_that_a_rule_can_hand_on(queue: str) -> None:
    beside = Told()

    EventBridgeAlerts(boto3.client("events"), "default", beside).tell("DriftFound", {"tenant_id": "acme-hvac"})

    [message] = boto3.client("sqs").receive_message(QueueUrl=queue)["Messages"]
    event = json.loads(message["Body"])
    assert (event["detail-type"], event["detail"]) == ("DriftFound", {"tenant_id": "acme-hvac"})
    assert beside.events == ["DriftFound"]


def test_a_bus_that_is_away_fails_nobody_s_work(queue: str, caplog: pytest.LogCaptureFixture) -> None:
    beside = Told()

    EventBridgeAlerts(boto3.client("events"), "no-such-bus", beside).tell("DriftFound", {})

    assert beside.events == ["DriftFound"]
    assert "an alert was not sent" in caplog.text
