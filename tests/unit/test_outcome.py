import pytest

from tests.fakes.ledger_world import DEAR, a_hold
from tollgate.domain.outcome import Answered, Declined, NotSent, Unclear, UpstreamResult, settlement_of
from tollgate.domain.span import Outcome
from tollgate.domain.usage import Usage

HOLD = a_hold("call", 40, tokens=50)


@pytest.mark.parametrize(
    ("result", "cost", "tokens", "outcome"),
    [
        (Answered(body={}, usage=Usage(uncached=3, output=4), tier="default"), 7, 7, Outcome.OK),
        (Answered(body={}, usage=Usage(), tier="default"), 0, 0, Outcome.OK),
        (Answered(body={}, usage=Usage(uncached=60), tier="default"), 60, 60, Outcome.OK),
        (Declined(status=400, body={}, message=""), 0, 0, Outcome.REJECTED),
        (Declined(status=404, body={}, message=""), 0, 0, Outcome.REJECTED),
        (Declined(status=429, body={}, message=""), 0, 0, Outcome.FAILED),
        (Declined(status=500, body={}, message=""), 0, 0, Outcome.FAILED),
        (NotSent(message=""), 0, 0, Outcome.REJECTED),
        (Unclear(message="", code="timeout"), 40, 50, Outcome.UNKNOWN),
    ],
)
def test_a_call_settles_at_its_bill_and_in_full_where_the_bill_is_not_known(
    result: UpstreamResult, cost: int, tokens: int, outcome: Outcome
) -> None:
    settlement = settlement_of(result, HOLD, DEAR)

    assert (settlement.cost, settlement.tokens, settlement.outcome) == (cost, tokens, outcome)


@pytest.mark.parametrize(
    ("result", "code"),
    [
        (Declined(status=429, body={}, message="", code="insufficient_quota"), "insufficient_quota"),
        (Declined(status=503, body={}, message=""), "503"),
        (NotSent(message=""), "not_sent"),
        (Unclear(message="", code="stream_cut"), "stream_cut"),
    ],
)
def test_a_call_that_failed_says_why(result: UpstreamResult, code: str) -> None:
    assert settlement_of(result, HOLD, DEAR).error_code == code
