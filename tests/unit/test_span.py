from dataclasses import fields, replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes.ledger_world import NOON, a_hold, a_price, a_settlement
from tollgate.adapters.price_book import FilePriceBook
from tollgate.domain.call_span import CallFacts, span_of
from tollgate.domain.money import NanoUsd
from tollgate.domain.outcome import Settlement
from tollgate.domain.span import BYTES_MAX, KEYS, LABEL_BYTES_MAX, Attribution, Outcome, Span, from_text, to_text
from tollgate.domain.tenant import LIMIT_MAX
from tollgate.domain.usage import Usage

PRINTABLE = st.characters(exclude_categories=("C", "Z"))
WIDE_LABELS = ("a" * 64, '"' * 32, "\\" * 32, "é" * 32, "語" * 21, "🛠" * 16, '"a' * 21)
TOKENS = 10**9 - 1


def _is_label(text: str) -> bool:
    try:
        Attribution(agent=text)
    except ValueError:
        return False
    return True


LABELS = st.text(PRINTABLE, min_size=1, max_size=64).filter(_is_label) | st.sampled_from(WIDE_LABELS)


@st.composite
def spans(draw: st.DrawFn) -> Span:
    amounts, tokens, text = st.integers(-(10**17), 10**17), st.integers(0, TOKENS), st.none() | LABELS
    at = draw(st.datetimes(datetime(2020, 1, 1), datetime(2040, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001
    strategies = {
        "posting": st.sampled_from(["settle", "late", "record"]),
        "hold": st.just("k" * 12),
        "day": st.just("05"),
        "outcome": st.sampled_from(Outcome),
        "cost_nanousd": amounts,
        "held_nanousd": amounts,
        "saved_nanousd": amounts,
        **dict.fromkeys(("uncached", "cached", "written", "output", "reasoning"), tokens),
        "opened_at": st.none() | st.just(at.replace(microsecond=0)),
        **dict.fromkeys(("latency_ms", "upstream_ms"), st.none() | st.integers(1, 900_000)),
    }
    values = {field.name: draw(strategies.get(field.name, text)) for field in fields(Span) if field.name != "at"}
    return Span(at=at.replace(microsecond=at.microsecond // 1000 * 1000), **values)


@given(spans())
def test_a_span_survives_the_way_through_its_page(span: Span) -> None:
    try:
        text = to_text(span)
    except ValueError:
        return  # fifteen wide labels at once are more than any code of ours makes

    assert from_text(text) == span
    assert len(text.encode()) <= BYTES_MAX
    assert "\0" not in text


def _widest_settlement(label: str, upstream_words: str) -> Span:
    """Everything that a governed call's span can hold, each as wide as it can come."""
    model = max(FilePriceBook().models(), key=len) + "-2026-11-23"
    usage = Usage(uncached=TOKENS, cached=TOKENS, written=TOKENS, output=TOKENS, reasoning=TOKENS)
    settlement = Settlement(
        cost=NanoUsd(LIMIT_MAX),
        tokens=5 * TOKENS,
        outcome=Outcome.CANCELLED,
        usage=usage,
        tier=upstream_words,
        error_code=upstream_words,
    )
    facts = CallFacts(
        requested=a_price(model, per_token=10**12),
        served=a_price(model),
        attribution=Attribution(agent=label, run_id=label, job_id=label, booking_id=label, call_id=label),
        request_id=upstream_words,
        downgrade_reason="monthly_budget",
        upstream_id=upstream_words,
        latency_ms=900_000,
        upstream_ms=900_000,
    )
    return span_of(settlement, a_hold("key", int(LIMIT_MAX), model=model), facts, NOON.replace(microsecond=999_999))


@pytest.mark.parametrize("label", WIDE_LABELS)
@pytest.mark.parametrize("upstream_words", ["r" * 500, '"' * 500, "語" * 500, "\\\x1f\u2028🛠" * 99])
def test_the_widest_span_of_a_call_fits_its_kilobyte(label: str, upstream_words: str) -> None:
    """If it did not, a call that was paid for could not be settled, and whoever names the labels could see to that."""
    text = to_text(_widest_settlement(label, upstream_words))

    assert len(text.encode()) <= BYTES_MAX
    assert from_text(text).run_id == label


@pytest.mark.parametrize("label", ["", "a" * 65, "é" * 33, '"' * 33, "\\" * 33, "a\nb", "a\0b", "\ud800", "a\u2028b"])
def test_a_label_that_is_empty_too_wide_or_not_printable_is_refused(label: str) -> None:
    with pytest.raises(ValueError, match="run_id"):
        Attribution(run_id=label)


def test_a_quote_in_a_label_counts_as_the_two_bytes_that_it_takes() -> None:
    assert Attribution(run_id='"' * (LABEL_BYTES_MAX // 2)).run_id is not None


def test_what_the_upstream_names_oddly_still_makes_a_span() -> None:
    facts = CallFacts(requested=a_price("dear"), served=a_price("dear"), attribution=Attribution(), request_id="r")
    settlement = replace(a_settlement(1), error_code=429, tier=7)  # type: ignore[arg-type]

    span = span_of(settlement, a_hold(), facts, NOON)

    assert (span.error_code, span.service_tier) == ("429", "7")


def test_every_field_has_a_short_name_of_its_own() -> None:
    assert set(KEYS) == {field.name for field in fields(Span)}
    assert len(set(KEYS.values())) == len(KEYS)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"p":"settle"}', '{"t":1}', "null"])
def test_what_is_not_a_span_is_not_read_as_one(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        from_text(text)
