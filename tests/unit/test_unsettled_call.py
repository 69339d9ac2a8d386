"""What the provider's minutes prove of a call that nobody saw the end of, and what they do not."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from tollgate.adapters.price_book import FilePriceBook
from tollgate.domain.errors import ModelNotPriced
from tollgate.domain.money import NanoUsd
from tollgate.domain.provider_bill import ProviderUsage, Width
from tollgate.domain.unsettled_call import Finding, Knowledge, KnownCall, findings
from tollgate.domain.usage import NO_USAGE, Usage

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
START, END = NOON - timedelta(hours=12), NOON + timedelta(hours=12)
USED = Usage(uncached=100, output=20)
LOST = KnownCall(
    hold="2026-11.23.Alost0000000",
    model="gpt-4o",
    began=NOON,
    ended=NOON + timedelta(minutes=3),
    knowledge=Knowledge.OPEN,
    booked=NanoUsd(1_000),
)
KNOWN = KnownCall(
    hold="2026-11.23.Aknown000000",
    model="gpt-4o",
    began=NOON + timedelta(minutes=1),
    ended=NOON + timedelta(minutes=1, seconds=5),
    knowledge=Knowledge.USED,
    booked=NanoUsd(120),
    usage=USED,
)


def bucket(
    minutes: int, usage: Usage = USED, *, requests: int = 1, tier: str = "default", model: str = "gpt-4o"
) -> ProviderUsage:
    return ProviderUsage(
        start=NOON + timedelta(minutes=minutes),
        width=Width.MINUTE,
        endpoint="completions",
        project="proj_a",
        model=model,
        tier=tier,
        requests=requests,
        usage=usage,
    )


def found(calls: list[KnownCall], *minutes: ProviderUsage) -> list[Finding]:
    def cost_of(_model: str, usage: Usage, _tier: str, _at: datetime) -> NanoUsd:
        return NanoUsd(usage.total)

    return list(findings(calls, minutes, start=START, end=END, cost_of=cost_of))


def test_a_call_that_no_request_is_left_for_was_never_billed() -> None:
    [finding] = found([LOST, KNOWN], bucket(1))

    assert (finding.call, finding.cost, finding.usage) == (LOST, 0, NO_USAGE)


def test_the_one_request_that_nobody_else_made_is_the_call_s() -> None:
    [finding] = found([LOST, KNOWN], bucket(1, Usage(uncached=150, output=27), requests=2))

    assert (finding.cost, finding.usage) == (57, Usage(uncached=50, output=7))


def test_of_two_lost_calls_and_one_request_nothing_is_told() -> None:
    other = replace(LOST, hold="2026-11.23.Aother000000")

    assert found([LOST, other], bucket(0)) == []


def test_two_lost_calls_and_no_request_are_both_told() -> None:
    other = replace(LOST, hold="2026-11.23.Aother000000")

    assert [finding.cost for finding in found([LOST, other])] == [0, 0]


def test_a_failed_call_nearby_may_have_made_the_request() -> None:
    failed = replace(LOST, hold="2026-11.23.Afailed00000", knowledge=Knowledge.DOUBTFUL, booked=NanoUsd(0))

    assert found([LOST, failed], bucket(0)) == []


def test_a_request_dearer_than_the_call_s_worst_case_is_not_its_own() -> None:
    assert found([LOST], bucket(0, Usage(uncached=1_001))) == []


def test_a_request_of_a_cheaper_model_than_the_hold_s_may_be_the_call_s() -> None:
    [finding] = found([LOST, KNOWN], bucket(1), bucket(2, Usage(uncached=9), model="gpt-4o-mini"))

    assert (finding.call, finding.cost) == (LOST, 9)


def test_requests_of_two_models_are_not_one_call_s() -> None:
    assert found([LOST], bucket(1), bucket(1, model="gpt-4o-mini")) == []


def test_a_request_of_a_tier_that_cannot_be_told_is_left_alone() -> None:
    twice = bucket(1, Usage(uncached=100, output=20)), bucket(1, Usage(uncached=9), tier="priority")

    assert found([LOST, KNOWN], *twice) == []


def test_a_request_of_a_model_that_has_no_price_is_left_alone() -> None:
    def cost_of(model: str, _usage: Usage, _tier: str, _at: datetime) -> NanoUsd:
        raise ModelNotPriced(model)

    assert findings([LOST], [bucket(1)], start=START, end=END, cost_of=cost_of) == []


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ("gpt-4o-2024-08-06", "gpt-4o"),
        ("gpt-4o", "gpt-4o"),
        ("ft:gpt-4o-mini-2024-07-18:acme::a1", "ft:gpt-4o-mini-2024-07-18:acme::a1"),
        ("gpt-99", "gpt-99"),
    ],
)
def test_the_dated_names_of_a_model_are_one(model: str, name: str) -> None:
    assert FilePriceBook().entry_of(model) == name


def test_fewer_tokens_than_are_known_prove_nothing() -> None:
    assert found([LOST, KNOWN], bucket(1, Usage(uncached=99, output=20))) == []


def test_figures_that_miss_a_known_call_prove_nothing() -> None:
    assert found([LOST, KNOWN]) == []


def test_a_call_whose_stretch_the_figures_do_not_cover_is_left_alone() -> None:
    late = replace(LOST, began=END - timedelta(seconds=30), ended=END + timedelta(minutes=1))

    assert found([late]) == []
    assert len(found([LOST])) == 1


def test_a_request_of_a_minute_in_which_nobody_called_silences_all() -> None:
    assert found([LOST], bucket(60)) == []
    assert found([LOST], bucket(60, NO_USAGE, requests=0)) != []
