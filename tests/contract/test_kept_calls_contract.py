"""What every store of calls that may be sent again promises: a key has one holder, and only that one writes to it."""

import base64
import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from botocore.exceptions import ReadTimeoutError

from tests.fakes.memory_kept_calls import MemoryKeptCalls
from tests.fakes.moto_dynamodb import dynamodb_client
from tollgate.adapters.dynamodb_kept_calls import DynamoDbKeptCalls
from tollgate.domain.errors import LedgerUnavailable
from tollgate.domain.idempotency import Attempt, KeptAnswer, KeptCall
from tollgate.ports import KeptCalls

TABLE = "Idempotency"
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
LATER = NOON + timedelta(seconds=30)
FIRST = Attempt(
    tenant_id="acme",
    key="booking 7",
    fingerprint="a" * 64,
    token="first",
    until=NOON + timedelta(seconds=60),
    expires_at=NOON + timedelta(hours=24),
)
SECOND = replace(FIRST, token="second", until=FIRST.until + timedelta(hours=1))
ANSWER = KeptAnswer(
    status=200,
    content_type="text/event-stream; charset=utf-8",
    headers={"x-tollgate-cost-usd": "0.000017500"},
    body='data: {"text": "Grüße 🔧"}\n\ndata: [DONE]\n\n',
)


@pytest.fixture(params=["memory", "dynamodb"])
def calls(request: pytest.FixtureRequest) -> Iterator[KeptCalls]:
    if request.param == "memory":
        yield MemoryKeptCalls()
        return
    with dynamodb_client() as client:
        _make_table(client)
        yield DynamoDbKeptCalls(client, TABLE)


def _make_table(client: object) -> None:
    client.create_table(  # type: ignore[attr-defined]
        TableName=TABLE,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
    )


def keep(calls: KeptCalls, attempt: Attempt, answer: KeptAnswer = ANSWER) -> bool:
    return calls.keep(attempt, answer, clock=lambda: LATER, until=FIRST.until)


def test_a_key_is_taken_once(calls: KeptCalls) -> None:
    assert calls.claim(FIRST, NOON) is None

    assert calls.claim(SECOND, LATER) == KeptCall(attempt=FIRST)


def test_a_claim_that_is_sent_twice_counts_once(calls: KeptCalls) -> None:
    assert calls.claim(FIRST, NOON) is None
    assert calls.claim(FIRST, NOON) is None


def test_what_was_kept_is_given_as_it_was(calls: KeptCalls) -> None:
    calls.claim(FIRST, NOON)

    assert keep(calls, FIRST)
    assert keep(calls, FIRST), "sent again it is the same"

    assert calls.claim(SECOND, LATER) == KeptCall(attempt=FIRST, answer=ANSWER)


def test_an_answer_without_its_text_is_kept_as_such(calls: KeptCalls) -> None:
    calls.claim(FIRST, NOON)
    keep(calls, FIRST, replace(ANSWER, body=None))

    there = calls.claim(SECOND, LATER)

    assert there is not None
    assert there.answer == replace(ANSWER, body=None)


def test_an_answer_that_is_too_large_is_kept_without_its_text(calls: KeptCalls) -> None:
    # Text that hardly packs.
    large = replace(ANSWER, body=base64.b64encode(os.urandom(1_600_000)).decode())
    calls.claim(FIRST, NOON)

    assert keep(calls, FIRST, large)

    there = calls.claim(SECOND, LATER)
    assert there is not None
    assert there.answer == replace(ANSWER, body=None)


def test_an_answer_of_a_megabyte_of_prose_is_kept(calls: KeptCalls) -> None:
    large = replace(ANSWER, body="The technician comes at nine. " * 35_000)
    calls.claim(FIRST, NOON)
    keep(calls, FIRST, large)

    there = calls.claim(SECOND, LATER)

    assert there is not None
    assert there.answer == large


def test_a_released_key_is_free(calls: KeptCalls) -> None:
    calls.claim(FIRST, NOON)
    calls.release(FIRST)

    assert calls.claim(SECOND, LATER) is None


def test_the_key_of_a_function_that_died_is_free_after_its_time(calls: KeptCalls) -> None:
    calls.claim(FIRST, NOON)

    assert calls.claim(SECOND, FIRST.until) is not None
    assert calls.claim(SECOND, FIRST.until + timedelta(milliseconds=1)) is None


def test_an_answer_outlives_the_function_that_gave_it_until_the_key_is_forgotten(calls: KeptCalls) -> None:
    calls.claim(FIRST, NOON)
    keep(calls, FIRST)

    assert calls.claim(SECOND, FIRST.expires_at - timedelta(seconds=1)) is not None
    assert calls.claim(SECOND, FIRST.expires_at) is None


def test_a_function_that_thaws_after_its_time_touches_nothing_of_the_next(calls: KeptCalls) -> None:
    calls.claim(FIRST, NOON)
    calls.claim(SECOND, FIRST.until + timedelta(seconds=1))

    assert not keep(calls, FIRST)
    calls.release(FIRST)

    assert calls.claim(replace(FIRST, token="third"), FIRST.until + timedelta(seconds=2)) == KeptCall(attempt=SECOND)


def test_what_was_never_claimed_is_not_kept(calls: KeptCalls) -> None:
    assert not keep(calls, FIRST)
    assert calls.claim(SECOND, LATER) is None


def test_each_tenant_has_keys_of_its_own(calls: KeptCalls) -> None:
    calls.claim(FIRST, NOON)
    keep(calls, FIRST)

    assert calls.claim(replace(SECOND, tenant_id="other"), LATER) is None


def test_nothing_is_begun_when_the_functions_time_is_over(calls: KeptCalls) -> None:
    calls.claim(FIRST, NOON)

    with pytest.raises(LedgerUnavailable):
        calls.keep(FIRST, ANSWER, clock=lambda: LATER, until=LATER)


def test_a_claim_whose_answer_was_lost_is_tried_again_and_is_still_this_calls_own() -> None:
    with dynamodb_client() as client:
        _make_table(client)
        calls = DynamoDbKeptCalls(_LosesOneAnswer(client), TABLE)

        assert calls.claim(FIRST, NOON) is None
        assert calls.claim(SECOND, NOON) == KeptCall(attempt=FIRST)


class _LosesOneAnswer:
    """DynamoDB whose first write lands without its answer."""

    def __init__(self, client: object) -> None:
        self._client = client
        self._lost = False

    def put_item(self, **asked: object) -> object:
        answer = self._client.put_item(**asked)  # type: ignore[attr-defined]
        if not self._lost:
            self._lost = True
            raise ReadTimeoutError(endpoint_url="http://dynamodb")
        return answer
